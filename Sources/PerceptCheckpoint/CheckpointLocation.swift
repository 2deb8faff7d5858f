import PerceptFiles

/// Where a model's weights are, given what the user names.
package enum CheckpointLocation {
    /// What was found.
    package struct Weights: Sendable {
        /// The files that hold them; of a name in several the last file holds.
        package let files: [String]
        /// What was passed over, for the user.
        package let notes: [String]
    }

    /// The endings of files of weights.
    static let suffixes = [".safetensors", ".pt", ".pth", ".bin", ".ckpt", ".pth.tar", ".pt.tar"]
    /// Names that programs give, those first that are preferred: they load fast and hold nothing else.
    private static let customary = [
        "model.safetensors.index.json", "model.safetensors", "open_clip_model.safetensors",
        "diffusion_pytorch_model.safetensors", "pytorch_model.bin.index.json", "pytorch_model.bin",
        "open_clip_pytorch_model.bin", "consolidated.pth",
    ]
    /// Files with the endings of weights that hold what trainers keep beside them.
    private static let others: Set<String> = [
        "training_args.bin", "optimizer.bin", "optimizer.pt", "scheduler.bin", "scheduler.pt", "scaler.pt",
        "random_states_0.pkl", "rng_state.pth", "adapter_model.safetensors", "adapter_model.bin",
    ]

    /// The files that hold the weights at `path`: itself, or what lies in it when it is a directory.
    ///
    /// In a directory the order of preference is: safetensors, one or sharded (timm, transformers, open_clip), then
    /// PyTorch files by their customary names, then the only file of a known kind.
    package static func weights(at path: String) throws(CheckpointError) -> Weights {
        guard Files.exists(path) else { throw .absent(file: path, detail: nil) }
        guard Files.isDirectory(path) else { return Weights(files: [path], notes: []) }
        let names: [String]
        do { names = try Files.names(in: path) } catch { throw .unreadable(file: path, reason: error.description) }
        let directory = path.hasSuffix("/") ? path : path + "/"
        let candidates = names.filter { name in
            suffixes.contains { name.lowercased().hasSuffix($0) } && !others.contains(name)
        }
        if let name = customary.first(where: names.contains) {
            // Shards belong to their index.
            let passed = candidates.filter { $0 != name && !(name.hasSuffix(".index.json") && $0.contains("-of-")) }
            return Weights(files: [directory + name], notes: note(of: [name], among: passed, in: path))
        }
        let consolidated = names.filter { $0.hasPrefix("consolidated.") && $0.hasSuffix(".pth") }
        if !consolidated.isEmpty {
            let passed = candidates.filter { !consolidated.contains($0) }
            return Weights(
                files: consolidated.map { directory + $0 }, notes: note(of: consolidated, among: passed, in: path))
        }
        let indices = names.filter { $0.hasSuffix(".index.json") }
        if indices.count == 1 { return Weights(files: [directory + indices[0]], notes: []) }
        guard candidates.count == 1, indices.isEmpty else {
            if candidates.isEmpty, let advice = advice(names) { throw .unsupported(file: path, feature: advice) }
            let found =
                candidates.isEmpty && indices.isEmpty
                ? "no weights" : "several: " + (indices + candidates).joined(separator: ", ")
            throw .unreadable(
                file: path,
                reason: "expected one file of weights in this directory, found \(found)"
                    + (candidates.isEmpty ? "" : "; name the file that is meant"))
        }
        return Weights(files: [directory + candidates[0]], notes: [])
    }

    private static func note(of taken: [String], among passed: [String], in path: String) -> [String] {
        guard !passed.isEmpty else { return [] }
        let list = passed.prefix(4).joined(separator: ", ") + (passed.count > 4 ? ", …" : "")
        return ["\(path): \(taken.joined(separator: ", ")) was taken, by its customary name, and not \(list)"]
    }

    /// What to do with a directory of training programs that hold a model in pieces.
    private static func advice(_ names: [String]) -> String? {
        if names.contains("adapter_model.safetensors") || names.contains("adapter_model.bin") {
            return
                "an adapter without its model: merge it (merge_and_unload() of peft) and save the whole; as it is, it"
        }
        if names.contains(".metadata"), names.contains(where: { $0.hasSuffix(".distcp") }) {
            return "a distributed checkpoint of PyTorch: make it one file with python -m "
                + "torch.distributed.checkpoint.format_utils dcp_to_torch DIRECTORY weights.pt; as it is, it"
        }
        if names.contains("zero_to_fp32.py") || names.contains(where: { $0.contains("_optim_states.pt") }) {
            return "a checkpoint of DeepSpeed in parts: make it one file with python zero_to_fp32.py DIRECTORY OUTPUT; "
                + "as it is, it"
        }
        if names.contains(where: { $0.hasSuffix(".gguf") || $0.hasSuffix(".onnx") || $0.hasSuffix(".msgpack") }) {
            return "a directory with weights of another kind than safetensors and PyTorch"
        }
        return nil
    }
}
