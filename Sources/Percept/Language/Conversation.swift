package import PerceptEngine
import Synchronization

/// An image or a video that a language model is asked about.
///
/// It keeps its identity when it is copied: a conversation that goes on about the same media does not encode them again.
public struct Media: Sendable {
    package let prompt: PromptMedia

    private static let count = Atomic<Int>(0)

    private init(_ content: PromptMedia.Content) {
        prompt = PromptMedia(id: Self.count.wrappingAdd(1, ordering: .relaxed).newValue, content)
    }

    /// A picture.
    public static func image(_ image: Image) -> Media { Media(.image(image.frame)) }

    /// A video, of which frames are taken as the reference does: one a second where that is enough, else evenly.
    public static func video(_ clip: VideoClip) -> Media { Media(.video(clip.source)) }
}

/// What was said so far, the user's part last.
public struct Conversation: Sendable {
    /// One side's part.
    public struct Turn: Sendable {
        /// Whether the user says it; else the model did.
        public let isUser: Bool
        /// As typed or answered.
        public let text: String
        /// Shown with it, by the user.
        public let media: [Media]

        var prompt: PromptTurn { PromptTurn(isUser: isUser, text: text, media: media.map(\.prompt)) }
    }

    /// In the order they were said.
    public internal(set) var turns: [Turn] = []

    /// Nothing said yet.
    public init() {}

    /// A question about media.
    public init(_ question: String, about media: [Media] = []) { ask(question, about: media) }

    /// Adds a part of the user's. A text may say where its images go with `<image>`, if it does so for each.
    public mutating func ask(_ text: String, about media: [Media] = []) {
        turns.append(Turn(isUser: true, text: text, media: media))
    }

    /// Adds an answer of the model's.
    public mutating func answer(_ text: String) {
        turns.append(Turn(isUser: false, text: text, media: []))
    }
}

/// How an answer is made.
public struct GenerationOptions: Sendable, Hashable {
    /// Most tokens of the answer.
    public var maxTokens = 256
    /// 0 takes the most probable token each time, and is reproducible; 1 draws by the model's own probabilities.
    public var temperature: Float = 0
    /// Keeps the most probable tokens that make up this share; 1 keeps all.
    public var topP: Float = 1
    /// Keeps so many of the most probable tokens; 0 keeps all. Of no effect beside a `topP` below 1, as in the reference.
    public var topK = 0
    /// Decides what is drawn at a temperature above 0.
    public var seed: UInt64 = 0
    /// Most tiles of an image besides its thumbnail; 1 gives one plain view, nil leaves it to the checkpoint, and one plain
    /// view to each of several images.
    public var maxTiles: Int?
    /// Most frames of a video; nil leaves it to the checkpoint.
    public var maxFrames: Int?

    /// Greedy, at most 256 tokens, tiles and frames as the checkpoint says.
    public init() {}

    var settings: SamplingSettings {
        SamplingSettings(temperature: temperature, topP: topP, topK: topK, seed: seed)
    }

    var mediaLimits: MediaLimits { MediaLimits(tiles: maxTiles, frames: maxFrames) }

    func check() throws {
        guard maxTokens > 0 else { throw PerceptError(.usage, "an answer of \(maxTokens) tokens cannot be made") }
        guard temperature >= 0, temperature.isFinite else {
            throw PerceptError(.usage, "a temperature of \(temperature) makes no sense; it is 0 or more")
        }
        guard topP > 0, topP <= 1 else { throw PerceptError(.usage, "top-p of \(topP) is not above 0 and at most 1") }
        guard topK >= 0, topK < 1 << 31 else { throw PerceptError(.usage, "top-k of \(topK) makes no sense") }
        if let maxTiles, maxTiles < 1 { throw PerceptError(.usage, "\(maxTiles) tiles cannot be made of an image") }
        if let maxFrames, maxFrames < 1 { throw PerceptError(.usage, "\(maxFrames) frames of a video cannot be taken") }
    }
}

/// A part of an answer as it comes.
public struct GeneratedPiece: Sendable {
    /// Whole characters; often a word, sometimes nothing yet.
    public let text: String
    /// The ids that ended up in it, the stop token left out.
    public let tokens: [Int]
    /// What the answer took; with the last piece only.
    public let summary: GenerationSummary?
}

/// What an answer took.
public struct GenerationSummary: Sendable, Hashable {
    /// Positions of the prompt, those of media included.
    public let promptTokens: Int
    /// Positions of the prompt that were there from the turn before.
    public let reusedTokens: Int
    /// Tokens of the answer, the stop token left out.
    public let tokens: Int
    /// Whether the model ended the answer itself; else it was cut at the limit.
    public let isComplete: Bool
    /// Whether it was cut since the context is full, before ``GenerationOptions/maxTokens`` were there.
    public let contextIsFull: Bool
    /// Chunks (thumbnails, tiles, frames) that went through the vision tower.
    public let encodedChunks: Int
    /// Time that the vision tower took, preprocessing included.
    public let visionTime: Duration
    /// Time that the prompt took, up to the first token.
    public let promptTime: Duration
    /// Time from the first token to the last.
    public let decodingTime: Duration
}
