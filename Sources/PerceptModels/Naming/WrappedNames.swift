import PerceptCheckpoint

/// The tensors of a checkpoint without what training programs put around a model's own names: the parts that wrapping
/// modules add (DataParallel, torch.compile, FSDP, activation checkpoints, DeepSpeed, averages), and one prefix.
struct WrappedNames {
    /// Tensors by the names that the model gave them.
    private(set) var tensors: [(name: String, tensor: CheckpointTensor)] = []
    /// Those outside the prefix, by their names in the file: they belong to no part of the model.
    private(set) var strays: [CheckpointTensor] = []
    private(set) var notes: [String] = []

    /// What wrapping modules call the module they wrap, anywhere in a name.
    private static let wrappers: Set<String> = [
        "module", "_orig_mod", "_fsdp_wrapped_module", "_fpw_module", "_checkpoint_wrapped_module", "_forward_module",
    ]
    /// What programs call a model that is a part of theirs, before its names.
    private static let owners: Set<String> = [
        "model", "base_model", "net", "network", "state_dict", "model_state_dict", "weights", "student",
        "student_model", "backbone", "encoder", "clip", "clip_model",
    ]
    /// The same of copies that follow the trained one in the mean; they are what is used afterwards.
    private static let averages: Set<String> = [
        "ema", "ema_model", "model_ema", "averaged_model", "teacher", "teacher_model",
    ]

    /// - Parameters:
    ///   - landmarks: names that a model of the kind has one of, those first that say more.
    ///   - kind: what has none of them, for the message.
    init(_ checkpoint: Checkpoint, landmarks: [String], kind: String) throws(CheckpointError) {
        let names = checkpoint.tensors.map { Self.bare($0.name) }
        let prefix = try Self.prefix(of: names, in: checkpoint, landmarks, kind, &notes)
        var origins: [String: String] = [:]
        for (name, tensor) in zip(names, checkpoint.tensors) {
            guard !Self.changesOthers(name) else {
                throw .unsupported(
                    file: checkpoint.path,
                    feature:
                        "tensor '\(tensor.name)', of an adapter that is not merged or of a quantisation by another "
                        + "program,")
            }
            guard name.hasPrefix(prefix) else {
                strays.append(tensor)
                continue
            }
            let own = String(name.dropFirst(prefix.count))
            if let other = origins.updateValue(tensor.name, forKey: own) {
                throw .malformed(
                    file: checkpoint.path,
                    reason: "tensors '\(other)' and '\(tensor.name)' both are '\(own)' of the model")
            }
            tensors.append((own, tensor))
        }
    }

    /// `name` without the parts that wrapping modules add (the reference's loader drops DataParallel's anywhere too).
    static func bare(_ name: String) -> String {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.contains(where: { wrappers.contains(String($0)) }) else { return name }
        return parts.filter { !wrappers.contains(String($0)) }.joined(separator: ".")
    }

    /// Whether a name is one that adapters and quantisers give to what has to be applied to the tensors beside it.
    private static func changesOthers(_ name: String) -> Bool {
        let parts = name.split(separator: ".")
        return parts.contains { $0.hasPrefix("lora_") }
            || parts.last.map { marks.contains(String($0)) } ?? false
    }

    private static let marks: Set<String> = [
        "SCB", "absmax", "quant_map", "qweight", "qzeros", "weight_scale", "weight_scale_inv", "scale_weight",
        "weight_format", "weight_packed",
    ]

    /// What stands before the model's own names.
    private static func prefix(
        of names: [String], in checkpoint: Checkpoint, _ landmarks: [String], _ kind: String, _ notes: inout [String]
    ) throws(CheckpointError) -> String {
        var unknown: String?
        for landmark in landmarks {
            var prefixes: Set<String> = []
            for name in names where name == landmark || name.hasSuffix("." + landmark) {
                let prefix = name.dropLast(landmark.count)
                let parts = prefix.split(separator: ".").map(String.init)
                if parts.allSatisfy({ owners.contains($0) || averages.contains($0) }) {
                    prefixes.insert(String(prefix))
                } else {
                    unknown = unknown ?? String(prefix)
                }
            }
            if prefixes.isEmpty { continue }
            let averaged = prefixes.filter { $0.split(separator: ".").contains { averages.contains(String($0)) } }
            let chosen = averaged.count == 1 ? averaged : prefixes
            guard let prefix = chosen.first, chosen.count == 1 else {
                let list = prefixes.sorted().map { $0.isEmpty ? "no prefix" : "'\($0)'" }.joined(separator: ", ")
                throw .malformed(
                    file: checkpoint.path, reason: "it holds \(prefixes.count) models, under \(list); save one of them")
            }
            if prefixes.count > 1 {
                let others = prefixes.subtracting(chosen).sorted().map {
                    $0.isEmpty ? "without prefix" : "under '\($0)'"
                }
                notes.append(
                    "\(checkpoint.path): the averaged weights under '\(prefix)' were taken, not those \(others.joined(separator: ", "))"
                )
            }
            return prefix
        }
        throw .unsupported(
            file: checkpoint.path,
            feature: "\(kind) under any known name (first tensor: '\(checkpoint.tensors.first?.name ?? "none")'"
                + (unknown.map { "; there is one behind the unknown prefix '\($0)'" } ?? "") + ")")
    }
}
