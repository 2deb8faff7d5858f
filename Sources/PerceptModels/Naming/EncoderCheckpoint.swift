package import PerceptCheckpoint

/// A Perception Encoder read from files in any published layout: its configuration, and its tensors under the names
/// of ``EncoderConfig/weights``, all there and of the right shape.
package struct EncoderCheckpoint: Sendable {
    package let config: EncoderConfig
    /// Views into the mapped files; nothing is converted or copied yet.
    package let weights: Checkpoint
    /// What a user may want to know of how the model was read: choices, guesses, and what was passed over.
    package let notes: [String]

    /// Opens a file or directory.
    ///
    /// The configuration comes from the JSON beside the weights (``StatedEncoderConfigs``), whatever the tensors are called; else
    /// from the name of the file or its directory when that is a published model, else from the shapes of the tensors.
    ///
    /// - Throws: ``CheckpointError`` for a file that cannot be read, a configuration that contradicts the tensors, and
    ///   a missing or misshapen tensor.
    package init(contentsOf path: String) throws(CheckpointError) {
        let file = try CheckpointLocation.weights(at: path).files[0]
        let checkpoint = try Checkpoint(contentsOf: path)
        try self.init(checkpoint, name: StatedEncoderConfigs.stem(file)) { inferred, naming throws(CheckpointError) in
            try StatedEncoderConfigs(beside: file, inferred: inferred, isTimm: naming == .timm)
        }
    }

    /// Checks weights whose configuration the caller knows, such as those linked into the executable.
    package init(_ checkpoint: Checkpoint, config: EncoderConfig) throws(CheckpointError) {
        try self.init(checkpoint, name: config.name) { _, _ in
            StatedEncoderConfigs(config, source: "the configuration of \(config.name)")
        }
    }

    private init(
        _ checkpoint: Checkpoint, name: String,
        stated: (VisionConfig, EncoderNaming) throws(CheckpointError) -> StatedEncoderConfigs
    ) throws(CheckpointError) {
        let names = try WrappedNames(
            checkpoint, landmarks: EncoderNaming.landmarks, kind: "a model without a patch embedding")
        let naming = EncoderNaming(of: names)
        let canonical = try naming.canonical(names, path: checkpoint.path)
        var inferred = EncoderConfig(name: name, vision: try VisionConfig(inferredFrom: canonical), text: nil)
        if canonical.contains("token_embedding.weight") { inferred.text = try TextConfig(inferredFrom: canonical) }
        let isTower = naming == .timm || (naming == .official && !canonical.contains("token_embedding.weight"))
        let stated = try stated(inferred.vision, naming)
        let settled = try stated.settled(inferred, isTower: isTower, file: checkpoint.path)
        config = settled.config
        try config.vision.validate(checkpoint.path)
        try config.text?.validate(checkpoint.path)
        var optional = config.vision.absentParts.map {
            $0.map { WeightShape(name: "visual." + $0.name, shape: $0.shape) }
        }
        if config.text == nil { optional.append(TextConfig.anyWeights) }
        weights = try canonical.selecting(
            config.weights, optional: optional, strays: names.strays,
            notes: checkpoint.notes + names.notes + settled.notes)
        notes = weights.notes
    }
}
