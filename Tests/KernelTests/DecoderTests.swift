import Foundation
import PerceptGraph
import PerceptNumbers
import TestSupport
import Testing

/// Kernels of a decoder: normalisation, the product's epilogues with places, rows of media, where decoding goes on.
@Suite("Decoder kernels")
struct DecoderTests {
    /// Bound: a sum of squares over a quarter of the columns a lane, a root, two products.
    @Test("rms norm", arguments: StorageType.allCases)
    func rmsNorm(type: StorageType) throws {
        for (rows, columns) in RowTests.shapes {
            let x = numbers(rows * columns, seed: 1, scale: 30), weight = numbers(columns, seed: 2)
            var graph = Graph()
            let w = graph.weight(Weight("w", [columns]))
            let input = graph.input("x", [rows, columns])
            graph.output("y", graph.rmsNorm("norm", input, weight: w, epsilon: 1e-5, to: type))
            let expected = (0..<rows * columns).map { index -> Reference.Bounded in
                let row = x[index / columns * columns..<(index / columns + 1) * columns]
                let squares = row.reduce(0) { $0 + Double($1) * Double($1) } / Double(columns)
                let value = Double(x[index]) / (squares + 1e-5).squareRoot() * Double(weight[index % columns])
                return .init(value, error: 0x1p-24 * Double(columns / 8 + 16) * abs(value))
            }
            for style in [Style.native, .shared] {
                let found = try Evaluation(graph, on: style.profile(), inputs: ["x": x], weights: ["w": weight])
                let error = worst(found["y"], expected, storedAs: type)
                #expect(error <= 1, "\(rows) x \(columns), \(style): \(error) times the bound")
                #expect(found.paddingIsZero)
            }
        }
    }

    struct Product: Sendable, CustomTestStringConvertible {
        let rows, depth, heads, kvHeads, size: Int
        var testDescription: String { "\(rows) rows, \(heads)/\(kvHeads) heads of \(size), depth \(depth)" }
    }

    /// Queries, keys and values of a run whose last rows are filling: rotation by position, keys and values put into the
    /// cache behind what is there.
    @Test(
        "packed product into a cache", arguments: Style.allCases,
        [
            Product(rows: 1, depth: 40, heads: 4, kvHeads: 2, size: 16),
            Product(rows: 3, depth: 24, heads: 3, kvHeads: 1, size: 8),
            Product(rows: 21, depth: 72, heads: 6, kvHeads: 2, size: 24),
        ])
    func packed(style: Style, test: Product) throws {
        let (first, positions) = (5, 40)
        let count = max(1, test.rows - 2)
        let width = test.heads * test.size, keyWidth = test.kvHeads * test.size
        for type in StorageType.allCases {
            let cacheType = type == .f32 ? StorageType.f32 : .f16
            let x = numbers(test.rows * test.depth, seed: 1, in: type)
            let parts = [("q", width), ("k", keyWidth), ("v", keyWidth)]
            let weights = Dictionary(
                uniqueKeysWithValues: parts.enumerated().map { index, part in
                    (part.0, numbers(part.1 * test.depth, seed: Double(index + 2), in: type))
                })
            let angles = (0..<positions * test.size / 2).map { 0.1 * Double($0 % 97) }
            let turns = angles.flatMap { [Float(cos($0)), Float(sin($0))] }
            var graph = Graph()
            let input = graph.input("x", [test.rows, test.depth], type)
            func weight(_ name: String, _ rows: Int, _ joined: Weight.Joined = .none) -> Weight {
                Weight(name, [rows, test.depth], joined: joined)
            }
            let packed = weight("q", width, .stacked([weight("k", keyWidth), weight("v", keyWidth)]))
            let cache = graph.state(StateSlot("cache"), [positions, 2 * keyWidth], cacheType)
            let rope = graph.state(StateSlot("rope"), [positions, test.size])
            let places = graph.input("places", Place.shape(rows: test.rows))
            graph.output(
                "q",
                graph.linear(
                    "product", input, graph.weight(packed, type),
                    Epilogue(
                        rotary: Rotary(table: rope, columns: width + keyWidth), places: places,
                        split: .init(column: width, target: cache)), to: type))
            let found = try Evaluation(
                graph, on: style.profile(), inputs: ["x": x],
                words: ["places": Place.prompt(first: first, count: count, rows: test.rows).words],
                weights: weights, states: ["rope": turns.map(\.bitPattern)])

            let columns = width + 2 * keyWidth
            let joined = parts.flatMap { weights[$0.0] ?? [] }
            var expected = Reference.product(x, joined, rows: test.rows, columns: columns, depth: test.depth)
            for row in 0..<test.rows {
                for column in stride(from: 0, to: width + keyWidth, by: 2) {
                    let turn = ((first + row) * test.size + column % test.size)
                    let i = row * columns + column
                    (expected[i], expected[i + 1]) = Reference.rotate(
                        expected[i], expected[i + 1], cosine: turns[turn], sine: turns[turn + 1])
                }
            }
            let q = (0..<test.rows * width).map { expected[$0 / width * columns + $0 % width] }
            #expect(worst(found["q"], q, storedAs: type) <= 1)
            let kept = found.states["cache"] ?? []
            let cached = (0..<positions * 2 * keyWidth).map { index -> Reference.Bounded in
                let row = index / (2 * keyWidth) - first
                guard row >= 0 && row < count else { return .init(0) }
                return expected[row * columns + width + index % (2 * keyWidth)]
            }
            #expect(worst(kept, cached, storedAs: cacheType) <= 1, "\(type)")
        }
    }

