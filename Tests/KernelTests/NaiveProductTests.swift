import PerceptGraph
import PerceptNumbers
import PerceptRuntime
import PerceptVulkan
import TestSupport
import Testing

/// The tuned product against the baseline it has to be worth its code against.
@Suite("Naive product")
struct NaiveProductTests {
    @Test(
        "agrees with the tuned one, which on a CPU driver is three times as fast", arguments: [StorageType.f32, .f16])
    func baseline(storage: StorageType) throws {
        try TestGPU.run { gpu in
            let (rows, columns, depth) = (96, 768, 768)
            func program(_ record: (inout Graph, Tensor, Tensor) -> Tensor) throws -> Program {
                var graph = Graph()
                let x = graph.input("x", [rows, depth], storage)
                let weight = graph.weight(Weight("weight", [columns, depth]), storage)
                graph.output("y", record(&graph, x, weight))
                let store = WeightStore(on: gpu)
                try store.load(graph, from: RandomWeights())
                let program = try Program(try Plan(graph, for: gpu.profile), store, on: gpu)
                guard let memory = program.input("x").baseAddress else { return program }
                _ = try RandomWeights(seed: 2).copyRows(
                    0..<rows, of: Weight("x", [rows, depth]), as: storage, to: memory, rowStride: depth)
                return program
            }
            let tuned = try program { $0.linear("tuned", $1, $2, to: .f32) }
            let naive = try program { $0.naiveLinear("naive", $1, $2) }

            var best = (tuned: Duration.seconds(3600), naive: Duration.seconds(3600))
            for _ in 0..<3 {
                let clock = ContinuousClock()
                best.tuned = min(best.tuned, try clock.measure { try tuned.run() })
                best.naive = min(best.naive, try clock.measure { try naive.run() })
            }
            let largest = zip(tuned.values("y"), naive.values("y")).map { abs($0 - $1) }.max() ?? .infinity
            // Elements are of the order of 0.04; both sum 768 products in f32.
            #expect(largest < 1e-6)
            // The tuned kernel is made for Mesa's CPU driver; another may be as quick with the naive one.
            if gpu.device.physical.driverName == "llvmpipe" { #expect(best.naive > best.tuned * 3) }
        }
    }
}
