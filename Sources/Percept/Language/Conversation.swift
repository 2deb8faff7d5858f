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
