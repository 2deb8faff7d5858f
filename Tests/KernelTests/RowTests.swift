import Foundation
import PerceptGraph
import PerceptNumbers
import TestSupport
import Testing

/// Kernels that work row by row, or pick and mix rows.
@Suite("Rows")
struct RowTests {
    /// On GPUs lanes hold rows of up to 64 octets a subgroup's lane: (2, 500) is one short of what eight hold.
    static let shapes = [(1, 8), (3, 20), (17, 100), (33, 588), (577, 40), (5, 1024), (2, 500)]

    /// Bound: the mean and the variance are sums of `columns` terms, each lane's over at most a quarter of them, and a
    /// large mean is subtracted from every element.
    @Test("layer norm", arguments: StorageType.allCases, [Float(0), 300])
    func layerNorm(type: StorageType, mean: Float) throws {
        for (rows, columns) in Self.shapes {
            let x = numbers(rows * columns, seed: 1).map { $0 + mean }
            let weight = numbers(columns, seed: 2), bias = numbers(columns, seed: 3)
            var graph = Graph()
            let input = graph.input("x", [rows, columns])
            let w = graph.weight(Weight("w", [columns])), b = graph.weight(Weight("b", [columns]))
            graph.output("y", graph.layerNorm("norm", input, weight: w, bias: b, to: type))
            var expected: [Reference.Bounded] = []
            for row in 0..<rows {
                let values = x[row * columns..<(row + 1) * columns].map(Double.init)
                let mean = values.reduce(0, +) / Double(columns)
                let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(columns)
                let scale = 1 / (variance + 1e-5).squareRoot()
                for (column, value) in values.enumerated() {
                    let normal = (value - mean) * scale
                    let (w, b) = (Double(weight[column]), Double(bias[column]))
                    let error = 0x1p-24 * Double(columns / 4 + 16) * (abs(mean) * scale + abs(normal) + 1) * abs(w)
                    expected.append(.init(normal * w + b, error: error + 0x1p-23 * (abs(b) + abs(normal * w))))
                }
            }
            for style in [Style.native, .shared] {
                let found = try Evaluation(
                    graph, on: style.profile(), inputs: ["x": x], weights: ["w": weight, "b": bias])
                let error = worst(found["y"], expected, storedAs: type)
                #expect(error <= 1, "\(rows) x \(columns), \(style): \(error) times the bound")
                #expect(found.paddingIsZero)
            }
        }
    }

