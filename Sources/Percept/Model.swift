import CPerceptData
import Foundation
import PerceptCheckpoint
import PerceptFiles
import PerceptGraph
import PerceptHubCache
import PerceptJSON
import PerceptModels
import PerceptRuntime

/// Where a model comes from.
public enum ModelSource: Sendable, Hashable {
    /// The small model inside the library: an encoder, or for a language model a captioner.
    case demo
    /// A published model by its name here, in timm or in open_clip, in any case; found in `$PERCEPT_MODELS` or the Hugging
    /// Face cache, where ``ModelHub`` puts it.
    case named(String)
    /// A checkpoint file (PyTorch or safetensors), or a directory with one.
    case path(String)
    /// A published architecture, by name, with made-up weights, to measure speed without a file; what it computes
    /// means nothing.
    case random(String)

    /// Whether a language model is meant: a published one by its name, or a directory that holds one.
    public var isLanguageModel: Bool {
        switch self {
        case .demo: return false
        case .named(let name), .random(let name): return KnownLanguageModel.named(name) != nil
        case .path(let path):
            if ["params.json", "original/params.json"].contains(where: { Files.exists(FileName.joined(path, $0)) }) {
                return true
            }
            let config = try? Files.contents(FileName.joined(path, "config.json"), limit: 1 << 24)
            return config.map { String(decoding: $0, as: UTF8.self).contains("\"perception_lm\"") } == true
        }
    }

    /// What a user typed: `demo`, a path that exists, a name, or the `OWNER/NAME` of a repository in the Hugging Face
    /// cache.
    public init(argument: String) {
        if argument == "demo" {
            self = .demo
        } else if !Files.exists(argument), let pulled = ModelFinder.pulled(argument) {
            self = .path(pulled)
        } else if argument.contains("/") || Files.exists(argument)
            || (KnownModel.named(argument) == nil && KnownLanguageModel.named(argument) == nil)
        {
            self = .path(argument)
        } else {
            self = .named(argument)
        }
    }
}

/// A published model.
public struct KnownModelDescription: Sendable, Hashable {
    /// The name of its original release: `PE-Core-L14-336`.
    public let name: String
    /// `core`, `lang` or `spatial` of encoders; `plm` of language models.
    public let kind: String
    /// Learned values, those of the text tower included.
    public let parameters: Int
    /// Bytes of its weights in f16.
    public let weightBytes: Int
    /// Path of its checkpoint on this machine; nil if there is none.
    public let location: String?

    /// All published models, small to large within each kind. Looks for their files each time.
    public static var all: [KnownModelDescription] {
        KnownModel.all.map { model in
            KnownModelDescription(
                name: model.name, kind: model.name.split(separator: "-")[1].lowercased(),
                parameters: model.config.parameterCount, weightBytes: 2 * model.config.parameterCount,
                location: ModelFinder.find(model))
        }
            + KnownLanguageModel.all.map { model in
                KnownModelDescription(
                    name: model.name, kind: "plm", parameters: model.config.parameterCount,
                    weightBytes: 2 * model.config.parameterCount, location: ModelFinder.find(model))
            }
    }
}

/// Looks for the files of published models.
enum ModelFinder {
    static func find(_ model: KnownModel) -> String? {
        let environment = ProcessInfo.processInfo.environment
        let files = FileManager.default
        if let folder = Arguments.variable("PERCEPT_MODELS") {
            for name in ["\(model.name).pt", model.name] where Files.exists(FileName.joined(folder, name)) {
                return FileName.joined(folder, name)
            }
        }
        for repository in [model.repository, model.timmRepository] {
            guard let repository = try? HubRepository(repository),
                let snapshot = HubCache(environment: environment).snapshot(of: repository)
            else { continue }
            let file = snapshot.appending(path: "\(model.name).pt")
            if files.fileExists(atPath: file.path) { return file.path }
            if files.fileExists(atPath: snapshot.appending(path: "model.safetensors").path) { return snapshot.path }
        }
        return nil
    }

