package import PerceptFrame

/// A video file, opened anew by each who reads it.
package struct ClipSource: Sendable {
    /// What errors call it.
    package let name: String
    /// Frames that decoding the whole file delivers.
    package let frameCount: Int
    /// Frames a second, as the file says; 0 where it does not.
    package let frameRate: Double
    package let told: ClipNotes
    package let makeReader: @Sendable () throws -> any FrameReader

    package init(
        name: String, frameCount: Int, frameRate: Double, notes: [String],
        makeReader: @escaping @Sendable () throws -> any FrameReader
    ) {
        self.name = name
        self.frameCount = frameCount
        self.frameRate = frameRate
        told = ClipNotes(notes)
        self.makeReader = makeReader
    }
}

/// An image or a video of a prompt. Copies are the same to a conversation, which encodes them once.
package struct PromptMedia: Sendable {
    package enum Content: Sendable {
        case image(DecodedFrame)
        case video(ClipSource)
    }

    package let id: Int
    package let content: Content

    package init(id: Int, _ content: Content) {
        self.id = id
        self.content = content
    }

    var isImage: Bool { if case .image = content { true } else { false } }
}

/// One side's part of a conversation.
package struct PromptTurn: Sendable {
    /// Whether the user says it; else the model did.
    package let isUser: Bool
    package let text: String
    /// Shown with it, by the user.
    package let media: [PromptMedia]

    package init(isUser: Bool, text: String, media: [PromptMedia]) {
        self.isUser = isUser
        self.text = text
        self.media = media
    }
}

/// How much of media goes into a prompt; what is nil is left to the checkpoint.
package struct MediaLimits: Hashable, Sendable {
    /// Most tiles of an image besides its thumbnail; 1 gives one plain view.
    package var tiles: Int?
    /// Most frames of a video.
    package var frames: Int?

    package init(tiles: Int? = nil, frames: Int? = nil) {
        self.tiles = tiles
        self.frames = frames
    }
}
