import Foundation
import PerceptFiles
import PerceptGraph
import PerceptNumbers
import PerceptVulkan

/// The matmul rate that submissions are sized by: measured once for each device and driver, then kept on disk.
enum MeasuredRate {
    /// Rate from the cache, else from a short run on the device.
    static func flopsPerSecond(of gpu: OpenDevice) throws -> Double {
        let file = gpu.cacheDirectory?.appending(path: gpu.device.physical.cacheFileName("rate"))
        if let file, let text = try? String(contentsOf: file, encoding: .utf8), let rate = Double(text),
            rate.isFinite, rate > 0
        {
            return rate
        }
        let rate = try measure(gpu)
        if let file, let folder = gpu.cacheDirectory {
            // A rate that cannot be kept is measured again next time.
            try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            try? NewFile.write(Array(String(rate).utf8), to: file.path, as: .cache)
        }
        return rate
    }

    /// The best of a few products of a size that towers have; it takes some tens of milliseconds on a CPU.
    private static func measure(_ gpu: OpenDevice) throws -> Double {
        var graph = Graph()
        let x = graph.input("x", [192, 768])
        let weight = graph.weight(Weight("rate", [768, 768]))
        graph.output("y", graph.linear("rate", x, weight, to: .f32))
        let weights = WeightStore(on: gpu)
        try weights.load(graph, from: RandomWeights())
        let program = try Program(try Plan(graph, for: gpu.profile), weights, on: gpu)
        program.input(x).initializeMemory(as: UInt8.self, repeating: 0)
        var best = Duration.seconds(3600)
        for _ in 0..<3 {
            let clock = ContinuousClock()
            let host = try clock.measure { try program.run() }
            best = min(best, try program.deviceTime() ?? host)
        }
        return program.plan.flops / max(best / .seconds(1), 1e-9)
    }
}
