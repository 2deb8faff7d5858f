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

    /// What is meant: a published model by its name, or what a directory holds; nil for the demo, which there is of each.
    public var family: ModelFamily? {
        switch self {
        case .demo: nil
        case .named(let name), .random(let name): PublishedModel.named(name)?.family == .language ? .language : .encoder
        case .path(let path): PLMCheckpoint.isPresent(in: path) ? .language : .encoder
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
            || PublishedModel.named(argument) == nil
        {
            self = .path(argument)
        } else {
            self = .named(argument)
        }
    }
}

/// What a model is for.
public enum ModelFamily: Sendable, Hashable {
    /// Perception Encoder: images, videos and texts become vectors; see ``PerceptionEncoder``.
    case encoder
    /// Perception Language Model: it answers about images and videos; see ``PerceptionLanguageModel``.
    case language
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
        PublishedModel.all.map { model in
            KnownModelDescription(
                name: model.name, kind: model.kind, parameters: model.parameterCount,
                weightBytes: 2 * model.parameterCount, location: ModelFinder.find(model))
        }
    }
}
