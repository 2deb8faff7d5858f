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

extension PerceptionEncoder {
    /// Embeds `images` as one batch, over and over, and takes the time of each run. The first includes the recording, and
    /// the upload of weights, if ``prepare(texts:)`` or another run has not done them.
    ///
    /// - Parameters:
    ///   - images: one batch, of any sizes.
    ///   - runs: how often.
    /// - Throws: ``PerceptError`` as ``embed(_:batch:)``.
    public func measure(_ images: [Image], runs: Int) throws(PerceptError) -> [RunTiming] {
        try working {
            let clock = ContinuousClock()
            var timings: [RunTiming] = []
            for _ in 0..<(images.isEmpty ? 0 : runs) {
                try Task.checkCancellation()
                let start = clock.now
                let run = try engine.run(.embedding, images.map(\.frame))
                let values = try engine.finiteValues(run.slots.embedding, "embedding", of: run.program)
                let host = withExtendedLifetime(values) { start.duration(to: clock.now) }
                timings.append(RunTiming(host: host, device: try run.program.deviceTime()))
            }
            return timings
        }
    }
}
