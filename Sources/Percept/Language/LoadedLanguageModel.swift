import Foundation
import PerceptCheckpoint
import PerceptFiles
import PerceptHubCache
import PerceptJSON
import PerceptModels
import PerceptRuntime
import PerceptTokenizer

/// A language model's configuration, its tokenizer, and where its weights are read from.
struct LoadedLanguageModel: Sendable {
    let config: PLMConfig
    let weights: any WeightProvider
    /// The format of a checkpoint in quantised rows; nil for others.
    let storedWeights: LanguageWeights?
    let tokenizer: LanguageTokenizer
    /// What lies beside the weights, by name.
    private let others: [String: LanguageModelFiles.Other]
    private let directory: String
    /// What a user may want to know of how the files were read.
    let notes: [String]

    init(_ source: ModelSource) throws {
        if case .random(let name) = source {
            config = try LanguageModelFiles.known(name).config
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
            throw PerceptError(
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
            throw PerceptError(
                .badData, "\(path): has \(pairs.idCount) ids, and the model's vocabulary is \(vocabulary)")
        }
        config = checkpoint.config
        weights = CheckpointWeights(checkpoint.weights)
        storedWeights = checkpoint.quantization.map { LanguageWeights($0.format) }
        tokenizer = .pairs(pairs)
        others = files.others
        directory = checkpoint.directory
        notes = checkpoint.notes
    }

    /// What the processors beside the checkpoint do to pictures and videos.
    ///
    /// - Throws: ``PerceptError`` with ``PerceptError/Code/usage`` where there are none, as in the original's layout.
    func processing() throws -> PLMProcessing {
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
            throw PerceptError(
                .usage,
                "\(directory): there is no preprocessing beside the checkpoint to follow, such as a processor_config.json"
            )
        }
        return processing
    }

    /// The id of a special token that every prompt or answer needs.
    func requiredID(_ name: String) throws -> UInt32 {
        guard let id = tokenizer.specialID(name) else {
            throw PerceptError(.badData, "\(config.name): the tokenizer has no token \(name)")
        }
        return id
    }
}

extension ModelFinder {
    static func find(_ model: KnownLanguageModel) -> String? {
        let environment = ProcessInfo.processInfo.environment
        let published = model.repository.split(separator: "/").last.map(String.init) ?? model.name
        if let folder = Arguments.variable("PERCEPT_MODELS") {
            for name in [model.name, published] where Files.exists(FileName.joined(folder, name)) {
                return FileName.joined(folder, name)
            }
        }
        guard let repository = try? HubRepository(model.repository),
            let snapshot = HubCache(environment: environment).snapshot(of: repository)
        else { return nil }
        // A pull of the original layout alone leaves nothing in the root.
        let folders = [snapshot, snapshot.appending(path: "original")]
        let files = ["config.json", "params.json"]
        return zip(folders, files).first { FileManager.default.fileExists(atPath: $0.appending(path: $1).path) }?.0.path
    }
}
