import PerceptEngine
import PerceptFrame

/// What became of one frame.
public struct FrameResult: Sendable {
    /// Counted from 0 over all frames of the source, dropped ones included.
    public let number: Int
    /// Seconds since the source's first frame, by the source's own clock.
    public let time: Double
    /// From the frame's arrival, before it was decoded, until everything in here was known.
    public var latency: Duration { stages.labelled - stages.arrival }
    /// Frames between the result before and this one that were not encoded.
    public let dropped: Int
    /// Of this frame, unit length.
    public let embedding: Embedding
    /// Of the last ``StreamOptions/window`` frames: the mean of their unit vectors, made unit length.
    public let windowEmbedding: Embedding
    /// Of each of ``StreamOptions/labels``, by the embedding of the window.
    public let probabilities: [Float]
    /// The tokens behind the last block, if ``StreamOptions/keepsFeatures``.
    public let features: DenseFeatures?
    /// The frame itself.
    public let image: Image
    /// When what happened.
    public let stages: FrameStages

    /// - Parameter window: the embedding of the window that the frame ends.
    init(
        _ frame: EncodedFrame, embedding: Embedding, window: Embedding, probabilities: [Float],
        features: DenseFeatures?
    ) {
        number = frame.live.number
        time = frame.live.time
        dropped = frame.dropped
        self.embedding = embedding
        windowEmbedding = window
        self.probabilities = probabilities
        self.features = features
        image = Image(frame.live.frame)
        stages = FrameStages(arrival: frame.live.arrival, frame.moments)
    }
}

/// The moments of a frame's way, in their order.
public struct FrameStages: Sendable, Hashable {
    /// It came in.
    public let arrival: ContinuousClock.Instant
    /// It was decoded, and put where the encoder finds it.
    public let decoded: ContinuousClock.Instant
    /// The encoder took it.
    public let taken: ContinuousClock.Instant
    /// Its pixels were where kernels read them, and the commands with the device.
    public let submitted: ContinuousClock.Instant
    /// The device began with it: when it was submitted, or when the frame before was done.
    public let started: ContinuousClock.Instant
    /// The device was done.
    public let encoded: ContinuousClock.Instant
    /// Its embedding was in the host's memory.
    public let read: ContinuousClock.Instant
    /// Labels were known.
    public let labelled: ContinuousClock.Instant
    /// From the first to the last kernel; nil on devices without timestamps.
    public let device: Duration?

    /// The moments of a frame whose labels are known now.
    init(arrival: ContinuousClock.Instant, _ moments: FrameMoments) {
        self.arrival = arrival
        decoded = moments.decoded
        taken = moments.taken
        submitted = moments.submitted
        started = moments.started
        encoded = moments.encoded
        read = moments.read
        labelled = .now
        device = moments.device
    }
}

/// What a stream delivers.
public enum StreamEvent: Sendable {
    /// A frame was encoded.
    case frame(FrameResult)
    /// The source has something to tell.
    case notice(SourceNotice)
    /// A language model has described a frame.
    case caption(StreamCaption)
    /// The device is gone, or there again.
    case device(DeviceNotice)
    /// The last event: what the stream came to.
    case summary(StreamSummary)
}

/// A frame in words.
public struct StreamCaption: Sendable {
    /// As the model put it.
    public let text: String
    /// The number of the frame, and its time in seconds by the source's clock.
    public let number: Int
    /// Seconds since the source's first frame, by the source's own clock.
    public let time: Double
    /// From the frame's arrival to the last word.
    public let latency: Duration
    /// Pieces that the work was handed to the device in, and the longest that one took.
    public let pieces: (count: Int, longest: Duration)
}