    @Test("layer norm counts what f16 cannot hold")
    func layerNormSaturates() throws {
        var graph = Graph()
        let x = graph.input("x", [3, 16])
        let w = graph.weight(Weight("w", [16])), b = graph.weight(Weight("b", [16]))
        graph.output("y", graph.layerNorm("norm", x, weight: w, bias: b, to: .f16))
        for style in [Style.native, .shared] {
            let found = try Evaluation(
                graph, on: style.profile(), inputs: ["x": numbers(48, seed: 1)],
                weights: ["w": [Float](repeating: 1, count: 16), "b": (0..<16).map { $0 < 8 ? 70000 : 1 }])
            #expect(found.saturations == 3)
            for (index, value) in found["y"].enumerated() where index % 16 < 8 { #expect(value == 65504) }
        }
    }

    /// Bound: a sum of squares, a root, a quotient.
    @Test("unit length")
    func l2() throws {
        for (rows, columns) in Self.shapes {
            let x = numbers(rows * columns, seed: 1, scale: 100)
            var graph = Graph()
            graph.output("y", graph.l2Normalize("l2", graph.input("x", [rows, columns])))
            let found = try Evaluation(graph, inputs: ["x": x])
            let expected = (0..<rows * columns).map { index -> Reference.Bounded in
                let row = x[index / columns * columns..<(index / columns + 1) * columns]
                let value = Double(x[index]) / row.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
                return .init(value, error: 0x1p-24 * Double(columns / 8 + 16) * abs(value))
            }
            #expect(worst(found["y"], expected) <= 1, "\(rows) x \(columns)")
            #expect(found.paddingIsZero)
        }
        var graph = Graph()
        graph.output("y", graph.l2Normalize("l2", graph.input("x", [1, 12])))
        let zero = try Evaluation(graph, inputs: ["x": [Float](repeating: 0, count: 12)])
        #expect(zero["y"] == [Float](repeating: 0, count: 12))
    }

    /// Bound: exp of an argument to -200 may be off by 3 + 2 · 200 units in the last place (Vulkan 1.3, table 72), but is
    /// then nothing beside 1; within -20, where anything is left, by 43.
    @Test("softmax of similarities")
    func softmax() throws {
        for (rows, columns) in Self.shapes {
            let x = numbers(rows * columns, seed: 1)
            var graph = Graph()
            graph.output("y", graph.softmax("softmax", graph.input("x", [rows, columns]), scale: 100))
            let found = try Evaluation(graph, inputs: ["x": x])
            var expected: [Reference.Bounded] = []
            for row in 0..<rows {
                let scores = x[row * columns..<(row + 1) * columns].map { 100 * Double($0) }
                let largest = scores.max() ?? 0
                let weights = scores.map { exp($0 - largest) }
                let total = weights.reduce(0, +)
                // The argument itself is rounded: 100 units in 2^24.
                expected += weights.map { .init($0 / total, error: 0x1p-24 * (300 * $0 / total + 1)) }
            }
            let error = worst(found["y"], expected)
            #expect(error <= 1, "\(rows) x \(columns): \(error)")
            #expect(found.paddingIsZero)
        }
    }

    @Test("similarity with vectors that the caller gives")
    func similarity() throws {
        let (rows, count, width) = (5, 11, 20)
        let x = numbers(rows * width, seed: 1), vectors = numbers(count * width, seed: 2)
        var graph = Graph()
        let a = graph.input("x", [rows, width]), b = graph.input("v", [16, width])
        graph.output("y", graph.similarity("similarity", a, b, count: count))
        let found = try Evaluation(
            graph, inputs: ["x": x, "v": vectors + [Float](repeating: 0, count: 5 * width)])
        #expect(worst(found["y"], Reference.product(x, vectors, rows: rows, columns: count, depth: width)) <= 1)
        #expect(found.paddingIsZero)
    }

    @Test("mean of tokens", arguments: [0..<1, 0..<9, 1..<9, 3..<4])
    func meanPool(range: Range<Int>) throws {
        let (batch, tokens, width) = (3, 9, 20)
        let x = numbers(batch * tokens * width, seed: 1)
        var graph = Graph()
        graph.output("y", graph.meanPool("pool", graph.input("x", [batch, tokens, width]), tokens: range))
        let found = try Evaluation(graph, inputs: ["x": x])
        let expected = (0..<batch * width).map { index -> Reference.Bounded in
            let values = range.map { Double(x[(index / width * tokens + $0) * width + index % width]) }
            return .init(values.reduce(0, +) / Double(range.count), error: 0x1p-24 * 12)
        }
        #expect(worst(found["y"], expected) <= 1)
        #expect(found.paddingIsZero)
    }

    @Test("the row of the first largest id")
    func eosPool() throws {
        let (batch, tokens, width) = (4, 11, 20)
        let x = numbers(batch * tokens * width, seed: 1)
        let ends = [2, 0, 10, 5]
        var ids = (0..<batch * tokens).map { UInt32($0 % 7) }
        for (text, end) in ends.enumerated() { ids[text * tokens + end] = 49407 }
        ids[2] = 49407
        ids[7] = 49407  // a later one does not count
        var graph = Graph()
        let words = graph.input("ids", [batch, tokens])
        graph.output("y", graph.eosPool("eos", graph.input("x", [batch, tokens, width]), ids: words))
        let found = try Evaluation(graph, inputs: ["x": x], words: ["ids": ids])
        let expected = ends.enumerated().flatMap { text, end in
            x[(text * tokens + end) * width..<(text * tokens + end + 1) * width]
        }
        #expect(found["y"] == expected)
    }

    @Test("token embedding", arguments: StorageType.allCases)
    func tokenEmbedding(type: StorageType) throws {
        let (batch, tokens, width, vocabulary) = (3, 9, 20, 50)
        let table = numbers(vocabulary * width, seed: 1, in: type), positions = numbers(12 * width, seed: 2)
        var ids = (0..<batch * tokens).map { UInt32($0 * 31 % vocabulary) }
        ids[0] = 0
        ids[1] = UInt32(vocabulary - 1)
        // An id beyond the vocabulary reads its last row, nothing beyond.
        ids[2] = 4_000_000_000
        var graph = Graph()
        let words = graph.input("ids", [batch, tokens])
        let tableTensor = graph.weight(Weight("t", [vocabulary, width]), type)
        let positionTensor = graph.weight(Weight("p", [12, width]))
        graph.output(
            "y", graph.tokenEmbedding("embed", ids: words, table: tableTensor, positions: positionTensor))
        let found = try Evaluation(graph, words: ["ids": ids], weights: ["t": table, "p": positions])
        let expected = (0..<batch * tokens * width).map { index -> Float in
            let id = min(Int(ids[index / width]), vocabulary - 1)
            return table[id * width + index % width] + positions[index / width % tokens * width + index % width]
        }
        #expect(found["y"] == expected)
        #expect(found.paddingIsZero)
    }

    /// Bilinear without antialiasing, corners not aligned; the weights are exact to a few units.
    @Test("positions for another grid", arguments: [(4, 4, 4), (4, 9, 5), (7, 3, 12), (24, 1, 2), (1, 3, 3)], [0, 1])
    func interpolate(grid: (native: Int, rows: Int, columns: Int), classRows: Int) throws {
        let width = 20, native = grid.native
        let x = numbers((classRows + native * native) * width, seed: 1)
        var graph = Graph()
        let positions = graph.weight(Weight("p", [classRows + native * native, width]))
        graph.output(
            "y",
            graph.interpolatePositions(
                "positions", positions, classRows: classRows, native: native, gridRows: grid.rows,
                gridColumns: grid.columns))
        let found = try Evaluation(graph, weights: ["p": x])
        func axis(_ index: Int, _ count: Int) -> (low: Int, high: Int, share: Double) {
            let at = max((Double(index) + 0.5) * Double(native) / Double(count) - 0.5, 0)
            let low = min(Int(at), native - 1)
            return (low, min(low + 1, native - 1), at - Double(low))
        }
        var expected = x.prefix(classRows * width).map { Reference.Bounded(Double($0)) }
        for row in 0..<grid.rows {
            let y = axis(row, grid.rows)
            for column in 0..<grid.columns {
                let across = axis(column, grid.columns)
                for d in 0..<width {
                    func at(_ y: Int, _ x0: Int) -> Double { Double(x[(classRows + y * native + x0) * width + d]) }
                    let upper = at(y.low, across.low) * (1 - across.share) + at(y.low, across.high) * across.share
                    let lower = at(y.high, across.low) * (1 - across.share) + at(y.high, across.high) * across.share
                    expected.append(
                        .init(upper * (1 - y.share) + lower * y.share, error: 0x1p-24 * Double(8 + 8 * native)))
                }
            }
        }
        let error = worst(found["y"], expected)
        #expect(error <= 1, "\(error) times the bound")
        #expect(found.paddingIsZero)
    }
}
