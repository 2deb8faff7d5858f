import Foundation
package import PerceptGraph
import PerceptNumbers
import PerceptShaders
import PerceptVulkan

/// Times the candidates for shapes on a device. All calls come from the GPU's thread.
package struct Tuner {
    /// Runs of each candidate at most; the median counts.
    private static let mostRuns = 9
    /// Runs of the winner and of what serves now, by turns, before the one replaces the other.
    private static let confirmingRuns = 7
    /// Candidates this much slower than the fastest are left alone after two runs.
    private static let hopeless = 1.3
    /// Values that a kernel may spill. Few of them hide behind arithmetic, and then the clock decides; more crowd the caches
    /// of what runs beside it. A guess: drivers that report spills are at hand only without their GPUs.
    package static let mostSpills = 64

    private let gpu: OpenDevice
    private let profile: DeviceProfile

    /// - Parameters:
    ///   - gpu: where kernels run.
    ///   - profile: says what is chosen now; the device's own unless given.
    package init(on gpu: OpenDevice, _ profile: DeviceProfile? = nil) throws {
        // Pipelines of losers are not to be kept.
        self.gpu = try OpenDevice(gpu.device)
        self.profile = profile ?? gpu.profile
    }

    /// What there is to choose, nothing measured.
    package func candidates(of use: TunableUse) -> [any Candidate] {
        let chosen = use.shape.choice(for: profile)
        return [chosen] + use.shape.candidates(for: profile).filter { $0.name != chosen.name }
    }

    /// Times all candidates for a shape, turn by turn, so that what else the machine does meets all of them.
    ///
    /// - Parameter seconds: how long it may take. What is chosen now is timed in any case, and two runs of each that was
    ///   begun.
    /// - Returns: nil where there is nothing to choose.
    package func tune(_ use: TunableUse, seconds: Double) throws -> TuningResult? {
        let candidates = candidates(of: use)
        guard candidates.count > 1 else { return nil }
        let clock = ContinuousClock()
        let start = clock.now
        func spent() -> Double { (clock.now - start) / .seconds(1) }
        let trial = use.shape.trial(cacheBytes: profile.style == .cpu ? 64 << 20 : 256 << 20)
        let operands = try trial.operands(on: gpu)
        var runs: [(timing: CandidateTiming, program: Program)] = []
        var refused: [TuningResult.Refusal] = []
        for (index, candidate) in candidates.enumerated() {
            try Task.checkCancellation()
            guard index == 0 || spent() < seconds else {
                refused.append(.init(name: candidate.name, reason: "not timed: the time was up"))
                continue
            }
            do {
                runs.append(try prepare(candidate, use.shape, trial, operands, isChosen: index == 0))
            } catch let refusal as Refused {
                refused.append(.init(name: candidate.name, reason: refusal.reason))
            }
        }
        guard !runs.isEmpty else { return nil }
        for turn in 1..<Self.mostRuns where turn < 3 || spent() < seconds {
            try Task.checkCancellation()
            let best = runs.map(\.timing.best).min() ?? 0
            for index in runs.indices
            where turn < 2 || runs[index].timing.name == candidates[0].name
                || runs[index].timing.best <= Self.hopeless * best
            {
                runs[index].timing.seconds.append(try runs[index].program.kernelSeconds() / trial.repeats)
            }
        }
        // Of many candidates one is lucky: it has to be so again.
        let chosen = candidates[0].name
        let winner = TuningResult.winner(runs.map(\.timing), chosen: chosen).name
        let finalists = runs.indices.filter { [chosen, winner].contains(runs[$0].timing.name) }
        if finalists.count > 1 {
            for index in finalists { runs[index].timing.seconds = [] }
            for turn in 0..<Self.confirmingRuns {
                try Task.checkCancellation()
                for index in turn % 2 == 0 ? finalists : finalists.reversed() {
                    runs[index].timing.seconds.append(try runs[index].program.kernelSeconds() / trial.repeats)
                }
            }
        }
        return TuningResult(
            use: use, chosen: chosen, timings: runs.map(\.timing), finalists: finalists.map { runs[$0].timing },
            refused: refused, kernels: Set(candidates.map(\.kernel.name)).sorted())
    }

    private struct Refused: Error {
        let reason: String
    }

    /// A candidate that has shown to compute rightly, with the time of one run behind that.
    private func prepare(
        _ candidate: any Candidate, _ shape: TunableShape, _ trial: any TuningTrial, _ operands: TrialOperands,
        isChosen: Bool
    ) throws -> (timing: CandidateTiming, program: Program) {
        do {
            let program = try trial.program(
                on: profile.choosing(candidate, for: shape), gpu, operands, timing: .serialised)
            let statistics = try program.plan.steps.first.flatMap { try gpu.statistics(of: $0.dispatch) }
            if !isChosen, let spills = statistics?.spills, spills > Self.mostSpills {
                throw Refused(reason: "it spills \(spills) values")
            }
            let error = try trial.error(of: program, samples: 257)
            // Rounded to a 127th of its group's largest element, A alone makes more of a difference.
            guard error <= (candidate.kernel == Catalog.matmulDot ? 2e-2 : trial.bound) else {
                throw Refused(reason: "it computes wrongly: off by \(error) of the largest element")
            }
            let seconds = try program.kernelSeconds() / trial.repeats
            return (CandidateTiming(name: candidate.name, seconds: [seconds], statistics: statistics), program)
        } catch let error as RuntimeError {
            throw Refused(reason: error.description)
        } catch let error as PlanError {
            throw Refused(reason: error.description)
        } catch let error as VulkanError where !error.isDeviceLost {
            throw Refused(reason: error.description)
        }
    }
}

/// A trial that is timed.
protocol TuningTrial: Trial {
    /// How often a run computes the same.
    var repeats: Double { get }
}

extension TrialProduct: TuningTrial {
    var repeats: Double { Double(copies) }
}

extension TrialAttention: TuningTrial {
    var repeats: Double { 1 }
}

extension TunableShape {
    /// - Parameter cacheBytes: what caches may hold: matrices that are read once are as many as make that much.
    func trial(cacheBytes: Int) -> any TuningTrial {
        switch self {
        case .product(let shape):
            let bytes = shape.columns * shape.format.rowByteCount(columns: shape.depth)
            // More rows are bound by arithmetic, whatever the caches hold.
            let copies = shape.rows <= 8 ? min(max(cacheBytes / bytes, 1), 16) : 1
            return TrialProduct(
                rows: shape.rows, columns: shape.columns, depth: shape.depth, type: shape.type, format: shape.format,
                copies: copies)
        case .attention(let shape):
            return TrialAttention(
                heads: shape.heads, head: 8 * shape.headOctets, tokens: shape.queries, causal: shape.causal,
                type: shape.type, cached: shape.cached)
        }
    }
}
