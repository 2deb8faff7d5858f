import PerceptRuntime
import Synchronization

/// Has a language model describe the newest frame from time to time, in pieces between which frames have their turn.
final class StreamCaptioner: Sendable {
    /// A frame that was encoded.
    private struct Seen: Sendable {
        let image: Image
        let number: Int
        let time: Double
        let arrival: ContinuousClock.Instant
    }

    private let schedule: CaptionSchedule
    private let flow: StreamFlow
    private let encoder: PerceptionEncoder
    private let newest = Mutex<Seen?>(nil)
    private let busy = Atomic<Bool>(false)
    /// Nanoseconds that the device takes for a frame.
    private let frameTime = Atomic<Int>(0)

    /// No piece is to take longer.
    static let longestPiece = Duration.milliseconds(20)

    init(_ schedule: CaptionSchedule, _ flow: StreamFlow, encoder: PerceptionEncoder) {
        self.schedule = schedule
        self.flow = flow
        self.encoder = encoder
    }

    /// Whether a description is being made.
    var isBusy: Bool { busy.load(ordering: .relaxed) }

    func note(_ result: FrameResult) {
        let seen = Seen(
            image: result.image, number: result.number, time: result.time, arrival: result.stages.arrival)
        newest.withLock { $0 = seen }
        let took = result.stages.encoded - result.stages.started
        let before = frameTime.load(ordering: .relaxed)
        let now = Int(took / .nanoseconds(1))
        frameTime.store(before == 0 ? now : (7 * before + now) / 8, ordering: .relaxed)
    }

    /// How pieces are cut: no longer than a frame takes, so that a frame that meets one waits no longer than for another
    /// frame. On another device nobody waits for them.
    private var pacing: Pacing? {
        guard schedule.model.gpu === encoder.gpu else { return nil }
        return Pacing(
            longestPiece: { [self] in
                let frame = Duration.nanoseconds(frameTime.load(ordering: .relaxed))
                return frame == .zero ? Self.longestPiece : min(Self.longestPiece, max(frame, .milliseconds(1)))
            },
            turns: { [encoder, id = flow.id] in
                try Task.checkCancellation()
                encoder.assumeIsolated { $0.serve(stream: id) }
            })
    }

    /// Loads and records everything by describing a black picture.
    func prepare(width: Int, height: Int) async throws {
        let black = try Image.black(width: max(width, 16), height: max(height, 16))
        _ = try await schedule.model.describe(
            black, question: schedule.question, maxTokens: 2, pacing: pacing)
    }

    /// Describes until the task is cancelled.
    func run() async {
        let clock = ContinuousClock()
        var due = clock.now + schedule.interval
        do {
            while !Task.isCancelled {
                try await clock.sleep(until: due)
                guard let seen = newest.withLock({ $0 }) else {
                    due = clock.now + .milliseconds(50)
                    continue
                }
                due = max(due + schedule.interval, clock.now)
                busy.store(true, ordering: .relaxed)
                defer { busy.store(false, ordering: .relaxed) }
                let description = try await schedule.model.describe(
                    seen.image, question: schedule.question, maxTokens: schedule.maxTokens, pacing: pacing)
                await flow.events.waitForRoom()
                flow.events.put(
                    .caption(
                        StreamCaption(
                            text: description.text, number: seen.number, time: seen.time,
                            latency: clock.now - seen.arrival,
                            pieces: (description.pieces, description.longestPiece))))
            }
        } catch is CancellationError {
        } catch {
            let error = PerceptError(error)
            guard error.code != .cancelled else { return }
            await encoder.fail(stream: flow.id, error)
        }
    }
}
