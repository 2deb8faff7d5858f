import Foundation
import PerceptGraph
import PerceptRuntime
import TestSupport
import Testing

@Suite("Row kernels")
struct RowKernelTests {
    @Test("l2 normalise", arguments: [1, 3, 17, 577], [1, 8, 16, 17, 100, 1024])
    func l2(rows: Int, columns: Int) throws {
        var graph = Graph()
        let x = graph.input("x", [rows, columns])
        graph.output("y", graph.l2Normalize("l2", x))
        let input = (0..<rows * columns).map { Float(sin(0.37 * Double($0) + 1)) }
        let found = try TestGPU.run { gpu in
            let store = WeightStore(on: gpu)
            let program = try Program(Plan(graph, for: gpu.profile), store, on: gpu)
            let memory = program.input("x").bindMemory(to: Float.self)
            for i in memory.indices { memory[i] = i % x.paddedColumns < columns ? 0 : 0 }
            for row in 0..<rows { for c in 0..<columns { memory[row * x.paddedColumns + c] = input[row * columns + c] } }
            try program.run()
            return program.values("y")
        }
        var worst: Float = 0
        for row in 0..<rows {
            let values = input[row * columns..<(row + 1) * columns]
            let norm = values.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
            for (i, v) in values.enumerated() { worst = max(worst, abs(found[row * columns + i] - Float(Double(v) / norm))) }
        }
        #expect(worst < 1e-6, "worst \(worst)")
    }
}
