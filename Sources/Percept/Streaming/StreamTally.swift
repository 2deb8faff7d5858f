import PerceptFrame

/// What a stream has come to so far, whatever device it is on.
struct StreamTally: Sendable {
    private(set) var encoded = 0
    /// Frames that were taken and lost by a failure.
    private(set) var abandoned = 0
    private(set) var latency = LatencyHistogram()
    private(set) var firstArrival: ContinuousClock.Instant?
    private(set) var lastLabelled: ContinuousClock.Instant?
    /// Embeddings of the last frames.
    var window: SlidingEmbedding
    /// Frames that were taken and not encoded yet, the oldest first: those that the slots are too small for, and those
    /// that a lost device had.
    var waiting: [WaitingFrame] = []
    /// Number of the frame that comes after the last one taken.
    private var nextNumber = 0

    init(window length: Int) { window = SlidingEmbedding(length: length) }

    /// Notes that a frame was taken.
    ///
    /// - Returns: how many before it were not.
    mutating func take(_ frame: WaitingFrame) -> Int {
        defer { nextNumber = max(frame.live.number + 1, nextNumber) }
        return max(frame.live.number - nextNumber, 0)
    }

    mutating func note(_ stages: FrameStages) {
        encoded += 1
        firstArrival = firstArrival ?? stages.arrival
        lastLabelled = stages.labelled
        latency.add(stages.labelled - stages.arrival)
    }

    /// Gives up the frames that were taken.
    mutating func abandonWaiting() {
        abandoned += waiting.count
        waiting = []
    }

    func summary(_ counts: FrameMailbox.Counts, _ error: PerceptError?) -> StreamSummary {
        var duration = Duration.zero
        if let firstArrival, let lastLabelled { duration = lastLabelled - firstArrival }
        return StreamSummary(
            offered: counts.offered, encoded: encoded, dropped: counts.dropped + abandoned, corrupt: counts.corrupt,
            duration: duration, latency: latency, error: error)
    }
}
