import Foundation
package import PerceptCheckpoint
import PerceptFiles

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

    /// Opens a directory: transformers' (`config.json` and safetensors), the original's (`params.json` and
    /// `consolidated*.pth`), or a repository with the original's in its subdirectory `original`. A file in one of them
    /// stands for it.
    ///
    /// - Throws: ``CheckpointError`` for a file that cannot be read, a configuration that no model has, and a missing,
    ///   misshapen or superfluous tensor.
    package init(contentsOf path: String) throws(CheckpointError) {
        let directory = try Self.directory(path)
        let checkpoint = try Checkpoint(contentsOf: directory)
        let naming = try PLMNaming(of: checkpoint)
        let name = FileName.last(Files.absolute(directory))
        var config =
            switch naming {
            case .original: try PLMConfig(paramsFile: directory + "/params.json", name: name)
            case .transformers: try PLMConfig(transformersDirectory: directory, name: name)
            }
        if let known = KnownLanguageModel.matching(config) { config.name = known.name }
        let quantization: QuantizationConfig? =
            switch naming {
            case .original: nil
            case .transformers: try QuantizationConfig(contentsOf: directory + "/config.json")
            }
        try self.init(
            checkpoint, config: config, quantization: quantization, naming: naming, directory: directory)
    }

    /// Checks weights whose configuration the caller knows, such as those in memory.
    package init(_ checkpoint: Checkpoint, config: PLMConfig) throws(CheckpointError) {
        try config.language.validate(checkpoint.path)
        try config.vision.validate(checkpoint.path)
        try config.validate(checkpoint.path)
        try self.init(
            checkpoint, config: config, quantization: nil, naming: try PLMNaming(of: checkpoint),
            directory: checkpoint.path)
    }

    private init(
        _ checkpoint: Checkpoint, config: PLMConfig, quantization: QuantizationConfig?, naming: PLMNaming,
        directory: String
    ) throws(CheckpointError) {
        try QuantizationConfig.requireAgreement(quantization, of: checkpoint, source: "the configuration")
        self.config = config
        self.quantization = quantization
        self.directory = directory
        isOriginal = naming == .original
        var weights = try naming.canonical(checkpoint, config.language)
        if config.language.isTied, let output = weights["output.weight"] {
            try Self.requireCopy(output, of: weights["tok_embeddings.weight"], file: checkpoint.path)
            weights = try Checkpoint(
                path: weights.path, tensors: weights.tensors.filter { $0.name != "output.weight" })
        }
        try weights.requireExactly(config.weights)
        self.weights = weights
    }

    /// Checks a tied output matrix that is stored all the same, by rows spread over it.
    private static func requireCopy(
        _ output: CheckpointTensor, of embedding: CheckpointTensor?, file: String
    ) throws(CheckpointError) {
        guard let embedding else { return }
        guard output.shape == embedding.shape, output.shape.count == 2 else {
            throw .shape(file: file, name: output.name, expected: embedding.shape, found: output.shape)
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

    private static func directory(_ path: String) throws(CheckpointError) -> String {
        guard Files.exists(path) else { throw .unreadable(file: path, reason: "no such file or directory") }
        guard Files.isDirectory(path) else { return FileName.folder(path) }
        let directory = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        let original = directory + "/original"
        let holdsModel = ["config.json", "params.json"].contains {
            Files.exists(directory + "/" + $0)
        }
        return !holdsModel && Files.exists(original) ? original : directory
    }
}
