import PerceptEngine
import PerceptFiles
import PerceptModels

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

    /// The source as the engine takes it.
    var origin: ModelOrigin {
        switch self {
        case .demo: .demo
        case .named(let name): .named(name)
        case .path(let path): .path(path)
        case .random(let name): .random(name)
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
