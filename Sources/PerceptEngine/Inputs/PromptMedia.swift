package import PerceptFrame
import Synchronization

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
    private let known = KnownIdentity()

    package init(id: Int, _ content: Content) {
        self.id = id
        self.content = content
    }

    /// A picture's is that of its pixels, however often it was decoded; a video's that of the value it was opened as. Found once.
    var identity: MediaIdentity { known.identity { MediaIdentity(self) } }

    var isImage: Bool { if case .image = content { true } else { false } }
}

/// What two images have in common that are the same.
package struct MediaIdentity: Hashable, Sendable {
    private let word: Int
    private let isContent: Bool

    fileprivate init(_ media: PromptMedia) {
        guard case .image(let frame) = media.content else {
            (word, isContent) = (media.id, false)
            return
        }
        var hasher = Hasher()
        for number in [frame.width, frame.height, frame.orientation, frame.planes.count] { hasher.combine(number) }
        hasher.combine(frame.layout)
        hasher.combine(frame.colorMatrix)
        hasher.combine(frame.fullRange)
        hasher.combine(frame.chromaSiting)
        hasher.combine(frame.resampling)
        for (index, plane) in frame.planes.enumerated() {
            frame.withUnsafeBytes(ofPlane: index) { bytes in
                // What lies between rows may be anything.
                for row in 0..<plane.rows {
                    let samples = bytes[row * plane.rowBytes..<row * plane.rowBytes + plane.bytesInRow]
                    hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: samples))
                }
            }
        }
        (word, isContent) = (hasher.finalize(), true)
    }
}

/// An identity, once it has been found; copies of the media share it.
private final class KnownIdentity: Sendable {
    private let found = Mutex<MediaIdentity?>(nil)

    func identity(_ find: () -> MediaIdentity) -> MediaIdentity {
        found.withLock { found in
            let identity = found ?? find()
            found = identity
            return identity
        }
    }
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
