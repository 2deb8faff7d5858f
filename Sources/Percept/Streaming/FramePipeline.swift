import PerceptFrame
import PerceptGraph
import PerceptRuntime
import PerceptVulkan

/// What a stream has on the device, and where its frames are. It belongs to the device's thread.
///
/// Two slots: while the device computes one frame, the next is put into the other and submitted. They share an arena,
/// since runs follow one another there, and have inputs and outputs of their own.
final class FramePipeline {
    /// A recorded program with the frame in it.
    struct Slot {
        let program: Program
        /// What was last written; frames like it need their pixels copied and nothing else.
        var input: ImageInput?
    }

    /// A frame that the device has.
    struct Flight {
        let slot: Int
        let frame: WaitingFrame
        let dropped: Int
        let taken: ContinuousClock.Instant
        let submitted: ContinuousClock.Instant
        let submission: SubmissionID
    }

    static let slotCount = 2

    let flow: StreamFlow
    var slots: [Slot] = []
    var flight: Flight?
    /// Taken, but too large for the slots, which have to be free to be replaced.
    var held: WaitingFrame?
    /// Frames that were taken and lost by a failure.
    var abandoned = 0
    var encoded = 0
    var isAtEnd = false
    /// Thrown where nobody could be told: the stream ends with it.
    var failure: (any Error)?
    var captioner: StreamCaptioner?
    var window: SlidingEmbedding
    var latency = LatencyHistogram()
    private(set) var firstArrival: ContinuousClock.Instant?
    private(set) var lastLabelled: ContinuousClock.Instant?
    /// Number of the frame that comes after the last one taken.
    private var nextNumber = 0
    private var lastSlot = 0
    private var lastEncoded: ContinuousClock.Instant?
    /// What the device takes for a frame, and the host to put one there; smoothed.
    private(set) var encodeTime: Duration?
    private(set) var uploadTime = Duration.zero

    init(_ flow: StreamFlow) {
        self.flow = flow
        window = SlidingEmbedding(length: flow.options.window)
    }

    var byteCount: Int {
        guard let plan = slots.first?.program.plan else { return 0 }
        return plan.arenaByteCount
            + slots.reduce(0) { $0 + Program.byteCount($1.program.plan, sharesArena: true) }
    }

    /// Whether no frame is wanted behind those that the device has.
    var isFull: Bool { flow.options.maxFrames.map { encoded + (flight == nil ? 0 : 1) >= $0 } ?? false }

    var freeSlot: Int { (lastSlot + 1) % Self.slotCount }

    /// The moment to hand the next frame over: late, so that it is as new as can be, but before the device runs dry.
    func handover(_ flight: Flight) -> ContinuousClock.Instant? {
        guard let encodeTime else { return nil }
        // Twice what an upload took: it is done meanwhile, and a little late costs more than a little early.
        return started(flight) + encodeTime - uploadTime * 2 - Duration.microseconds(200)
    }

    /// When the device began with a frame.
    func started(_ flight: Flight) -> ContinuousClock.Instant {
        lastEncoded.map { max($0, flight.submitted) } ?? flight.submitted
    }

    /// Notes that a frame was taken.
    ///
    /// - Returns: how many before it were not.
    func take(_ frame: WaitingFrame) -> Int {
        defer { nextNumber = frame.live.number + 1 }
        return max(frame.live.number - nextNumber, 0)
    }

    func noteSubmitted(_ flight: Flight) {
        lastSlot = flight.slot
        uploadTime = Self.smoothed(uploadTime, flight.submitted - flight.taken)
    }

    func noteEncoded(_ flight: Flight, at moment: ContinuousClock.Instant) {
        encodeTime = encodeTime.map { Self.smoothed($0, moment - started(flight)) } ?? moment - started(flight)
        lastEncoded = moment
    }

    func noteResult(_ stages: FrameStages) {
        encoded += 1
        firstArrival = firstArrival ?? stages.arrival
        lastLabelled = stages.labelled
        latency.add(stages.labelled - stages.arrival)
    }

    private static func smoothed(_ old: Duration, _ new: Duration) -> Duration {
        old == .zero ? new : old * 7 / 8 + new / 8
    }

    func summary(_ error: PerceptError?) -> StreamSummary {
        let counts = flow.mailbox.counts
        let duration = zip(firstArrival, lastLabelled).map { $1 - $0 } ?? .zero
        return StreamSummary(
            offered: counts.offered, encoded: encoded, dropped: counts.dropped + abandoned, corrupt: counts.corrupt,
            duration: duration, latency: latency, error: error)
    }
}

private func zip<A, B>(_ a: A?, _ b: B?) -> (A, B)? {
    guard let a, let b else { return nil }
    return (a, b)
}
