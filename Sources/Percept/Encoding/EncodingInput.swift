import PerceptEngine
import PerceptFrame

/// A picture or a video that is to be encoded, read when its turn comes.
public struct EncodingInput: Sendable {
    package enum Content: Sendable {
        case image(Image)
        case video(VideoClip)

        /// Bytes of decoded pixels.
        var byteCount: Int {
            guard case .image(let image) = self else { return 0 }
            return image.frame.planes.reduce(0) { $0 + $1.rowBytes * $1.rows }
        }
    }

    /// What results and errors call it.
    public let name: String
    package let load: @Sendable () -> Result<Content, PerceptError>

    package init(name: String, load: @escaping @Sendable () -> Result<Content, PerceptError>) {
        self.name = name
        self.load = load
    }

    /// Anything that gives a picture, as a decoder of your own does. It is called on one of Percept's threads, several at a
    /// time.
    public init(name: String, image: @escaping @Sendable () throws(PerceptError) -> Image) {
        self.init(name: name) {
            do throws(PerceptError) { return .success(.image(try image())) } catch { return .failure(error) }
        }
    }

    /// A picture that is decoded already.
    public static func image(_ image: Image, name: String = "image") -> EncodingInput {
        EncodingInput(name: name) { .success(.image(image)) }
    }

    /// A video, of which evenly spaced frames are decoded when its turn comes.
    public static func video(_ clip: VideoClip) -> EncodingInput {
        EncodingInput(name: clip.source.name) { .success(.video(clip)) }
    }
}

/// What became of an input.
public struct EncodingResult<Output: Sendable>: Sendable {
    /// Its place among the inputs, from 0.
    public let index: Int
    /// What it was called.
    public let name: String
    /// Whether it was a video.
    public let isVideo: Bool
    /// What was made of it, or why it could not be read.
    public let output: Result<Output, PerceptError>
    /// Whether a run that begins behind this input gives the same bits for those that follow.
    public let endsBatch: Bool
}

/// How a stream of pictures and videos is encoded.
public struct EncodingOptions: Sendable {
    /// Inputs that go through the device together, and the most frames of a video; nil leaves it to Percept.
    public var batch: Int?
    /// Frames of a video that are embedded, evenly spaced.
    public var frames = 8
    /// Bytes of decoded pictures, of the input of the device excepted, beyond which no more are decoded ahead; a batch that
    /// has been begun is finished all the same.
    public var memory = 256 << 20

    /// A batch that Percept chooses, eight frames of a video, and 256 MiB.
    public init(batch: Int? = nil, frames: Int = 8, memory: Int = 256 << 20) {
        self.batch = batch
        self.frames = frames
        self.memory = memory
    }
}
