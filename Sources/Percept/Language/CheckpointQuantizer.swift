import Foundation
import PerceptCheckpoint
import PerceptEngine
import PerceptFiles
import PerceptJSON
import PerceptModels

/// A checkpoint of a language model that ``CheckpointQuantizer`` has written.
public struct QuantizedCheckpoint: Sendable, Hashable {
    /// A file of it.
    public struct File: Sendable, Hashable {
        public let name: String
        public let bytes: Int
    }

    /// The tensors that are stored in one way.
    public struct Tensors: Sendable, Hashable {
        /// `q8` and `q4` for quantised rows, else the type of the elements: `bf16`.
        public let format: String
        public let count: Int
        /// Of their data.
        public let bytes: Int

        init(_ summary: (format: String, count: Int, bytes: Int)) {
            (format, count, bytes) = summary
        }
    }

    /// What ``ModelSource/path(_:)`` takes.
    public let path: String
    /// The name of the published model, or of the directory it was made of.
    public let model: String
    /// The format of most matrices.
    public let weights: LanguageWeights
    /// Bytes of all tensors as they were.
    public let sourceBytes: Int
    /// From the largest number of bytes to the smallest.
    public let tensors: [Tensors]
    public let files: [File]

    /// Bytes of all tensors.
    public var bytes: Int { tensors.reduce(0) { $0 + $1.bytes } }
}

/// Quantises a language model's checkpoint ahead of time: smaller files, which load without being encoded.
///
/// What is written is a directory in transformers' layout whose matrices are quantised rows, which <doc:QuantizedCheckpoints>
/// describes; it answers as the original does with the same ``LanguageWeights``, bit for bit.
public enum CheckpointQuantizer {
    /// Most bytes of one file, unless a tensor alone has more.
    public static let usualShardBytes = 5_000_000_000

    /// Writes a quantised checkpoint.
    ///
    /// Takes about 100 MB beside the mapped files of the original, tensor by tensor, and all cores.
    ///
    /// - Parameters:
    ///   - source: a language model in either published layout.
    ///   - path: the directory to make, which must not be there; it appears when it is complete.
    ///   - weights: ``LanguageWeights/q8`` or ``LanguageWeights/q4``.
    ///   - shardBytes: most bytes of one file of weights, unless a tensor alone has more.
    ///   - progress: told the fraction done, from 0 to 1.
    /// - Throws: ``PerceptError``: ``PerceptError/Code/usage`` for another format, for a checkpoint that is quantised already
    ///   and for a path that is there, ``PerceptError/Code/badData`` for a damaged checkpoint and for values that the
    ///   format cannot hold, ``PerceptError/Code/cancelled`` when the task was cancelled.
    public static func quantize(
        _ source: ModelSource, to path: String, weights: LanguageWeights, shardBytes: Int = usualShardBytes,
        progress: @Sendable (Double) -> Void = { _ in }
    ) async throws(PerceptError) -> QuantizedCheckpoint {
        try PerceptError.wrap {
            guard let format = weights.format, shardBytes > 0 else {
                throw PerceptError(.usage, "a checkpoint is quantised in q8 or q4, in files of some bytes")
            }
            let files = try LanguageModelFiles(source.origin)
            let checkpoint = files.checkpoint
            if let stored = checkpoint.quantization?.format {
                throw PerceptError(.usage, "\(checkpoint.directory): is in \(stored) already")
            }
            var folder = try NewDirectory(path: path)
            let plan = try QuantizationPlan(checkpoint, format, shardBytes: shardBytes)
            try plan.write(to: folder.temporaryPath, progress: progress)
            try writeOthers(files, QuantizationConfig(format: format), to: folder.temporaryPath)
            try requireSame(checkpoint, at: folder.temporaryPath)
            let written = try Files.names(in: folder.temporaryPath).map { name in
                let status = Files.status(FileName.joined(folder.temporaryPath, name))
                return QuantizedCheckpoint.File(name: name, bytes: status.map { Int($0.st_size) } ?? 0)
            }
            try Task.checkCancellation()
            try folder.commit()
            return QuantizedCheckpoint(
                path: path, model: checkpoint.config.name, weights: weights, sourceBytes: plan.sourceBytes,
                tensors: plan.summary.map(QuantizedCheckpoint.Tensors.init), files: written)
        }
    }

    /// Configuration, processors and tokenizer: those of the original, or made of what it says.
    private static func writeOthers(
        _ files: LanguageModelFiles, _ quantization: QuantizationConfig, to folder: String
    ) throws {
        var others = try files.others.mapValues { try $0.bytes() }
        if let config = others["config.json"] {
            let json = try config.withUnsafeBytes {
                try JSON(configuration: $0, file: "\(files.checkpoint.directory)/config.json")
            }
            others["config.json"] = Data(quantization.added(to: json).text(isIndented: true).utf8)
        } else {
            let (config, processor) = files.checkpoint.config.transformersFiles
            others["config.json"] = Data(quantization.added(to: config).text(isIndented: true).utf8)
            others["processor_config.json"] = Data(processor.text(isIndented: true).utf8)
        }
        for (name, bytes) in others {
            try NewFile.write([UInt8](bytes), to: folder + "/" + name)
        }
    }

    /// Opens what was written, and compares its configuration with the original's.
    private static func requireSame(_ original: PLMCheckpoint, at path: String) throws {
        var config = try PLMCheckpoint(contentsOf: path).config
        config.name = original.config.name
        guard config == original.config else {
            throw PerceptError(
                .internalFault, "\(original.directory): transformers' layout cannot say what this configuration says")
        }
    }
}
