package import PerceptGraph
import PerceptNumbers
import PerceptShaders

/// Something to compute with a kernel, and what it should come to.
protocol Trial: Sendable {
    /// What shows that the kernel computes rightly.
    static func checks(of kernel: Kernel, _ type: StorageType) -> [Self]
    /// What shows how fast it is, of about as many operations.
    static func sample(of kernel: Kernel, _ type: StorageType, flops: Double) -> Self

    /// Largest error that passes, as a part of the largest element.
    var bound: Double { get }
    /// Its result is `y`; what is computed first is what the kernel is chosen for.
    var graph: Graph { get }
    /// Weights and states of the graph, in the device's own memory: inputs may lie across a bus.
    func operands(on gpu: OpenDevice) throws -> TrialOperands
    /// Fills the inputs, if there are any.
    func fill(_ program: Program)
    func expected(row: Int, column: Int) -> Double
}

/// What the programs of one trial share.
struct TrialOperands {
    let weights: WeightStore
    let states: StateStore
}

extension Trial {
    func program(
        on profile: DeviceProfile, _ gpu: OpenDevice, _ operands: TrialOperands? = nil, timing: ProgramTiming = .run
    ) throws -> Program {
        let operands = try operands ?? self.operands(on: gpu)
        let plan = try Plan(graph, for: profile, weightTypes: operands.weights.types)
        let program = try Program(plan, operands.weights, states: operands.states, on: gpu, timing: timing)
        fill(program)
        return program
    }

    /// Runs a program and finds the largest error among elements spread over the result, corners included, as a part of the
    /// largest element.
    func error(of program: Program, samples: Int = 1009) throws -> Double {
        try program.run()
        // A trial has one output.
        let found = program.values(Output(index: 0))
        let columns = program.plan.outputs[0].tensor.columns
        let samples = min(found.count, samples)
        var (largest, error) = (1e-30, 0.0)
        for sample in 0..<samples {
            let index = sample * (found.count - 1) / max(1, samples - 1)
            let wanted = expected(row: index / columns, column: index % columns)
            let difference = abs(Double(found[index]) - wanted)
            largest = max(largest, abs(wanted))
            error = difference.isFinite ? max(error, difference) : .infinity
        }
        return error / largest
    }

    /// Seconds of the best of three runs behind one that warms up.
    func bestTime(on profile: DeviceProfile, _ gpu: OpenDevice) throws -> Double {
        let program = try program(on: profile, gpu, timing: .serialised)
        _ = try program.kernelSeconds()
        return try (0..<3).map { _ in try program.kernelSeconds() }.min() ?? .infinity
    }
}

extension Program {
    /// Runs once.
    ///
    /// - Returns: what its kernels took, without copies of results to the host; of a device without timestamps, the whole run.
    func kernelSeconds() throws -> Double {
        let clock = ContinuousClock()
        let host = try clock.measure { try run() }
        let kernels = try runTimes()?.spans.reduce(0) { sum, span in
            if case .dispatch = span.command { sum + span.time } else { sum }
        }
        return max(kernels.map { $0 * 1e-9 } ?? host / .seconds(1), 1e-9)
    }
}

extension DeviceProfile {
    /// The same device with a candidate chosen for a shape.
    package func choosing(_ candidate: any Candidate, for shape: TunableShape) -> DeviceProfile {
        var profile = self
        profile.tuning.winners[shape.shapeClass] = candidate.name
        return profile
    }
}
