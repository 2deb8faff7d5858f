import PerceptEngine

/// What a stream came to.
public struct StreamSummary: Sendable {
    /// Frames that the source made. Each was either encoded or dropped.
    public let offered: Int
    /// Frames that were encoded.
    public let encoded: Int
    /// Frames that gave way to newer ones, or that the source left out.
    public let dropped: Int
    /// Damaged frames and packets that the source left out; frames among them may not be counted as offered.
    public let corrupt: Int
    /// From the first frame's arrival to the last result.
    public let duration: Duration
    /// How long each encoded frame took, from its arrival until its labels were known.
    public let latency: LatencyHistogram
    /// What ended the stream, if it did not end by itself; it is thrown behind the summary.
    public let error: PerceptError?

    /// Encoded frames a second, 0 for fewer than two.
    public var framesPerSecond: Double {
        encoded < 2 || duration <= .zero ? 0 : Double(encoded) / (duration / .seconds(1))
    }

    init(_ tally: StreamTally, _ counts: FrameMailbox.Counts, _ error: PerceptError?) {
        offered = counts.offered
        encoded = tally.progress.encoded
        dropped = counts.dropped + tally.progress.abandoned
        corrupt = counts.corrupt
        duration = tally.duration
        latency = tally.latency
        self.error = error
    }
}

/// What a stream has come to so far, whatever device it is on.
struct StreamTally: Sendable {
    var progress = StreamProgress()
    /// Embeddings of the last frames.
    var window: SlidingEmbedding
    private(set) var latency = LatencyHistogram()
    private var first: ContinuousClock.Instant?
    private var last: ContinuousClock.Instant?

    init(window length: Int) { window = SlidingEmbedding(length: length) }

    /// From the first frame's arrival to the last result.
    var duration: Duration {
        guard let first, let last else { return .zero }
        return last - first
    }

    mutating func note(_ stages: FrameStages) {
        first = first ?? stages.arrival
        last = stages.labelled
        latency.add(stages.labelled - stages.arrival)
    }
}
