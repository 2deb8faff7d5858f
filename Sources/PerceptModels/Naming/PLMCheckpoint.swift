package import PerceptCheckpoint
import PerceptFiles
import PerceptJSON

/// A Perception Language Model read from files in either published layout: its configuration, and its tensors under the
/// names of ``PLMConfig/weights``, all there and of the right shape.
package struct PLMCheckpoint: Sendable {
    package let config: PLMConfig
    /// Views into the mapped files; nothing is converted or copied yet.
    package let weights: Checkpoint
    /// That matrices are stored in quantised rows; nil where they are not.
    package let quantization: QuantizationConfig?
    /// The directory the files lie in, where the tokenizer is looked for.
    package let directory: String
    /// Whether it is in the original release's layout; else in transformers'.
    package let isOriginal: Bool
    /// What a user may want to know of how the model was read: choices, and what was passed over.
    package let notes: [String]

    /// Opens a directory: transformers' (`config.json` and safetensors), the original's (`params.json` and
    /// `consolidated*.pth`), or a repository with the original's in its subdirectory `original`. A file in one of them
    /// stands for it.
    ///
    /// - Throws: ``CheckpointError`` for a file that cannot be read, a configuration that no model has, and a missing,
    ///   misshapen tensor.
    package init(contentsOf path: String) throws(CheckpointError) {
        let directory = try Self.directory(path)
        let checkpoint = try Checkpoint(contentsOf: directory)
        let names = try Self.names(of: checkpoint)
        let naming = PLMNaming(of: names)
        let name = FileName.last(Files.absolute(directory))
        var config = try Self.config(in: directory, naming: naming, name: name)
        if let known = config.published { config.name = known.name }
        let file = directory + "/config.json"
        let quantization = try Files.exists(file) ? QuantizationConfig(contentsOf: file) : nil
        try self.init(
            checkpoint, names, config: config, quantization: quantization, naming: naming, directory: directory)
    }

    /// Checks weights whose configuration the caller knows, such as those in memory.
    package init(_ checkpoint: Checkpoint, config: PLMConfig) throws(CheckpointError) {
        try config.language.validate(checkpoint.path)
        try config.vision.validate(checkpoint.path)
        try config.validate(checkpoint.path)
        let names = try Self.names(of: checkpoint)
        try self.init(
            checkpoint, names, config: config, quantization: nil, naming: PLMNaming(of: names),
            directory: checkpoint.path)
    }

    private init(
        _ checkpoint: Checkpoint, _ names: WrappedNames, config: PLMConfig, quantization: QuantizationConfig?,
        naming: PLMNaming, directory: String
    ) throws(CheckpointError) {
        try QuantizationConfig.requireAgreement(quantization, of: checkpoint, source: "the configuration")
        self.config = config
        self.quantization = quantization
        self.directory = directory
        isOriginal = naming == .original
        var weights = try naming.canonical(names, config.language, path: checkpoint.path)
        try Self.requireLayers(config, of: weights)
        if config.language.isTied, let output = weights["output.weight"] {
            try Self.requireCopy(
                output, of: weights["tok_embeddings.weight"], [config.language.vocabulary, config.language.dim],
                file: checkpoint.path)
            weights = try Checkpoint(
                path: weights.path, tensors: weights.tensors.filter { $0.name != "output.weight" })
        }
        let optional = config.vision.absentParts.map {
            $0.map { WeightShape(name: "vision_model." + $0.name, shape: $0.shape) }
        }
        self.weights = try weights.selecting(
            config.weights, optional: optional, strays: names.strays, notes: checkpoint.notes + names.notes)
        notes = self.weights.notes
    }

    private static func names(of checkpoint: Checkpoint) throws(CheckpointError) -> WrappedNames {
        try WrappedNames(
            checkpoint, landmarks: PLMNaming.landmarks, kind: "a language model without a token embedding")
    }

    /// The configuration beside the weights: the customary one of their naming, or where it is absent the other. Where both
    /// are there they must agree.
    private static func config(
        in directory: String, naming: PLMNaming, name: String
    ) throws(CheckpointError) -> PLMConfig {
        let files = (params: directory + "/params.json", config: directory + "/config.json")
        let hasParams = Files.exists(files.params)
        let hasConfig = Files.exists(files.config)
        let params = try hasParams ? PLMConfig(paramsFile: files.params, name: name) : nil
        let isOurs = try hasConfig ? JSON(contentsOf: files.config)["text_config"] != nil : false
        let config = try isOurs ? PLMConfig(transformersDirectory: directory, name: name) : nil
        switch (naming, params, config) {
        case (_, let params?, let config?):
            let stated = naming == .original ? params : config
            if let (field, one, other) = params.firstDifference(from: config) {
                throw .malformed(
                    file: files.params, reason: "\(field) = \(one), but \(files.config) says \(field) = \(other)")
            }
            return stated
        case (_, let params?, nil): return params
        case (_, nil, let config?): return config
        case (.original, nil, nil): return try PLMConfig(paramsFile: files.params, name: name)
        case (.transformers, nil, nil): return try PLMConfig(transformersDirectory: directory, name: name)
        }
    }

    /// Checks that there are no more blocks than the configuration says; fewer are tensors that are missing.
    private static func requireLayers(_ config: PLMConfig, of weights: Checkpoint) throws(CheckpointError) {
        let decoder = Set(
            config.language.weights.compactMap { $0.name.hasPrefix("layers.0.") ? $0.name.dropFirst(9) : nil })
        let towers = [
            ("layers.", config.language.layers, decoder, "decoder layers"),
            (
                "vision_model.transformer.resblocks.", config.vision.layers, WeightShape.blockNames,
                "layers of the tower"
            ),
        ]
        for (prefix, layers, names, field) in towers {
            for tensor in weights.tensors where tensor.name.hasPrefix(prefix) {
                let local = tensor.name.dropFirst(prefix.count)
                let number = local.prefix { $0 != "." }
                guard let layer = Int(number), layer >= layers, names.contains(local.dropFirst(number.count + 1)) else {
                    continue
                }
                throw .contradiction(
                    file: weights.path, source: "the configuration", field: field, stated: "\(layers)",
                    found: "there is '\(tensor.name)'")
            }
        }
    }

    /// Checks a tied output matrix that is stored all the same, by rows spread over it.
    ///
    /// - Parameter shape: that of both. Views of one element over and over can have any other, and rows without end.
    private static func requireCopy(
        _ output: CheckpointTensor, of embedding: CheckpointTensor?, _ shape: [Int], file: String
    ) throws(CheckpointError) {
        guard let embedding else { return }
        for tensor in [output, embedding] where tensor.shape != shape {
            throw .shape(file: file, name: tensor.name, expected: shape, found: tensor.shape)
        }
        for step in 0..<min(16, output.rows) {
            let row = step * (output.rows - 1) / 15
            guard try output.values(row: row) == embedding.values(row: row) else {
                throw .contradiction(
                    file: file, source: "the configuration", field: "tied output", stated: "true",
                    found: "an output matrix of its own")
            }
        }
    }

    /// Whether a directory holds a language model: by the original's `params.json`, or by what `config.json` says it is.
    package static func isPresent(in directory: String) -> Bool {
        if ["params.json", "original/params.json"].contains(where: { Files.exists(FileName.joined(directory, $0)) }) {
            return true
        }
        let config = try? JSON(contentsOf: FileName.joined(directory, "config.json"))
        return config?["model_type"]?.string == "perception_lm"
    }

    private static func directory(_ path: String) throws(CheckpointError) -> String {
        guard Files.exists(path) else { throw .absent(file: path, detail: nil) }
        guard Files.isDirectory(path) else { return FileName.folder(path) }
        let directory = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        let original = directory + "/original"
        let holdsModel = ["config.json", "params.json"].contains {
            Files.exists(directory + "/" + $0)
        }
        return !holdsModel && Files.exists(original) ? original : directory
    }
}
