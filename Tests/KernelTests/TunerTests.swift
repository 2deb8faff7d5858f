import Foundation
import PerceptGraph
import PerceptNumbers
import PerceptRuntime
import PerceptVulkan
import TestSupport
import Testing

@Suite("Tuning")
struct TunerTests {
    private func timing(_ name: String, _ seconds: [Double]) -> CandidateTiming {
        CandidateTiming(name: name, seconds: seconds)
    }

    @Test("the fastest wins, unless it hardly is")
    func winner() {
        let usual = timing("usual", [1.0, 1.1, 1.05])
        func winner(_ others: CandidateTiming...) -> String {
            TuningResult.winner([usual] + others, chosen: "usual").name
        }
        #expect(winner() == "usual")
        #expect(winner(timing("slow", [2, 2.1, 1.9])) == "usual")
        #expect(winner(timing("fast", [0.8, 0.9, 0.85])) == "fast")
        #expect(winner(timing("fast", [0.8, 0.9, 0.85]), timing("faster", [0.7, 0.71, 0.72])) == "faster")
        // Within the noise; and fast in most runs, but never as fast as the usual one can be.
        #expect(winner(timing("alike", [0.99, 1.09, 1.04])) == "usual")
        #expect(winner(timing("steady", [1.0, 1.0, 1.0])) == "usual")
        // What was chosen so far was refused.
        let others = [timing("slow", [2]), timing("fast", [1])]
        #expect(TuningResult.winner(others, chosen: "usual").name == "fast")
    }

    private func use(_ rows: Int, _ type: StorageType, _ format: WeightType) throws -> TunableUse {
        var graph = Graph()
        let x = graph.input("x", [rows, 96], type)
        graph.output("y", graph.linear("linear", x, graph.weight(Weight("w", [136, 96]), format), to: .f32))
        return try #require(TunableUse.all(in: [graph], on: TestGPU.shared.get().profile).first)
    }

    @Test(
        "every candidate for a product computes rightly and is timed",
        arguments: [
            (StorageType.f32, WeightType.plain(.f32)), (.f16, .plain(.f16)), (.bf16, .plain(.bf16)), (.f16, .q4),
        ])
    func product(type: StorageType, format: WeightType) throws {
        for rows in [1, 6, 70] {
            let use = try use(rows, type, format)
            let result = try TestGPU.run { gpu in
                let tuner = try Tuner(on: gpu)
                let names = tuner.candidates(of: use).map(\.name)
                let result = try #require(try tuner.tune(use, seconds: 60))
                #expect(result.refused.isEmpty, "\(result.refused)")
                #expect(Set(result.timings.map(\.name)) == Set(names))
                #expect(result.before?.name == names.first)
                return result
            }
            #expect(result.timings.map(\.median) == result.timings.map(\.median).sorted())
            #expect(result.timings.allSatisfy { $0.seconds.count >= 2 && $0.best > 0 })
        }
    }

    @Test("so are those for attention, in the style of GPUs", arguments: [StorageType.f32, .f16], [false, true])
    func attention(type: StorageType, cached: Bool) throws {
        let shape = TunableShape.attention(
            AttentionShape(
                queries: 40, heads: 4, headOctets: 4, type: type, format: .plain(type), causal: cached,
                cached: cached))
        let use = TunableUse(shape: shape, count: 1, flops: 1)
        try TestGPU.run { gpu in
            let profile = gpu.profile.inStyle(.gpu)
            let tuner = try Tuner(on: gpu, profile)
            #expect(tuner.candidates(of: use).count >= 3)
            let result = try #require(try tuner.tune(use, seconds: 60))
            #expect(result.refused.isEmpty, "\(result.refused)")
            #expect(result.timings.count == tuner.candidates(of: use).count)
        }
    }

    @Test("without time, what serves now is timed all the same, and nothing else")
    func noTime() throws {
        let use = try use(70, .f32, .plain(.f32))
        try TestGPU.run { gpu in
            let result = try #require(try Tuner(on: gpu).tune(use, seconds: 0))
            #expect(result.timings.map(\.name) == [result.before?.name])
            #expect(result.after.name == result.before?.name)
            #expect(!result.refused.isEmpty)
        }
    }
}

@Suite("Kept tuning")
struct TuningFileTests {
    private static var device: PhysicalDevice {
        var device = PhysicalDevice(index: 0, name: "imagined", kind: .cpu, uuid: "0123")
        device.driverVersion = 0x42
        return device
    }

    private func entry(_ shape: String, _ winner: String, build: UInt64? = nil) -> TuningFile.Entry {
        TuningFile.Entry(
            shape: shape, winner: winner, kernels: ["matmul", "matvec"],
            build: build ?? TuningFile.build(["matmul", "matvec"]), date: Date(timeIntervalSince1970: 1e9))
    }

    @Test("what is kept is read again, newer winners in place of older ones")
    func roundTrip() throws {
        let folder = try TemporaryFolder()
        var file = TuningFile(of: Self.device, in: folder.url)
        #expect(file.entries.isEmpty && file.fault == nil)
        #expect(file.keep([entry("a", "first"), entry("b", "second")]) == nil)
        #expect(folder.contents == ["0123-42.tuning"])
        var again = TuningFile(of: Self.device, in: folder.url)
        #expect(again.entries == file.entries && again.staleCount == 0)
        #expect(again.table == TuningTable([ShapeClass("a"): "first", ShapeClass("b"): "second"]))
        #expect(again.keep([entry("a", "third")]) == nil)
        #expect(TuningFile(of: Self.device, in: folder.url).table.winners[ShapeClass("a")] == "third")
        #expect(TuningFile(of: Self.device, in: folder.url).table.winners[ShapeClass("b")] == "second")
        // Another driver, another file.
        var updated = Self.device
        updated.driverVersion = 0x43
        #expect(TuningFile(of: updated, in: folder.url).entries.isEmpty)
        #expect(TuningFile(of: Self.device, in: nil).entries.isEmpty)
    }

    @Test("a changed kernel makes its winners stale")
    func stale() throws {
        let folder = try TemporaryFolder()
        var file = TuningFile(of: Self.device, in: folder.url)
        #expect(file.keep([entry("a", "old", build: 7), entry("b", "new")]) == nil)
        let again = TuningFile(of: Self.device, in: folder.url)
        #expect(again.staleCount == 1 && again.table == TuningTable([ShapeClass("b"): "new"]))
        #expect(TuningFile.build(["matmul"]) != TuningFile.build(["matvec"]))
    }

    @Test("a damaged file counts as none, and is replaced", arguments: ["", "{", "[]", "{\"entries\":[{}]}", "\u{0}"])
    func damaged(text: String) throws {
        let folder = try TemporaryFolder()
        _ = try folder.write(text.utf8, "0123-42.tuning")
        var file = TuningFile(of: Self.device, in: folder.url)
        #expect(file.entries.isEmpty && file.fault?.contains("0123-42.tuning") == true)
        #expect(file.keep([entry("a", "first")]) == nil)
        let again = TuningFile(of: Self.device, in: folder.url)
        #expect(again.fault == nil && again.entries.count == 1)
    }

    @Test("a directory that cannot be written to is said")
    func unwritable() {
        var file = TuningFile(of: Self.device, in: URL(filePath: "/proc/nowhere"))
        #expect(file.keep([entry("a", "first")]) != nil)
        #expect(file.table.winners[ShapeClass("a")] == "first")
    }
}
