import Foundation
import PerceptGraph
import PerceptNumbers
import PerceptRuntime
import PerceptShaders
import TestSupport
import Testing

/// `matmul_matrix` and `matmul_workgroup_matrix` against sums in double precision. Sums are f32 whatever the elements are, so the bound is that of
/// `Reference.product`; quantised weights are rounded to the elements' type on the way.
@Suite("Products on matrix units", .enabled(if: MatrixGPU.isTested, "the device has no matrix units"))
struct MatrixProductTests {
    struct Shape: Sendable, CustomTestStringConvertible {
        let rows, columns, depth: Int
        var testDescription: String { "\(rows) x \(columns) x \(depth)" }
    }

    /// The last two are cut in 64 x 64, and in 128 x 128 where the device has room for that.
    static let shapes = [
        (5, 8, 8), (17, 40, 24), (31, 100, 40), (33, 64, 264), (70, 100, 64), (129, 8, 20), (197, 72, 588),
        (600, 632, 72), (1531, 1016, 40),
    ].map { Shape(rows: $0.0, columns: $0.1, depth: $0.2) }

    /// `x · weightᵀ` and what it should be; `slack` is what rounding the weights may cost, relative.
    private func check(
        _ shape: Shape, _ kernel: Kernel, _ type: StorageType, _ format: WeightType, to result: StorageType = .f32,
        by cut: String? = nil
    ) throws -> Double {
        let a = numbers(shape.rows * shape.depth, seed: 1, in: type)
        let b = numbers(shape.columns * shape.depth, seed: 2, in: format.isPlain ? type : .f32)
        var graph = Graph()
        let x = graph.input("x", [shape.rows, shape.depth], type)
        let weight = graph.weight(Weight("w", [shape.columns, shape.depth]), format)
        graph.output("y", graph.linear("linear", x, weight, to: result))
        var profile = try MatrixGPU.profile(only: kernel)
        if let cut { profile = profile.making(graph, by: cut) }
        #expect(try Plan(graph, for: profile).kernelNames == [kernel.name], "\(shape.testDescription)")

        var exact = b, slack = 0.0
        if case .quantized(let format) = format {
            let bytes = QuantizedRows.encode(rows: b, columns: shape.depth, format: format)
            exact = QuantizedRows.decode(rows: bytes, columns: shape.depth, format: format)
            slack = type.roundoff
        }
        let found = try Evaluation(graph, on: profile, inputs: ["x": a], weights: ["w": b])
        #expect(found.paddingIsZero)
        var expected = Reference.product(a, exact, rows: shape.rows, columns: shape.columns, depth: shape.depth)
        if slack > 0 {
            let magnitudes = Reference.product(
                a.map(abs), exact.map(abs), rows: shape.rows, columns: shape.columns, depth: shape.depth)
            for index in expected.indices { expected[index].error += slack * magnitudes[index].value }
        }
        return worst(found["y"], expected, storedAs: result)
    }

    @Test("shapes with edges on every side", arguments: shapes)
    func edges(shape: Shape) throws {
        for (kernel, type) in MatrixGPU.products {
            let error = try check(shape, kernel, type, .plain(type))
            #expect(error <= 1, "\(kernel.name): \(error) times the bound")
        }
    }

    @Test("16-bit results", arguments: StorageType.allCases)
    func results(result: StorageType) throws {
        for (kernel, type) in MatrixGPU.products {
            let error = try check(Shape(rows: 33, columns: 100, depth: 40), kernel, type, .plain(type), to: result)
            #expect(error <= 1, "\(kernel.name): \(error) times the bound")
        }
    }

    @Test("quantised weights", arguments: QuantizedFormat.allCases)
    func quantized(format: QuantizedFormat) throws {
        for (kernel, type) in MatrixGPU.products {
            // Partial groups, and rows whose f16 numbers fill up 16 bytes and do not.
            for (rows, columns, depth) in [(5, 8, 8), (33, 12, 24), (37, 100, 72), (70, 24, 600), (600, 632, 40)] {
                let shape = Shape(rows: rows, columns: columns, depth: depth)
                let error = try check(shape, kernel, type, .quantized(format))
                #expect(error <= 1, "\(shape.testDescription), \(kernel.name): \(error) times the bound")
            }
        }
    }

    /// Depths that are no multiple of a step or of the parts, and one of fewer steps than parts.
    @Test("depths in parts")
    func parts() throws {
        for (kernel, type) in MatrixGPU.products {
            for (rows, columns, depth, parts) in [
                (9, 100, 588, 2), (17, 72, 100, 4), (31, 132, 40, 8), (70, 68, 264, 4),
            ] {
                let shape = Shape(rows: rows, columns: columns, depth: depth)
                for (format, isFirst) in [(WeightType.plain(type), false), (.q8, true), (.q4, true)] {
                    let cuts = ProductChoice.candidates(
                        ProductShape(rows: rows, columns: columns, depth: depth, type: type, format: format),
                        for: try MatrixGPU.profile(only: kernel)
                    ).filter { $0.kernel == kernel }
                    for cut in isFirst ? cuts.prefix(1) : cuts.prefix(1) + cuts.suffix(1) {
                        let name = "\(cut.name), \(parts) parts"
                        let error = try check(shape, kernel, type, format, by: name)
                        #expect(error <= 1, "\(shape.testDescription) \(format), \(name): \(error) times the bound")
                    }
                }
            }
        }
    }