    /// Bound: the slope of silu is at most 1.1, and exp may be off by 19 units in the last place.
    @Test("SwiGLU", arguments: Style.allCases, StorageType.allCases)
    func swiglu(style: Style, type: StorageType) throws {
        for (rows, hidden, depth) in [(1, 8, 16), (2, 40, 24), (19, 104, 40)] {
            let x = numbers(rows * depth, seed: 1, in: type)
            let gate = numbers(hidden * depth, seed: 2, in: type), up = numbers(hidden * depth, seed: 3, in: type)
            var graph = Graph()
            let weight = Weight("w1", [hidden, depth], joined: .interleaved(Weight("w3", [hidden, depth])))
            graph.output(
                "y",
                graph.linear(
                    "product", graph.input("x", [rows, depth], type), graph.weight(weight, type),
                    Epilogue(swiglu: true), to: type))
            let found = try Evaluation(graph, on: style.profile(), inputs: ["x": x], weights: ["w1": gate, "w3": up])
            let gates = Reference.product(x, gate, rows: rows, columns: hidden, depth: depth)
            let ups = Reference.product(x, up, rows: rows, columns: hidden, depth: depth)
            let expected = zip(gates, ups).map { gate, up -> Reference.Bounded in
                let silu = gate.value / (1 + exp(-gate.value))
                let error = 1.1 * gate.error + 24 * 0x1p-24 * abs(silu)
                return .init(silu * up.value, error: error * abs(up.value) + abs(silu) * up.error)
            }
            #expect(worst(found["y"], expected, storedAs: type) <= 1, "\(rows) x \(hidden)")
        }
    }

    @Test("embedding of tokens and media", arguments: StorageType.allCases)
    func splice(type: StorageType) throws {
        let (vocabulary, width) = (11, 20)
        let table = numbers(vocabulary * width, seed: 1, in: type), media = numbers(3 * width, seed: 2, in: type)
        let ids: [UInt32] = [4, 0x8000_0002, 10, 0x8000_0000, 999]
        var graph = Graph()
        let idTensor = graph.input("ids", [1, ids.count])
        let weight = graph.weight(Weight("table", [vocabulary, width]), type)
        let features = graph.input("media", [3, width], type)
        let (places, tokens) = (graph.input("places", Place.shape(rows: 3)), graph.state(StateSlot("tokens"), [1, 8]))
        graph.output(
            "prompt", graph.spliceEmbedding("embed", ids: .prompt(idTensor), table: weight, media: features))
        graph.output(
            "tokens",
            graph.spliceEmbedding("next", ids: .drawn(tokens, places: places), table: weight, media: features))
        let slots = [5, 0, 2].map { Place(position: 9, row: 9, keys: 10, slot: $0) }
        let found = try Evaluation(
            graph, inputs: ["media": media], words: ["ids": ids, "places": slots.words], weights: ["table": table],
            states: ["tokens": [3, 99, 1, 99, 99, 7, 99, 99]])
        func row(_ values: [Float], _ index: Int) -> [Float] { Array(values[index * width..<(index + 1) * width]) }
        // An id beyond the table reads its last row.
        let expected = row(table, 4) + row(media, 2) + row(table, 10) + row(media, 0) + row(table, 10)
        #expect(found["prompt"] == expected)
        #expect(found["tokens"] == row(table, 7) + row(table, 3) + row(table, 1))
        #expect(found.paddingIsZero)
    }

