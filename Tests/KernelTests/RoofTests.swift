import Foundation
import PerceptGraph
import PerceptNumbers
import PerceptRuntime
import PerceptVulkan
import TestSupport
import Testing

/// The micro-benchmarks that other kernels are compared with do what they are counted for.
@Suite("Roofs")
struct RoofTests {
    @Test("a copy copies all of it", arguments: [1, 7, 4096, 100_003])
    func copy(octets: Int) throws {
        try TestGPU.run { gpu in
            var graph = Graph()
            let source = graph.input("source", [octets, 4])
            let target = graph.result(source.shape, .f32)
            // Rows of four are padded to octets.
            graph.roofCopy("copy", source, into: target)
            graph.output("target", target)
            let program = try Program(try Plan(graph, for: gpu.profile), WeightStore(on: gpu), on: gpu)
            let words = program.input("source").bindMemory(to: UInt32.self)
            for index in words.indices { words[index] = UInt32(truncatingIfNeeded: index &* 2_654_435_761) }
            try program.run()
            let found = program.output("target").bindMemory(to: UInt32.self)
            #expect(found.count == words.count && found.elementsEqual(words))
        }
    }

    /// x ← 31/32 x + t from 1, 2 and 3, sixteen times an iteration.
    @Test("chains run as often as they are counted", arguments: [1, 2, 5])
    func chains(iterations: Int) throws {
        try TestGPU.run { gpu in
            var graph = Graph()
            graph.output("result", graph.roofFMA("fma", groups: 3, iterations: iterations))
            let plan = try Plan(graph, for: gpu.profile)
            // Three groups of 64 lanes with three chains of four numbers.
            #expect(plan.flops == Double(3 * 64 * 3 * 4 * 2 * 16 * iterations))
            let program = try Program(plan, WeightStore(on: gpu), on: gpu)
            try program.run()
            let values = program.values("result")
            for group in 0..<3 {
                // The first lane, whose factor has no part of its own. One step more or less is a 32nd.
                let term = Float(group + 1) * 1e-6
                let expected = (1...3).reduce(Float(0)) { sum, start in
                    sum + (0..<16 * iterations).reduce(Float(start)) { x, _ in 0.96875 * x + term }
                }
                #expect(abs(values[group * 256] / expected - 1) < 1e-4)
            }
        }
    }

    @Test("roofs are measured once, kept, and measured anew on demand")
    func kept() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "percept-\(UUID())")
        defer { try? FileManager.default.removeItem(at: folder) }
        try TestGPU.run { shared in
            let gpu = try OpenDevice(
                shared.device, cacheDirectory: folder, flopsPerSecond: shared.profile.flopsPerSecond)
            let roofs = try DeviceRoofs.of(gpu, .f16)
            for rate in [roofs.copy, roofs.fma, roofs.product] { #expect(rate > 1e7 && rate < 1e16) }
            #expect(DeviceRoofs(roofs.text) == roofs)
            #expect(try DeviceRoofs.of(gpu, .f16) == roofs)
            // What is kept is believed until it is asked for anew, or until it is no longer such a file.
            let name = try #require(
                try FileManager.default.contentsOfDirectory(atPath: folder.path)
                    .first { $0.hasSuffix("f16.roofs") })
            let file = folder.appending(path: name)
            let other = DeviceRoofs(copy: 1, fma: 2, product: 3)
            try other.text.write(to: file, atomically: true, encoding: .utf8)
            #expect(try DeviceRoofs.of(gpu, .f16) == other)
            for text in ["copy 1\nfma 2\n", "copy 1\nfma 2\nproduct -3\n", "copy 1\nfma 2\nproduct nan\n", ""] {
                #expect(DeviceRoofs(text) == nil)
            }
            #expect(try DeviceRoofs.of(gpu, .f16, anew: true).copy > 1e7)
        }
    }
}
