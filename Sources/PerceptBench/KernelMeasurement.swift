import Foundation
import PerceptGraph
import PerceptNumbers
import PerceptRuntime

/// A case made ready to run, and the times of its runs.
struct KernelMeasurement {
    let measured: KernelCase
    /// Seconds to make the program and to run it first, when some drivers' compilers start.
    let setup: Double
    private(set) var seconds: [Double] = []
    /// Processor time of the process, all its threads together: on a CPU driver, and unlike the others it hardly
    /// depends on what else runs.
    private var processorSeconds: [Double] = []
    private(set) var steps: [String: Double] = [:]
    private let program: Program
    private let flops: Double
    /// See `KernelReference`.
    let error: Double?

    init(_ measured: KernelCase, on profile: DeviceProfile, _ gpu: OpenDevice) throws {
        self.measured = measured
        let graph = measured.graph()
        let store = WeightStore(on: gpu)
        try store.load(graph, from: RandomWeights())
        var profile = profile
        // One kernel is measured in one piece.
        if !measured.kind.isTower { profile.flopsPerSecond = 1e15 }
        let plan = try Plan(graph, for: profile, weightTypes: store.types)
        flops = plan.steps.reduce(0) { $0 + $1.dispatch.flops }
        let clock = ContinuousClock()
        let start = clock.now
        let states = StateStore(on: gpu)
        try states.allocate(graph)
        program = try Program(plan, store, states: states, on: gpu, timing: measured.kind.isTower ? .concurrent : .run)
        guard let input = plan.inputs.first?.tensor else { preconditionFailure("no input") }
        let memory = program.input(input)
        guard let base = memory.baseAddress else { preconditionFailure("no input") }
        // A matrix of one column has the fan-in one, so these have unit variance.
        let numbers = Weight("x", [input.rows * input.columns, 1])
        for row in 0..<input.rows {
            _ = try RandomWeights(seed: 2).copyRows(
                row * input.columns..<(row + 1) * input.columns, of: numbers, as: input.type,
                to: base + row * input.rowByteCount, rowStride: 1)
        }
        try program.run()
        setup = (clock.now - start) / .seconds(1)
        let reference = KernelReference(
            measured: measured, input: input.elements(of: UnsafeRawBufferPointer(memory)))
        error = try reference.error(of: plan.outputs[0].tensor.elements(of: program.output(Output(index: 0))))
    }

    mutating func run() throws {
        let clock = ContinuousClock()
        let start = clock.now
        let spent = Self.processorSeconds()
        try program.run()
        processorSeconds.append(Self.processorSeconds() - spent)
        let wall = clock.now - start
        seconds.append((try program.deviceTime() ?? wall) / .seconds(1))
        for span in try program.runTimes()?.spans ?? [] {
            guard case .dispatch(let part) = span.command else { continue }
            // Blocks are alike: their steps are summed up by their place in the block.
            let label = program.plan.steps[part.step].label.split(separator: ".").filter { Int($0) == nil }.joined(
                separator: ".")
            steps[label, default: 0] += span.time * 1e-9
        }
    }

    private static func processorSeconds() -> Double {
        var usage = rusage()
        #if os(Linux)
            getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        #else
            getrusage(RUSAGE_SELF, &usage)
        #endif
        return [usage.ru_utime, usage.ru_stime].reduce(0) { $0 + Double($1.tv_sec) + Double($1.tv_usec) * 1e-6 }
    }

    /// One line: case, median and best in milliseconds, GFLOP/s of both, GFLOP by second of processor time, set-up time
    /// and error.
    var line: String {
        let sorted = seconds.sorted()
        let (best, median) = (sorted[0], sorted[sorted.count / 2])
        let processor = processorSeconds.sorted()[processorSeconds.count / 2]
        let found = error.map { "  error \(rounded($0 * 1e6, 1))e-6" } ?? ""
        return
            "\(measured.text)  median \(rounded(median * 1e3, 2)) ms  best \(rounded(best * 1e3, 2)) ms  "
            + "\(rounded(flops / median / 1e9, 1)) / \(rounded(flops / best / 1e9, 1)) GFLOP/s  "
            + "per core \(rounded(flops / processor / 1e9, 1))  "
            + "set-up \(rounded(setup, 2)) s\(found)"
    }

    /// Mean time of a tower's kinds of steps, longest first.
    var stepLines: [String] {
        steps.sorted { $0.value > $1.value }.map { label, total in
            "    \(label)  \(rounded(total / Double(seconds.count) * 1e3, 2)) ms"
        }
    }
}

extension Tensor {
    /// Rows without their padding.
    fileprivate func elements(of bytes: UnsafeRawBufferPointer) -> [Float] {
        let stored = type.values(bytes)
        return (0..<rows).flatMap { stored[$0 * paddedColumns..<$0 * paddedColumns + columns] }
    }
}

private func rounded(_ value: Double, _ digits: Int) -> String {
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    return String((value * scale).rounded() / scale)
}
