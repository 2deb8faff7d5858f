import Glibc
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

    /// CPU time of the encoder's thread for each of `runs` runs, in seconds: from images in memory to the submission, and
    /// from the signal to embeddings in memory.
    package func measureHost(_ images: [Image], runs: Int) throws(PerceptError) -> [(submit: Double, result: Double)] {
        try working {
            let frames = images.map(\.frame)
            _ = try engine.run(.embedding, frames)
            return try (0..<runs).map { _ in
                let start = threadSeconds()
                let filled = try engine.fill(.embedding, frames)
                let submission = try filled.program.submit()
                let submitted = threadSeconds()
                // A blocked thread takes no CPU time, so the wait may lie inside.
                try engine.host.finish(filled.program, submission)
                let values = try engine.finiteValues(filled.slots.embedding, "embedding", of: filled.program)
                let end = threadSeconds()
                return withExtendedLifetime(values) { (submitted - start, end - submitted) }
            }
        }
    }
}

/// CPU time of the calling thread.
private func threadSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}