    @Test("pooling of a grid into rows of media", arguments: [0, 1])
    func gridPool(skipped: Int) throws {
        let (side, ratio, width) = (6, 2, 20)
        let x = numbers((skipped + side * side) * width, seed: 1)
        var graph = Graph()
        let media = graph.state(StateSlot("media"), [20, width])
        graph.gridPool(
            "pool", graph.input("x", [skipped + side * side, width]), skipped: skipped, ratio: ratio,
            first: graph.input("first", [1, 8]), into: media)
        let found = try Evaluation(graph, inputs: ["x": x], words: ["first": [7, 0, 0, 0, 0, 0, 0, 0]])
        let rows = found.states["media"] ?? []
        let padded = width.roundedUp(to: 8)
        var expected = [Reference.Bounded](repeating: .init(0), count: 20 * padded)
        for token in 0..<9 {
            for column in 0..<width {
                let corners = (0..<4).map { corner -> Double in
                    let (y, x0) = (token / 3 * 2 + corner / 2, token % 3 * 2 + corner % 2)
                    return Double(x[(skipped + y * side + x0) * width + column])
                }
                expected[(7 + token) * padded + column] = .init(corners.reduce(0, +) / 4, error: 0x1p-22)
            }
        }
        #expect(worst(rows, expected) <= 1)
    }

    @Test("rows copied to another page, of whatever type", arguments: [WeightType.plain(.f32), .q8])
    func copyRows(format: WeightType) throws {
        let (columns, rows) = (72, 192)
        var graph = Graph()
        let cache = graph.state(StateSlot("cache"), [rows, columns], format)
        graph.copyRows("copy", cache, rows: graph.input("rows", [1, 8]), most: 64)
        let values = numbers(rows * columns, seed: 3)
        let stride = format.rowByteCount(columns: columns)
        let filled: [UInt32]
        if case .quantized(let format) = format {
            filled = QuantizedRows.encode(rows: values, columns: columns, format: format).withUnsafeBytes {
                Array($0.bindMemory(to: UInt32.self))
            }
        } else {
            filled = values.map(\.bitPattern)
        }
        let found = try Evaluation(
            graph, words: ["rows": [3, 128, 41, 0, 0, 0, 0, 0]], states: ["cache": filled])
        let bytes = try #require(found.stateBytes["cache"])
        let before = try Evaluation(
            graph, words: ["rows": [0, 64, 0, 0, 0, 0, 0, 0]], states: ["cache": filled]
        ).stateBytes["cache"]
        let start = try #require(before)
        for row in 0..<rows {
            let source = (128..<128 + 41).contains(row) ? row - 125 : row
            #expect(
                bytes[row * stride..<(row + 1) * stride].elementsEqual(start[source * stride..<(source + 1) * stride]))
        }
    }

    @Test("the last real row of a prompt's run")
    func lastRow() throws {
        var graph = Graph()
        let x = numbers(6 * 20, seed: 1)
        let target = graph.state(StateSlot("last"), [1, 20])
        graph.lastRow(
            "last", graph.input("x", [6, 20]), places: graph.input("places", Place.shape(rows: 6)), into: target)
        let places = Place.prompt(first: 30, count: 4, rows: 6)
        let found = try Evaluation(graph, inputs: ["x": x], words: ["places": places.words])
        #expect(found.states["last"]?.prefix(20) == x[60..<80])
    }
}
