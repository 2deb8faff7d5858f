import Foundation
import PerceptGraph
import PerceptNumbers
import PerceptShaders
import TestSupport
import Testing

/// `matmul`, `matmul_tiled` and `matvec` against sums in double precision, with the bound of `Reference.product`.
@Suite("Products")
struct ProductTests {
    struct Shape: Sendable, CustomTestStringConvertible {
        let rows, columns, depth: Int
        var testDescription: String { "\(rows) x \(columns) x \(depth)" }
    }

    static let shapes = [
        (1, 40, 588), (2, 8, 8), (3, 100, 20), (4, 12, 588), (5, 12, 20), (17, 40, 8), (31, 100, 20), (33, 12, 588),
        (70, 100, 20), (197, 8, 20), (577, 12, 8),
    ].map { Shape(rows: $0.0, columns: $0.1, depth: $0.2) }

    @Test("all storage types", arguments: Style.allCases, StorageType.allCases)
    func storage(style: Style, type: StorageType) throws {
        guard style.isOwn(for: type) else { return }
        // Drivers compile each tile size anew for each type: all of them in f32, one of each kernel in the others.
        let few = try style.isSlowToCompile() ? [5, 17, 33] : [3, 5]
        let takesAll = try type == .f32 && !style.isSlowToCompile()
        for shape in Self.shapes where takesAll || few.contains(shape.rows) {
            let a = numbers(shape.rows * shape.depth, seed: 1, in: type)
            let b = numbers(shape.columns * shape.depth, seed: 2, in: type)
            var graph = Graph()
            let x = graph.input("x", [shape.rows, shape.depth], type)
            let weight = graph.weight(Weight("w", [shape.columns, shape.depth]), type)
            graph.output("y", graph.linear("linear", x, weight, to: type))
            let found = try Evaluation(graph, on: style.profile(), inputs: ["x": a], weights: ["w": b])
            let expected = Reference.product(a, b, rows: shape.rows, columns: shape.columns, depth: shape.depth)
            let error = worst(found["y"], expected, storedAs: type)
            #expect(error <= 1, "\(shape.testDescription): \(error) times the bound")
            #expect(found.paddingIsZero, "\(shape.testDescription)")
        }
    }

    @Test("few rows through matmul", arguments: Style.allCases)
    func fewRows(style: Style) throws {
        for rows in 1...4 {
            let a = numbers(rows * 20, seed: 1)
            let b = numbers(40 * 20, seed: 2)
            var graph = Graph()
            let x = graph.input("x", [rows, 20])
            graph.output("y", graph.linear("linear", x, graph.weight(Weight("w", [40, 20])), to: .f32))
            let found = try Evaluation(graph, on: style.profileWithoutMatvec(), inputs: ["x": a], weights: ["w": b])
            #expect(worst(found["y"], Reference.product(a, b, rows: rows, columns: 40, depth: 20)) <= 1)
        }
    }

    @Test("mixed storage types", arguments: Style.allCases)
    func mixed(style: Style) throws {
        let types: [(StorageType, StorageType, StorageType)] = [
            (.f32, .f16, .f32), (.f16, .bf16, .f32), (.bf16, .f32, .f16),
        ]
        for (aType, bType, resultType) in types {
            for rows in [3, 6] {
                let a = numbers(rows * 20, seed: 1, in: aType)
                let b = numbers(24 * 20, seed: 2, in: bType)
                var graph = Graph()
                let x = graph.input("x", [rows, 20], aType)
                graph.output(
                    "y", graph.linear("linear", x, graph.weight(Weight("w", [24, 20]), bType), to: resultType))
                let found = try Evaluation(graph, on: style.profile(), inputs: ["x": a], weights: ["w": b])
                let expected = Reference.product(a, b, rows: rows, columns: 24, depth: 20)
                #expect(worst(found["y"], expected, storedAs: resultType) <= 1, "\(aType) \(bType) \(resultType)")
            }
        }
    }

    @Test("every combination of epilogues", arguments: 0..<32)
    func epilogues(bits: Int) throws {
        // The epilogue is one file: all combinations through matvec, each part alone and all at once through the others.
        let isBasic = bits == 31 || bits.nonzeroBitCount < 2
        let runs: [(Int, Style)] = [(3, .native)] + (isBasic ? [(6, .native), (6, .shared)] : [])
        for (rows, style) in runs {
            let error = try EpilogueCase(bits: bits, rows: rows).error(on: style.profile())
            #expect(error <= 1, "\(rows) rows, \(style): \(error) times the bound")
        }
    }

    /// The fit of erf is off by 4e-7 of its value at most, hence GELU by half of that, of |x|; the rest is rounding.
    @Test("GELU is exact to 5e-7 of its argument")
    func gelu() throws {
        let rows = 4096
        let x = (0..<rows * 8).map { Float($0) / Float(rows * 8) * 24 - 12 }
        let identity = (0..<64).map { Float($0 % 9 == 0 ? 1 : 0) }
        var graph = Graph()
        let input = graph.input("x", [rows, 8])
        graph.output(
            "y", graph.linear("gelu", input, graph.weight(Weight("w", [8, 8])), Epilogue(gelu: true), to: .f32))
        let found = try Evaluation(graph, inputs: ["x": x], weights: ["w": identity])["y"]
        var worst = 0.0
        for (x, y) in zip(x, found) where x != 0 {
            let exact = 0.5 * Double(x) * erfc(-Double(x) / 2.0.squareRoot())
            worst = max(worst, abs(Double(y) - exact) / abs(Double(x)))
        }
        #expect(worst <= 5e-7, "\(worst)")
    }