    /// A repository that somebody has pulled, in the form ``ModelSource/path(_:)`` takes.
    static func pulled(_ id: String) -> String? {
        guard let repository = try? HubRepository(id), id.contains("/"),
            let snapshot = HubCache(environment: ProcessInfo.processInfo.environment).snapshot(of: repository)
        else { return nil }
        return location(repository, snapshot)
    }

    /// The file of the original release, or the directory.
    static func location(_ repository: HubRepository, _ snapshot: URL) -> String {
        let file = snapshot.appending(path: "\(repository.name).pt")
        return FileManager.default.fileExists(atPath: file.path) ? file.path : snapshot.path
    }

    /// Reads a checkpoint. Of a damaged file in the hub's cache the error says how it is mended.
    static func advising<T>(_ read: () throws -> T) throws -> T {
        do { return try read() } catch let error as CheckpointError {
            let file: String
            switch error {
            case .absent(let path, _), .truncated(let path, _, _), .malformed(let path, _), .notFinite(let path, _),
                .unreadable(let path, _):
                file = path
            default: throw error
            }
            guard let repository = HubCache.repository(at: file) else { throw error }
            throw PerceptError(
                PerceptError(error).code,
                "\(error.description); `percept pull --verify \(repository.id)` compares what the cache has with the hub "
                    + "and fetches what is damaged or missing", cause: error)
        }
    }
}

/// A model's configuration and where its weights are read from.
struct LoadedModel: Sendable {
    /// The file, directory or name it comes from, for messages.
    let origin: String
    let config: ModelConfig
    let weights: any WeightProvider
    /// exp of the learned temperature: cosines are multiplied by it before a softmax.
    let logitScale: Float
    /// The directory with the checkpoint's JSON files, for preprocessing by them.
    let directory: String?
    /// What a user may want to know of how the files were read.
    let notes: [String]

    init(_ source: ModelSource) throws {
        switch source {
        case .demo:
            let data = percept_demo_model()
            let json = percept_demo_config()
            let file = MappedFile(
                resource: "demo", bytes: UnsafeRawBufferPointer(start: data.bytes, count: data.count))
            let config = try ModelConfig(
                side: JSON(UnsafeRawBufferPointer(start: json.bytes, count: json.count), file: "demo"), file: "demo",
                name: "demo")
            try self.init(try PECheckpoint(try Checkpoint(resource: file), config: config), directory: nil)
        case .path(let path):
            try self.init(
                try ModelFinder.advising { try PECheckpoint(contentsOf: path) },
                directory: Files.isDirectory(path) ? path : FileName.folder(path))
        case .named(let name):
            let model = try Self.known(name)
            guard let path = ModelFinder.find(model) else {
                throw PerceptError(
                    .missingInput,
                    "\(model.name) is neither in $PERCEPT_MODELS nor in the Hugging Face cache; "
                        + "`percept pull \(model.name)` fetches it from \(model.repository)")
            }
            try self.init(.path(path))
        case .random(let name):
            let model = try Self.known(name)
            self.init(
                origin: model.name, config: model.config, weights: RandomWeights(), logitScale: 1 / 0.07, directory: nil
            )
        }
    }

    private init(
        origin: String, config: ModelConfig, weights: any WeightProvider, logitScale: Float, directory: String?,
        notes: [String] = []
    ) {
        self.notes = notes
        self.origin = origin
        self.config = config
        self.weights = weights
        self.logitScale = logitScale
        self.directory = directory
    }

    private init(_ checkpoint: PECheckpoint, directory: String?) throws {
        // Stored as a logarithm; towers without text have none, and none is needed.
        let logitScale = try checkpoint.weights["logit_scale"].map { exp(try $0.values()[0]) } ?? 1
        let path = checkpoint.weights.path
        guard logitScale.isFinite else { throw PerceptError(.badData, "\(path): logit_scale is not a finite number") }
        self.init(
            origin: path, config: checkpoint.config, weights: CheckpointWeights(checkpoint.weights),
            logitScale: logitScale, directory: directory, notes: checkpoint.notes)
    }

    private static func known(_ name: String) throws -> KnownModel {
        guard let model = KnownModel.named(name) else {
            throw PerceptError(.usage, "no published model is called \(name)")
        }
        return model
    }
}
