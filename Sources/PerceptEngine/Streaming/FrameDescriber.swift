package import PerceptFrame
package import PerceptRuntime
import Synchronization

/// Has the newest frame described from time to time, in pieces between which frames have their turn.
package final class FrameDescriber: Sendable {
    /// A frame that was encoded.
    package struct Seen: Sendable {
        package let frame: DecodedFrame
        package let number: Int
        /// Seconds since the source's first frame.
        package let time: Double
        package let arrival: ContinuousClock.Instant
    }

    private let interval: Duration
    private let serve: (@Sendable () -> Void)?
    private let describe: @Sendable (Seen, Pacing?) async throws -> Void
    private let newest = Mutex<Seen?>(nil)
    private let busy = Atomic<Bool>(false)
    /// Nanoseconds that the device takes for a frame.
    private let frameTime = Atomic<Int>(0)

    /// No piece is to take longer.
    private static let longestPiece = Duration.milliseconds(20)

    /// - Parameters:
    ///   - interval: from the start of one description to that of the next; at once if one took longer.
    ///   - serve: has a frame encoded that waits, on the device's thread; nil where descriptions are made on another
    ///     device, so that nobody waits for them.
    ///   - describe: describes a frame and delivers what came of it.
    package init(
        every interval: Duration, serve: (@Sendable () -> Void)?,
        describe: @escaping @Sendable (Seen, Pacing?) async throws -> Void
    ) {
        self.interval = interval
        self.serve = serve
        self.describe = describe
    }

    /// Whether a description is being made.
    var isBusy: Bool { busy.load(ordering: .relaxed) }

    func note(_ frame: EncodedFrame) {
        let seen = Seen(
            frame: frame.live.frame, number: frame.live.number, time: frame.live.time, arrival: frame.live.arrival)
        newest.withLock { $0 = seen }
        let took = frame.moments.encoded - frame.moments.started
        let before = frameTime.load(ordering: .relaxed)
        let now = Int(took / .nanoseconds(1))
        frameTime.store(before == 0 ? now : (7 * before + now) / 8, ordering: .relaxed)
    }

    /// How pieces are cut: no longer than a frame takes, so that a frame that meets one waits no longer than for another
    /// frame.
    package var pacing: Pacing? {
        guard let serve else { return nil }
        return Pacing(
            longestPiece: { [self] in
                let frame = Duration.nanoseconds(frameTime.load(ordering: .relaxed))
                return frame == .zero ? Self.longestPiece : min(Self.longestPiece, max(frame, .milliseconds(1)))
            },
            turns: {
                try Task.checkCancellation()
                serve()
            })
    }

    /// Describes until the task is cancelled.
    ///
    /// - Throws: what making a description threw, but for its cancellation.
    package func run() async throws {
        let clock = ContinuousClock()
        var due = clock.now + interval
        do {
            while !Task.isCancelled {
                try await clock.sleep(until: due)
                guard let seen = newest.withLock({ $0 }) else {
                    due = clock.now + .milliseconds(50)
                    continue
                }
                due = max(due + interval, clock.now)
                busy.store(true, ordering: .relaxed)
                defer { busy.store(false, ordering: .relaxed) }
                try await describe(seen, pacing)
            }
        } catch is CancellationError {}
    }
}
