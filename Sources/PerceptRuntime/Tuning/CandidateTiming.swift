import Foundation
package import PerceptGraph
package import PerceptVulkan

/// A candidate with the times of its runs.
package struct CandidateTiming: Sendable {
    /// Kernel and cut.
    package let name: String
    /// Seconds of each run, at least one.
    package var seconds: [Double]
    /// What the driver says of the compiled kernel; nil where it says nothing.
    package let statistics: PipelineStatistics?

    package init(name: String, seconds: [Double], statistics: PipelineStatistics? = nil) {
        self.name = name
        self.seconds = seconds
        self.statistics = statistics
    }

    package var median: Double { seconds.sorted()[seconds.count / 2] }
    package var best: Double { seconds.min() ?? .infinity }
}

/// What came of timing the candidates for a shape.
package struct TuningResult: Sendable {
    package let use: TunableUse
    /// What plans have taken so far; nil where it was refused.
    package let before: CandidateTiming?
    /// What they should take; the same where nothing is surely faster.
    package let after: CandidateTiming
    /// All that were timed, fastest first.
    package let timings: [CandidateTiming]
    /// Candidates that are not to be had, and why.
    package let refused: [Refusal]
    /// Kernels of all candidates.
    package let kernels: [String]

    package struct Refusal: Hashable, Sendable {
        package let name: String
        package let reason: String
    }

    /// - Parameters:
    ///   - chosen: the name of what plans have taken so far.
    ///   - timings: at least one.
    ///   - finalists: those of them that may win, at least one.
    package init(
        use: TunableUse, chosen: String, timings: [CandidateTiming], finalists: [CandidateTiming],
        refused: [Refusal], kernels: [String]
    ) {
        self.use = use
        self.timings = timings.sorted { $0.median < $1.median }
        self.refused = refused
        self.kernels = kernels
        before = timings.first { $0.name == chosen }
        after = Self.winner(finalists, chosen: chosen)
    }

    /// A change must gain this much, since runs of one kernel differ by about as much.
    package static let leastGain = 1.02

    /// The fastest by its median, if it is surely faster than what is chosen: its best run must say the same.
    package static func winner(_ timings: [CandidateTiming], chosen: String) -> CandidateTiming {
        let sorted = timings.sorted { $0.median < $1.median }
        guard let usual = timings.first(where: { $0.name == chosen }) else { return sorted[0] }
        return sorted.first {
            $0.median * leastGain <= usual.median && $0.best * leastGain <= usual.best
        } ?? usual
    }

    /// As it is kept.
    package var entry: TuningFile.Entry {
        TuningFile.Entry(
            shape: use.shape.shapeClass.description, winner: after.name, kernels: kernels,
            build: TuningFile.build(kernels), date: Date())
    }
}
