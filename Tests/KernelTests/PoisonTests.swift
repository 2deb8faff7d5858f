import PerceptGraph
import PerceptNumbers
import PerceptRuntime
import PerceptShaders
import TestSupport
import Testing

/// That the poisoned run sees a kernel which reads or writes one element too far: planted by push constants that promise
/// more than there is. That it finds nothing else is tested on whole towers.
@Suite("Poisoned runs")
struct PoisonTests {
    enum Source: CaseIterable { case input, weight, constant }

    /// `l2_normalize` told of `rows` rows.
    private struct Normalize: Operation {
        let x: Tensor
        let result: Tensor
        let rows: Int

        func dispatch(_ lowering: Lowering) -> Dispatch {
            Dispatch(
                Catalog.l2Normalize, constants: ["LANES": lowering.device.rowWorkgroup],
                push: [
                    "x": .operand(Operand(x)), "result": .operand(Operand(result)), "rows": .uint(rows),
                    "stride": .uint(x.octets),
                ],
                groups: lowering.device.rowGrid(rows), reads: [Operand(x)], writes: [Operand(result)],
                subgroupSize: lowering.device.subgroupSize)
        }
    }

    /// `mean_pool` over `count` tokens from `first` on.
    private struct Mean: Operation {
        let x: Tensor
        let result: Tensor
        let count: Int

        func dispatch(_ lowering: Lowering) -> Dispatch {
            Dispatch(
                Catalog.meanPool, constants: ["LANES": lowering.device.rowWorkgroup],
                push: [
                    "x": .operand(Operand(x)), "result": .operand(Operand(result)), "sequence": .uint(x.rows),
                    "first": .uint(0), "count": .uint(count), "stride": .uint(x.octets),
                ],
                groups: [1, 1, 1], reads: [Operand(x)], writes: [Operand(result)])
        }
    }

    private func findings(
        _ operation: (Tensor, Tensor) -> any Operation, x shape: [Int], result: [Int], _ source: Source = .input,
        displacements: [String: Int] = [:]
    ) throws -> [PoisonedRun.Finding] {
        var graph = Graph()
        let x =
            switch source {
            case .input: graph.input("x", shape)
            case .weight: graph.weight(Weight("x", shape))
            case .constant: graph.constant(numbers(shape.reduce(1, *), seed: 1), shape)
            }
        let y = graph.result(result, .f32)
        graph.append("planted", operation(x, y))
        graph.output("y", y)
        return try TestGPU.run { gpu in
            let values = numbers(x.rows * x.columns, seed: 1)
            let run = try PoisonedRun(
                Plan(graph, for: gpu.profile), graph, from: ArrayWeights(["x": values]), on: gpu)
            run.displacements = displacements
            if source == .input { run.input("x").bindMemory(to: Float.self).update(repeating: 1) }
            return try run.findings()
        }
    }

    @Test("an honest kernel passes")
    func honest() throws {
        let found = try findings({ Normalize(x: $0, result: $1, rows: 9) }, x: [9, 24], result: [9, 24])
        #expect(found == [])
        #expect(
            try findings({ Mean(x: $0, result: $1, count: 8) }, x: [8, 24], result: [1, 24], .weight) == []
        )
    }

    @Test("one element too far is written")
    func writesAnElementTooFar() throws {
        let found = try findings(
            { Normalize(x: $0, result: $1, rows: 9) }, x: [9, 24], result: [9, 24], displacements: ["result": 4])
        #expect(
            found.contains { if case .wroteOutside("planted", _, 9 * 24 * 4) = $0 { true } else { false } }, "\(found)")
        #expect(found.contains { if case .leftUnwritten("planted", _, 0) = $0 { true } else { false } }, "\(found)")
    }

    @Test("one element too far is read, of an input, a weight and a constant", arguments: Source.allCases)
    func readsAnElementTooFar(source: Source) throws {
        let found = try findings(
            { Mean(x: $0, result: $1, count: 8) }, x: [8, 24], result: [1, 24], source, displacements: ["x": 4])
        // The last column's sum takes in what lies behind the last row.
        #expect(found.contains { if case .producedNaN("planted", _, 23) = $0 { true } else { false } }, "\(found)")
    }

    @Test("a row too many is written")
    func writesTooFar() throws {
        let found = try findings({ Normalize(x: $0, result: $1, rows: 10) }, x: [9, 24], result: [9, 24])
        #expect(
            found.contains { if case .wroteOutside("planted", _, 9 * 24 * 4) = $0 { true } else { false } }, "\(found)")
    }

    @Test("a counter of arrivals is left counting")
    func leavesCounting() throws {
        var graph = Graph()
        let x = graph.weight(Weight("x", [2, 8]))
        graph.append("planted", Mean(x: x, result: graph.arrivals(8), count: 2))
        let recorded = graph
        let found = try TestGPU.run { gpu in
            let ones = ArrayWeights(["x": [Float](repeating: 1, count: 16)])
            return try PoisonedRun(Plan(recorded, for: gpu.profile), recorded, from: ones, on: gpu).findings()
        }
        #expect(found == [.leftCounting(label: "planted", counter: 0)])
    }

    @Test("a row too few is written")
    func writesTooLittle() throws {
        let found = try findings({ Normalize(x: $0, result: $1, rows: 8) }, x: [9, 24], result: [9, 24])
        #expect(
            found.contains { if case .leftUnwritten("planted", _, 8 * 24) = $0 { true } else { false } }, "\(found)")
    }

    @Test("a row too many is read, of an input, a weight and a constant", arguments: Source.allCases)
    func readsTooFar(source: Source) throws {
        let found = try findings({ Mean(x: $0, result: $1, count: 9) }, x: [8, 24], result: [1, 24], source)
        #expect(found.contains { if case .producedNaN("planted", _, 0) = $0 { true } else { false } }, "\(found)")
    }
}
