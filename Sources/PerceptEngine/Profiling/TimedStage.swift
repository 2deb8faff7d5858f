package import PerceptGraph
package import PerceptRuntime
import PerceptShaders
import PerceptVulkan

/// A program and some timed runs of it.
package struct TimedStage {
    package let name: String
    /// What one run takes in: images, texts or tokens.
    package let units: Int
    package let program: Program
    /// How full a decoder's cache is in these runs.
    package let cache: CacheUse?
    /// The shortest first.
    package let runs: [TimedRun]
    /// Nanoseconds of the device's clock.
    package let tick: Double

    package var median: TimedRun { runs[runs.count / 2] }

    /// Runs a program some times.
    ///
    /// - Parameters:
    ///   - runs: how many are timed, after one that warms up.
    ///   - before: brings states back to where a run starts.
    package init(
        _ name: String, units: Int, _ program: Program, cache: CacheUse? = nil, runs: Int, on gpu: OpenDevice,
        isolation: isolated (any Actor)? = #isolation, before: () async throws -> Void = {}
    ) async throws {
        self.name = name
        self.units = units
        self.program = program
        self.cache = cache
        tick = gpu.device.physical.limits.timestampPeriod
        var timed: [TimedRun] = []
        for run in 0...runs {
            try Task.checkCancellation()
            try await before()
            let found = try program.timedRun(on: gpu)
            if run > 0 { timed.append(found) }
        }
        self.runs = timed.sorted { $0.times.total < $1.times.total }
    }

    /// What the slices of a step have in common.
    package enum Command: Hashable {
        case step(Int)
        case copy(Int)

        package init(_ command: Plan.Command) {
            switch command {
            case .dispatch(let part): self = .step(part.step)
            case .copy(let output): self = .copy(output)
            case .barrier: preconditionFailure("barriers are not timed")
            }
        }
    }

    /// The spans of a run by what they belong to.
    package func spans(_ run: TimedRun) -> [Command: [RunTimes.Span]] {
        Dictionary(grouping: run.times.spans, by: { Command($0.command) })
    }

    /// The kernel that a command runs; `copy` for what the driver copies.
    package func kernel(of command: Command) -> String {
        switch command {
        case .step(let step): program.plan.steps[step].dispatch.kernel.name
        case .copy: "copy"
        }
    }

    /// What a command is called, from the part of the model on, and its work.
    package func labelAndWork(of command: Command) -> (label: [String], work: Work) {
        switch command {
        case .step(let index):
            let step = program.plan.steps[index]
            return (step.label.split(separator: ".").map(String.init), step.dispatch.work(cache))
        case .copy(let output):
            let (name, tensor) = program.plan.outputs[output]
            return (["outputs", name], Work(flops: 0, bytes: 2 * Double(tensor.byteCount)))
        }
    }
}