    @Test("weights of another type than the activations take another kernel")
    func mixed() throws {
        for (xType, format) in [(StorageType.f32, WeightType.plain(.f32)), (.f16, .plain(.bf16)), (.f32, .q8)] {
            var graph = Graph()
            let x = graph.input("x", [40, 64], xType)
            graph.output("y", graph.linear("linear", x, graph.weight(Weight("w", [64, 64]), format), to: .f32))
            #expect(try MatrixGPU.kernels(of: Plan(graph, for: MatrixGPU.profile())) == [])
        }
    }

    @Test("every combination of epilogues", arguments: 0..<32)
    func epilogues(bits: Int) throws {
        for (kernel, type) in MatrixGPU.products {
            let error = try EpilogueCase(bits: bits, rows: 39, type: type).error(on: MatrixGPU.profile(only: kernel))
            #expect(error <= 1, "\(kernel.name): \(error) times the bound")
        }
    }

    /// Against the same graph through the portable kernel: keys and values into a cache, and pairs by SwiGLU.
    @Test("split and SwiGLU")
    func split() throws {
        let (rows, width, depth, kept) = (35, 72, 40, 40)
        for (kernel, type) in MatrixGPU.products {
            var graph = Graph()
            let x = graph.input("x", [rows, depth], type)
            let places = graph.input("places", Place.shape(rows: rows))
            let cache = graph.state(StateSlot("cache"), [48, width - kept])
            let weight = graph.weight(Weight("w", [width, depth]), .plain(type))
            graph.output(
                "q",
                graph.linear(
                    "split", x, weight, Epilogue(places: places, split: .init(column: kept, target: cache)), to: .f32))
            let gated = Weight("gate", [40, depth], joined: .interleaved(Weight("up", [40, depth])))
            graph.output(
                "y", graph.linear("ffn", x, graph.weight(gated, .plain(type)), Epilogue(swiglu: true), to: .f32))
            let inputs = ["x": numbers(rows * depth, seed: 1, in: type)]
            let words = ["places": Place.prompt(first: 7, count: 33, rows: rows).words]
            let weights = [
                "w": numbers(width * depth, seed: 2, in: type), "gate": numbers(40 * depth, seed: 3, in: type),
                "up": numbers(40 * depth, seed: 4, in: type),
            ]
            let found = try Evaluation(
                graph, on: MatrixGPU.profile(only: kernel), inputs: inputs, words: words, weights: weights)
            let expected = try Evaluation(
                graph, on: MatrixGPU.portable(), inputs: inputs, words: words, weights: weights)
            for name in ["q", "y"] { #expect(isClose(found[name], expected[name]), "\(name)") }
            #expect(isClose(found.states["cache"] ?? [], expected.states["cache"] ?? [.nan]))
        }
    }

    private func isClose(_ x: [Float], _ y: [Float]) -> Bool {
        let largest = y.map(abs).max() ?? 0
        return x.count == y.count && largest > 0.1 && zip(x, y).allSatisfy { abs($0 - $1) <= 3e-6 * largest }
    }

    @Test("stores that f16 cannot hold are counted, a group without a scale is NaN")
    func extremes() throws {
        for (kernel, type) in MatrixGPU.products where type == .f16 { try extremes(kernel) }
    }

    private func extremes(_ kernel: Kernel) throws {
        let (rows, columns, depth) = (34, 16, 32)
        var graph = Graph()
        let x = graph.input("x", [rows, depth], .f16)
        graph.output("y", graph.linear("plain", x, graph.weight(Weight("w", [columns, depth]), .f16), to: .f16))
        graph.output("z", graph.linear("q8", x, graph.weight(Weight("v", [columns, depth]), .q8), to: .f32))
        var v = [Float](repeating: 1, count: columns * depth)
        v[3 * depth + 7] = .nan
        let found = try Evaluation(
            graph, on: MatrixGPU.profile(only: kernel),
            inputs: ["x": [Float](repeating: 100, count: rows * depth)],
            weights: ["w": (0..<columns * depth).map { $0 / depth == 9 ? 100 : 1 }, "v": v])
        #expect(found.saturations == rows)
        for (index, value) in found["y"].enumerated() { #expect(value == (index % columns == 9 ? 65504 : 3200)) }
        for (index, value) in found["z"].enumerated() { #expect(value.isNaN == (index % columns == 3)) }
    }

    /// What lies around a tensor is NaN here, and every byte outside of the result is watched.
    @Test("nothing is read or written beyond an edge", arguments: WeightType.allCases.filter { $0 != .plain(.f32) })
    func poisoned(format: WeightType) throws {
        for (kernel, type) in MatrixGPU.products where !format.isPlain || format == .plain(type) {
            for (rows, columns, depth) in [(5, 8, 8), (33, 72, 40), (65, 24, 600)] {
                var graph = Graph()
                let x = graph.input("x", [rows, depth], type)
                let weight = graph.weight(Weight("w", [columns, depth]), format)
                // f16's stores would hold a NaN within their range.
                graph.output("y", graph.linear("linear", x, weight, to: .f32))
                let (recorded, profile) = (graph, try MatrixGPU.profile(only: kernel))
                let shape = ProductShape(rows: rows, columns: columns, depth: depth, type: type, format: format)
                let cut = ProductChoice(shape, for: profile).name
                for profile in [profile, profile.making(graph, by: "\(cut), 4 parts")] {
                    try TestGPU.run { gpu in
                        let weights = ArrayWeights(["w": numbers(columns * depth, seed: 1)])
                        let run = try PoisonedRun(Plan(recorded, for: profile), recorded, from: weights, on: gpu)
                        run.input("x").bindMemory(to: UInt16.self).update(repeating: 0)
                        #expect(try run.findings() == [], "\(rows) x \(columns) x \(depth)")
                    }
                }
            }
        }
    }
}
