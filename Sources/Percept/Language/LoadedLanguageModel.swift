import CPerceptData
import Foundation
import PerceptCheckpoint
import PerceptHub
import PerceptModels
import PerceptRuntime
import PerceptTokenizer

/// A language model's configuration, its tokenizer, and where its weights are read from.
struct LoadedLanguageModel: Sendable {
    let config: PLMConfig
    let weights: any WeightProvider
    let tokenizer: LanguageTokenizer

    init(_ source: ModelSource) throws {
        switch source {
        case .demo: try self.init(embedded: "demo")
        case .path(let path): try self.init(contentsOf: path)
        case .named(let name):
            let model = try Self.known(name)
            guard let path = ModelFinder.find(model) else {
                throw PerceptError(
                    .missingInput,
                    "\(model.name) is neither in $PERCEPT_MODELS nor in the Hugging Face cache; "
                        + "`percept pull \(model.name)` fetches \(model.repository)")
            }
            try self.init(contentsOf: path)
        case .random(let name):
            let config = try Self.known(name).config
            self.init(
                config: config, weights: RandomWeights(), tokenizer: .bytes(vocabulary: config.language.vocabulary))
        }
    }

    private init(config: PLMConfig, weights: any WeightProvider, tokenizer: LanguageTokenizer) {
        self.config = config
        self.weights = weights
        self.tokenizer = tokenizer
    }

    private init(contentsOf path: String) throws {
        let checkpoint = try PLMCheckpoint(contentsOf: path)
        let folder = URL(filePath: checkpoint.directory)
        let files = ["tokenizer.json", "tokenizer.model"].map { folder.appending(path: $0).path }
        guard let file = files.first(where: FileManager.default.fileExists) else {
            throw PerceptError(
                .missingInput, "\(checkpoint.directory): neither tokenizer.json nor tokenizer.model is in it")
        }
        let pairs = try BytePairTokenizer(contentsOf: file)
        let vocabulary = checkpoint.config.language.vocabulary
        guard pairs.idCount <= vocabulary else {
            throw PerceptError(
                .badData, "\(file): has \(pairs.idCount) ids, and the model's vocabulary is \(vocabulary)")
        }
        self.init(
            config: checkpoint.config, weights: CheckpointWeights(checkpoint.weights), tokenizer: .pairs(pairs))
    }

    /// The captioner inside the library.
    private init(embedded name: String) throws {
        func bytes(_ data: PerceptData) -> UnsafeRawBufferPointer {
            UnsafeRawBufferPointer(start: data.bytes, count: data.count)
        }
        func json(_ data: PerceptData) throws -> JSON { try JSON(bytes(data), file: name) }
        let config = try PLMConfig(
            transformers: json(percept_captioner_config()), processor: json(percept_captioner_processor()),
            preprocessor: json(percept_captioner_preprocessor()),
            videoPreprocessor: json(percept_captioner_video_preprocessor()), name: name)
        let file = MappedFile(resource: name, bytes: bytes(percept_captioner_model()))
        let checkpoint = try PLMCheckpoint(Checkpoint(resource: file), config: config)
        let pairs = try BytePairTokenizer(
            tokenizerJSON: [UInt8](bytes(percept_captioner_tokenizer())), file: "\(name)/tokenizer.json")
        self.init(config: config, weights: CheckpointWeights(checkpoint.weights), tokenizer: .pairs(pairs))
    }

    private static func known(_ name: String) throws -> KnownLanguageModel {
        guard let model = KnownLanguageModel.named(name) else {
            throw PerceptError(.usage, "no published language model is called \(name)")
        }
        return model
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
        if let folder = environment["PERCEPT_MODELS"] {
            for name in [model.name, published] {
                let candidate = URL(filePath: folder).appending(path: name).path
                if FileManager.default.fileExists(atPath: candidate) { return candidate }
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
