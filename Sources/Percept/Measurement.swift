import PerceptEngine
import PerceptModels
import PerceptRuntime

/// How long one run of a batch took.
public struct RunTiming: Sendable, Hashable {
    /// From decoded images in memory to embeddings in memory.
    public let host: Duration
    /// From the first to the last kernel; nil on devices without timestamps.
    public let device: Duration?
}

/// How several callers fared that each asked for one image at a time.
public struct SharedTiming: Sendable, Hashable {
    /// Callers at a time.
    public let callers: Int
    /// What each request took, as its caller sees it.
    public let requests: [Duration]
    /// From the first request to the end of the last.
    public let total: Duration
    /// The time in which the device computed, between the first request and the end of the last.
    public let busy: Duration
    /// Submissions that the device took; see <doc:SharingADevice>.
    public let pieces: Int
    /// The longest of them.
    public let longestPiece: Duration
}

extension PerceptionEncoder {
    /// Embeds `images` as one batch, over and over, and takes the time of each run. The first includes the recording, and
    /// the upload of weights, if ``prepare(texts:)`` or another run has not done them.
    ///
    /// - Parameters:
    ///   - images: one batch, of any sizes.
    ///   - runs: how often.
    /// - Throws: ``PerceptError`` as ``embed(_:batch:)``.
    public func measure(_ images: [Image], runs: Int) async throws(PerceptError) -> [RunTiming] {
        let clock = ContinuousClock()
        let items = items(images)
        var timings: [RunTiming] = []
        for _ in 0..<(images.isEmpty ? 0 : runs) {
            let start = clock.now
            let call = EncoderCall(.images(.embedding, labels: []), items, limit: items.count)
            let rows = try await results(of: call)
            let host = withExtendedLifetime(rows) { start.duration(to: clock.now) }
            timings.append(RunTiming(host: host, device: call.deviceTime))
        }
        return timings
    }

    /// Has callers embed one image each, over and over, all at the same time.
    ///
    /// - Parameters:
    ///   - image: of any size.
    ///   - callers: at least 1.
    ///   - requests: of all together, after some that record.
    /// - Throws: ``PerceptError`` as ``embed(_:batch:)``.
    public nonisolated func measure(
        _ image: Image, callers: Int, requests: Int
    ) async throws(PerceptError) -> SharedTiming {
        // Batches of every size are recorded, each for both places, and run until their times are known.
        for count in sequence(first: 1, next: { $0 < min(callers, Self.defaultBatch) ? 2 * $0 : nil }) {
            for _ in 0..<3 { try await ask(image, callers: 2 * count, requests: 2 * count) }
        }
        try await ask(image, callers: callers, requests: 2 * callers)
        _ = gpu.runtime.turns.takeUse()
        let start = ContinuousClock.now
        let times = try await ask(image, callers: callers, requests: requests)
        let total = ContinuousClock.now - start
        let use = gpu.runtime.turns.takeUse()
        return SharedTiming(
            callers: callers, requests: times, total: total, busy: use.busy, pieces: use.pieces,
            longestPiece: use.longestPiece)
    }

    @discardableResult
    private nonisolated func ask(
        _ image: Image, callers: Int, requests: Int
    ) async throws(PerceptError) -> [Duration] {
        do {
            return try await withThrowingTaskGroup(of: [Duration].self) { group in
                for caller in 0..<callers {
                    group.addTask {
                        var times: [Duration] = []
                        for _ in stride(from: caller, to: requests, by: callers) {
                            let start = ContinuousClock.now
                            _ = try await self.embed([image])
                            times.append(.now - start)
                        }
                        return times
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
        } catch { throw PerceptError(error) }
    }
}
