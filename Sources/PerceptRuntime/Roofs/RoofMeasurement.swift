import Foundation
import PerceptGraph
import PerceptNumbers
import PerceptVulkan

/// The micro-benchmarks of `DeviceRoofs`.
enum RoofMeasurement {
    private static let runs = 5
    /// Long enough for timestamps and clocks, short enough for a CPU.
    private static let wantedSeconds = 0.01

    /// Bytes of each of the two memories that are copied, beyond what caches hold where there is room for that.
    private static func copyByteCount(_ gpu: OpenDevice) -> Int {
        let most = gpu.profile.style == .cpu ? 64 << 20 : 256 << 20
        return min(most, Int(clamping: gpu.device.availableMemory() / 8)) / 4096 * 4096
    }

    /// Bytes in a second by a kernel.
    static func copy(_ gpu: OpenDevice) throws -> Double {
        let rows = copyByteCount(gpu) / 4096
        var graph = Graph()
        // States, so that the memory is written before it is timed: pages never written may all be one.
        let memories = ["roof.source", "roof.result"].map { graph.state(StateSlot($0), [rows, 1024]) }
        graph.roofCopy("there", memories[0], into: memories[1])
        graph.roofCopy("back", memories[1], into: memories[0])
        let states = StateStore(on: gpu)
        try states.allocate(graph)
        let program = try Program(
            try Plan(graph, for: gpu.profile), WeightStore(on: gpu), states: states, on: gpu, timing: .concurrent)
        let bytes = program.plan.steps.reduce(0) { $0 + $1.dispatch.work().bytes }
        return bytes / (try best { try program.kernelSeconds() })
    }

    /// Bytes in a second by the driver's own copy.
    static func bufferCopy(_ gpu: OpenDevice) throws -> Double {
        let size = copyByteCount(gpu)
        let memories = try ["source", "result"].map { label in
            try Buffer(on: gpu.device, size: size, use: .device, label: label)
        }
        let clear = try CommandBuffer(on: gpu.device, label: "clear")
        try clear.begin()
        for memory in memories { clear.fill(memory, size: size, with: 0) }
        clear.barrier(from: .transfer, to: .transfer)
        try clear.end()
        _ = try gpu.device.queue.wait(for: gpu.device.queue.submit([clear]))

        let timestamps =
            gpu.device.physical.limits.timestampValidBits > 0 ? try TimestampPool(on: gpu.device, count: 2) : nil
        let commands = try CommandBuffer(on: gpu.device, label: "copy")
        try commands.begin()
        if let timestamps {
            commands.resetTimestamps(timestamps)
            commands.writeTimestamp(0, in: timestamps)
        }
        // There and back, each behind a barrier against the run before.
        for (source, target) in [(0, 1), (1, 0)] {
            commands.barrier(from: .transfer, to: .transfer)
            commands.copy(from: memories[source], to: memories[target], size: size)
        }
        if let timestamps { commands.writeTimestamp(1, in: timestamps) }
        try commands.end()
        let clock = ContinuousClock()
        return try 4 * Double(size)
            / best {
                let host = try clock.measure {
                    _ = try gpu.device.queue.wait(for: gpu.device.queue.submit([commands]))
                }
                let times = try timestamps?.nanoseconds()
                return times.flatMap { $0[1] }.map { $0 * 1e-9 } ?? host / .seconds(1)
            }
    }

    /// f32 operations in a second: a few more iterations each time until they take long enough.
    static func fma(_ gpu: OpenDevice) throws -> Double {
        var iterations = 64
        while true {
            var graph = Graph()
            let groups = gpu.profile.style == .cpu ? 64 : 4096
            graph.output("result", graph.roofFMA("fma", groups: groups, iterations: iterations))
            let program = try Program(
                try Plan(graph, for: gpu.profile), WeightStore(on: gpu), on: gpu, timing: .concurrent)
            _ = try program.kernelSeconds()
            let time = try program.kernelSeconds()
            if time > wantedSeconds || iterations > 1 << 20 {
                return program.plan.flops / (try best { try program.kernelSeconds() })
            }
            iterations *= 4
        }
    }

    /// Operations in a second of a product whose three sizes are alike.
    static func product(_ gpu: OpenDevice, _ storage: StorageType) throws -> Double {
        // 2 side³ operations; the rate is that of a small product.
        let side = min(max(Int(cbrt(gpu.profile.flopsPerSecond * wantedSeconds / 2)) / 256 * 256, 512), 4096)
        var graph = Graph()
        // Both are weights: a device may read inputs across a bus.
        let x = graph.weight(Weight("rows", [side, side]), storage)
        let weight = graph.weight(Weight("columns", [side, side]), storage)
        graph.output("product", graph.linear("product", x, weight, to: .f32))
        let weights = WeightStore(on: gpu)
        try weights.load(graph, from: RandomWeights())
        let plan = try Plan(graph, for: gpu.profile, weightTypes: weights.types)
        let program = try Program(plan, weights, on: gpu, timing: .concurrent)
        return plan.flops / (try best { try program.kernelSeconds() })
    }

    /// The shortest, after one that warms up.
    private static func best(_ body: () throws -> Double) throws -> Double {
        _ = try body()
        return try (0..<runs).map { _ in try body() }.min() ?? .infinity
    }
}