    @Test("stores that f16 cannot hold are kept at its ends and counted", arguments: Style.allCases)
    func saturation(style: Style) throws {
        for rows in [2, 6] {
            // Column c is 10000 c: from 7 on beyond 65504, which is two of the four quads of a row.
            var graph = Graph()
            let x = graph.input("x", [rows, 8])
            let weight = graph.weight(Weight("w", [16, 8]))
            graph.output("y", graph.linear("linear", x, weight, to: .f16))
            let weights = (0..<128).map { $0 % 8 == 0 ? Float($0 / 8) : 0 }
            let inputs = (0..<rows * 8).map { $0 % 8 == 0 ? Float($0 / 8 % 2 == 0 ? 10000 : -10000) : 0 }
            let found = try Evaluation(graph, on: style.profile(), inputs: ["x": inputs], weights: ["w": weights])
            #expect(found.saturations == 3 * rows)
            for (index, value) in found["y"].enumerated() {
                let exact = min(Float(index % 16) * 10000, 65504) * (index / 16 % 2 == 0 ? 1 : -1)
                #expect(abs(value - exact) <= 32)
            }
            let bf16 = try Evaluation(
                narrowed(rows), on: style.profile(), inputs: ["x": inputs], weights: ["w": weights])
            #expect(bf16.saturations == 0 && bf16["y"].allSatisfy(\.isFinite))
        }
    }

    private func narrowed(_ rows: Int) -> Graph {
        var graph = Graph()
        let x = graph.input("x", [rows, 8])
        graph.output("y", graph.linear("linear", x, graph.weight(Weight("w", [16, 8])), to: .bf16))
        return graph
    }

    @Test("a weight that f16 cannot hold is kept in bf16")
    func largeWeight() throws {
        var graph = Graph()
        let x = graph.input("x", [1, 8])
        graph.output("y", graph.linear("linear", x, graph.weight(Weight("w", [8, 8]), .f16), to: .f32))
        let weights = (0..<64).map { $0 % 9 == 0 ? Float(131072) : 0 }
        let found = try Evaluation(graph, inputs: ["x": [1, 2, 3, 4, 5, 6, 7, 8]], weights: ["w": weights])
        #expect(found["y"] == (1...8).map { Float($0) * 131072 })
    }

    @Test("patch embedding", arguments: Style.allCases, StorageType.allCases)
    func patchEmbed(style: Style, type: StorageType) throws {
        // Odd sizes: pixels beyond the last whole patch are ignored; 7 x 7 patches have an odd depth, and pixels are loaded
        // by ones, twos and eights.
        for (batch, patch, height, width, columns, hasClass) in [
            (1, 7, 7, 7, 8, false), (2, 4, 13, 18, 20, true), (3, 14, 42, 30, 40, true),
            (2, 16, 35, 50, 20, true), (1, 8, 17, 27, 12, false),
        ] {
            let (rows, across) = (height / patch, width / patch)
            let depth = 3 * patch * patch
            let tokens = rows * across + (hasClass ? 1 : 0)
            let pixels = numbers(batch * 3 * height * width, seed: 1)
            let weights = numbers(columns * depth, seed: 2, in: type)
            let positions = numbers(tokens * columns, seed: 3), classToken = numbers(columns, seed: 4)
            var graph = Graph()
            let x = graph.input("x", [batch, 3, height, width])
            let weight = graph.weight(Weight("w", [columns, 3, patch, patch]), type)
            let table = graph.weight(Weight("positions", [tokens, columns]))
            let token = hasClass ? graph.weight(Weight("class", [columns])) : nil
            graph.output("y", graph.patchEmbed("conv1", x, weight, patch: patch, positions: table, classToken: token))
            let found = try Evaluation(
                graph, on: style.profile(), inputs: ["x": pixels],
                weights: ["w": weights, "positions": positions, "class": classToken])

            var patches: [Float] = []
            for image in 0..<batch {
                if hasClass { patches += [Float](repeating: 0, count: depth) }
                for cell in 0..<rows * across {
                    for k in 0..<depth {
                        let channel = k / (patch * patch), y = k / patch % patch, x = k % patch
                        let line = (image * 3 + channel) * height + cell / across * patch + y
                        patches.append(pixels[line * width + cell % across * patch + x])
                    }
                }
            }
            var expected = Reference.product(
                patches, weights, rows: batch * tokens, columns: columns, depth: depth)
            for index in expected.indices {
                let token = index / columns % tokens
                expected[index] = Reference.add(expected[index], positions[token * columns + index % columns])
                if hasClass && token == 0 {
                    expected[index] = Reference.add(expected[index], classToken[index % columns])
                }
            }
            let error = worst(found["y"], expected)
            #expect(error <= 1, "patch \(patch): \(error) times the bound")
            #expect(found.paddingIsZero)
        }
    }
}
