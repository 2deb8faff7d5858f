package import PerceptFrame
import Synchronization

/// Has the newest frame described from time to time; frames have their turns between the pieces of that work.
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
    private let describe: @Sendable (Seen) async throws -> Void
    private let newest = Mutex<Seen?>(nil)

    /// - Parameters:
    ///   - interval: from the start of one description to that of the next; at once if one took longer.
    ///   - describe: describes a frame and delivers what came of it.
    package init(
        every interval: Duration,
        describe: @escaping @Sendable (Seen) async throws -> Void
    ) {
        self.interval = interval
        self.describe = describe
    }

    func note(_ frame: EncodedFrame) {
        let seen = Seen(
            frame: frame.live.frame, number: frame.live.number, time: frame.live.time, arrival: frame.live.arrival)
        newest.withLock { $0 = seen }
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
                try await describe(seen)
            }
        } catch is CancellationError {}
    }
}
