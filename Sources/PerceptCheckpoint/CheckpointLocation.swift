import PerceptFiles

/// Where a model's weights are, given what the user names.
package enum CheckpointLocation {
    /// The files that hold the weights at `path`: itself, or what lies in it when it is a directory.
    ///
    /// In a directory the order of preference is: safetensors, one or sharded (timm, transformers, open_clip), then
    /// PyTorch files by their customary names, then the only file of a known kind.
    package static func weights(at path: String) throws(CheckpointError) -> [String] {
        guard Files.exists(path) else { throw .unreadable(file: path, reason: "no such file or directory") }
        guard Files.isDirectory(path) else { return [path] }
        let names: [String]
        do { names = try Files.names(in: path) } catch { throw .unreadable(file: path, reason: error.description) }
        let directory = path.hasSuffix("/") ? path : path + "/"
        let customary = [
            "model.safetensors.index.json", "model.safetensors", "open_clip_model.safetensors", "pytorch_model.bin",
            "open_clip_pytorch_model.bin", "consolidated.pth",
        ]
        if let name = customary.first(where: names.contains) { return [directory + name] }
        let consolidated = names.filter { $0.hasPrefix("consolidated.") && $0.hasSuffix(".pth") }
        if !consolidated.isEmpty { return consolidated.map { directory + $0 } }
        let candidates = names.filter { name in [".safetensors", ".pt", ".pth"].contains { name.hasSuffix($0) } }
        guard candidates.count == 1 else {
            let found = candidates.isEmpty ? "no weights" : "several: " + candidates.joined(separator: ", ")
            throw .unreadable(file: path, reason: "expected one file of weights in this directory, found \(found)")
        }
        return [directory + candidates[0]]
    }
}
