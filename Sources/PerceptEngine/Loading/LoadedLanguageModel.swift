import Foundation
import PerceptCheckpoint
import PerceptFiles
import PerceptJSON
package import PerceptModels
package import PerceptNumbers
package import PerceptRuntime
import PerceptTokenizer

/// A language model's configuration, its tokenizer, and where its weights are read from.
package struct LoadedLanguageModel: Sendable {
    package let config: PLMConfig
    package let weights: any WeightProvider
    /// The format of a checkpoint in quantised rows; nil for others.
    package let storedWeights: QuantizedFormat?
    package let tokenizer: LanguageTokenizer
    /// What lies beside the weights, by name.
    private let others: [String: LanguageModelFiles.Other]
    private let directory: String
    /// What a user may want to know of how the files were read.
    package let notes: [String]

    package init(_ source: ModelOrigin) throws {
        if case .random(let name) = source {
            guard let model = PublishedModel.named(name)?.language else { throw NoSuchModel(name, wanted: .language) }
            config = model
            weights = RandomWeights()
            storedWeights = nil
            tokenizer = .bytes(vocabulary: config.language.vocabulary)
            others = [:]
            directory = name
            notes = []
            return
        }
        let files = try ModelFinder.advising { try LanguageModelFiles(source) }
        let checkpoint = files.checkpoint
        // Each layout has its own; where both lie there, they may be of two models.
        let names = ["tokenizer.json", "tokenizer.model"]
        let ordered = checkpoint.isOriginal ? names.reversed() : names
        guard let file = ordered.compactMap({ files.others[$0] }).first else {
            throw Refusal(
                .missingInput, "\(checkpoint.directory): neither tokenizer.json nor tokenizer.model is in it")
        }
        let (pairs, path) =
            switch file {
            case .stored(let path): (try BytePairTokenizer(contentsOf: path), path)
            case .embedded(let file):
                (try BytePairTokenizer(tokenizerJSON: [UInt8](file.bytes), file: file.path), file.path)
            }
        let vocabulary = checkpoint.config.language.vocabulary
        guard pairs.idCount <= vocabulary else {
            throw Refusal(
                .badData, "\(path): has \(pairs.idCount) ids, and the model's vocabulary is \(vocabulary)")
        }
        config = checkpoint.config
        weights = CheckpointWeights(checkpoint.weights)
        storedWeights = checkpoint.quantization?.format
        tokenizer = .pairs(pairs)
        others = files.others
        directory = checkpoint.directory
        notes = checkpoint.notes
    }

    /// What the processors beside the checkpoint do to pictures and videos.
    ///
    /// - Throws: ``Refusal`` of kind usage where there are none, as in the original's layout.
    package func processing() throws -> PLMProcessing {
        func json(_ name: String) throws -> JSON? {
            switch others[name] {
            case .stored(let path): try JSON(contentsOf: path)
            case .embedded(let file): try JSON(file.bytes, file: file.path)
            case nil: nil
            }
        }
        guard
            let processing = try PLMProcessing(
                processor: json("processor_config.json"), preprocessor: json("preprocessor_config.json"),
                videoPreprocessor: json("video_preprocessor_config.json"), directory: directory,
                side: config.imageSize, usualFrames: config.maxFrames)
        else {
            throw Refusal(
                .usage,
                "\(directory): there is no preprocessing beside the checkpoint to follow, such as a processor_config.json"
            )
        }
        return processing
    }

    /// The id of a special token that every prompt or answer needs.
    package func requiredID(_ name: String) throws -> UInt32 {
        guard let id = tokenizer.specialID(name) else {
            throw Refusal(.badData, "\(config.name): the tokenizer has no token \(name)")
        }
        return id
    }
}
