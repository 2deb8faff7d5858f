import Foundation
import PerceptGraph
import PerceptNumbers
import PerceptRuntime
import TestSupport
import Testing

/// Kernels that read quantised weights against sums in double precision over what the decoder makes of them.
@Suite("Quantised weights")
struct QuantizedProductTests {
    private func roundTrip(_ values: [Float], _ columns: Int, _ format: QuantizedFormat) -> [Float] {
        let bytes = QuantizedRows.encode(rows: values, columns: columns, format: format)
        return QuantizedRows.decode(rows: bytes, columns: columns, format: format)
    }

    /// Columns and depth: partial groups, rows whose f16 numbers fill up 16 bytes and do not.
    private static let shapes = [(8, 8), (12, 24), (40, 40), (100, 72), (24, 600), (20, 256), (16, 20)]

    @Test("products", arguments: Style.allCases, QuantizedFormat.allCases)
    func products(style: Style, format: QuantizedFormat) throws {
        for rows in [1, 2, 3, 4, 17, 33] {
            for type in rows == 3 || rows == 17 ? StorageType.allCases : [.f32] {
                try check(rows, type, format, on: style.profile())
            }
        }
        for rows in [1, 3] { try check(rows, .f16, format, on: style.profileWithoutMatvec()) }
    }

    private func check(
        _ rows: Int, _ type: StorageType, _ format: QuantizedFormat, on profile: DeviceProfile
    ) throws {
        for (columns, depth) in Self.shapes {
            let a = numbers(rows * depth, seed: 1, in: type), b = numbers(columns * depth, seed: 2)
            var graph = Graph()
            let x = graph.input("x", [rows, depth], type)
            let weight = graph.weight(Weight("w", [columns, depth]), .quantized(format))
            graph.output("y", graph.linear("linear", x, weight, to: type))
            let found = try Evaluation(graph, on: profile, inputs: ["x": a], weights: ["w": b])
            let expected = Reference.product(
                a, roundTrip(b, depth, format), rows: rows, columns: columns, depth: depth)
            let error = worst(found["y"], expected, storedAs: type)
            #expect(error <= 1, "\(rows) x \(columns) x \(depth), \(type): \(error) times the bound")
            #expect(found.paddingIsZero)
        }
    }

    @Test("rows of the token table", arguments: QuantizedFormat.allCases, [8, 20, 24, 40, 72, 600])
    func splice(format: QuantizedFormat, width: Int) throws {
        let table = numbers(11 * width, seed: 1), media = numbers(3 * width, seed: 2, in: .f16)
        var graph = Graph()
        let ids: [UInt32] = [4, 0x8000_0002, 10, 999, 0]
        let weight = graph.weight(Weight("table", [11, width]), .quantized(format))
        let features = graph.input("media", [3, width], .f16)
        let (places, tokens) = (graph.input("places", Place.shape(rows: 1)), graph.state(StateSlot("tokens"), [1, 8]))
        let idTensor = graph.input("ids", [1, ids.count])
        graph.output(
            "prompt", graph.spliceEmbedding("embed", ids: .prompt(idTensor), table: weight, media: features))
        graph.output(
            "token", graph.spliceEmbedding("next", ids: .drawn(tokens, places: places), table: weight, media: features))
        let found = try Evaluation(
            graph, inputs: ["media": media],
            words: ["ids": ids, "places": Place(position: 0, row: 0, keys: 1, slot: 2).words],
            weights: ["table": table], states: ["tokens": [0, 0, 7, 0, 0, 0, 0, 0]])
        func row(_ values: [Float], _ index: Int) -> [Float] { Array(values[index * width..<(index + 1) * width]) }
        let decoded = roundTrip(table, width, format)
        #expect(
            found["prompt"] == row(decoded, 4) + row(media, 2) + row(decoded, 10) + row(decoded, 10) + row(decoded, 0))
        #expect(found["token"] == row(decoded, 7))
        #expect(found.paddingIsZero)
    }

    /// Every epilogue, and rows that are stacked, interleaved and padded, against the same graph with the decoded weights
    /// in f32: what differs is the order of sums at most.
    @Test("joined and padded weights, every epilogue", arguments: Style.allCases, QuantizedFormat.allCases)
    func joined(style: Style, format: QuantizedFormat) throws {
        let (heads, size, padded, width, hidden) = (3, 20, 24, 72, 40)
        let inner = heads * size
        let parts = ["q", "k", "v"]
        var weights = Dictionary(
            uniqueKeysWithValues: parts.enumerated().map { ($1, numbers(inner * width, seed: Double($0 + 2))) })
        weights["o"] = numbers(width * inner, seed: 5)
        weights["gate"] = numbers(hidden * width, seed: 6)
        weights["up"] = numbers(hidden * width, seed: 7)
        weights["bias"] = numbers(width, seed: 8)
        weights["scale"] = numbers(width, seed: 9)
        let rope = (0..<64 * padded / 2).flatMap { pair -> [Float] in
            let angle = 0.4 * Double(pair)
            return [Float(cos(angle)), Float(sin(angle))]
        }
        for rows in [1, 19] {
            func graph(_ type: WeightType) -> Graph {
                var graph = Graph()
                let x = graph.input("x", [rows, width])
                let places = graph.input("places", Place.shape(rows: rows))
                func head(_ name: String, _ joined: Weight.Joined = .none) -> Weight {
                    Weight(name, [inner, width], padding: .rows(group: size, padded: padded), joined: joined)
                }
                let packed = head("q", .stacked([head("k"), head("v")]))
                let cache = graph.state(StateSlot("cache"), [40, 2 * heads * padded])
                let table = graph.constant(rope, [64, padded])
                let q = graph.linear(
                    "qkv", x, graph.weight(packed, type),
                    Epilogue(
                        rotary: Rotary(table: table, columns: 2 * heads * padded), places: places,
                        split: .init(column: heads * padded, target: cache)), to: .f32)
                let out = Weight("o", [width, inner], padding: .columns(group: size, padded: padded))
                let h = graph.linear(
                    "o", q, graph.weight(out, type),
                    Epilogue(
                        bias: graph.weight(Weight("bias", [width])), gelu: true,
                        scale: graph.weight(Weight("scale", [width])), residual: x), to: .f32)
                let pairs = Weight("gate", [hidden, width], joined: .interleaved(Weight("up", [hidden, width])))
                graph.output("q", q)
                graph.output("h", h)
                graph.output("y", graph.linear("ffn", h, graph.weight(pairs, type), Epilogue(swiglu: true), to: .f32))
                return graph
            }
            let quantized = graph(.quantized(format))
            let x = numbers(rows * width, seed: 1)
            let words = Place.prompt(first: 5, count: rows, rows: rows).words
            let provider = ArrayWeights(weights)
            let found = try Evaluation(
                quantized, on: style.profile(), inputs: ["x": x], words: ["places": words], from: provider)
            let expected = try Evaluation(
                graph(.plain(.f32)), on: style.profile(), inputs: ["x": x], words: ["places": words],
                from: FakeQuantized(provider, like: [quantized]))
            for name in ["q", "h", "y"] {
                let largest = expected[name].map(abs).max() ?? 0
                let off = zip(found[name], expected[name]).map { abs($0 - $1) }.max() ?? .infinity
                #expect(largest > 0.1 && off <= 3e-6 * largest, "\(rows) rows: \(name) off by \(off) of \(largest)")
            }
            let cached = zip(found.states["cache"] ?? [], expected.states["cache"] ?? [.nan])
            #expect(cached.allSatisfy { abs($0 - $1) <= 1e-5 })
        }
    }

    /// Several bands of rows, encoded on several threads.
    @Test("a large weight is the encoder's rows", arguments: QuantizedFormat.allCases)
    func bands(format: QuantizedFormat) throws {
        let (rows, columns) = (600, 1000)
        let values = numbers(rows * columns, seed: 1)
        var graph = Graph()
        let x = graph.input("x", [1, columns])
        graph.output(
            "y", graph.linear("y", x, graph.weight(Weight("w", [rows, columns]), .quantized(format)), to: .f32))
        let a = numbers(columns, seed: 2)
        let found = try Evaluation(graph, inputs: ["x": a], weights: ["w": values])
        let decoded = roundTrip(values, columns, format)
        #expect(worst(found["y"], Reference.product(a, decoded, rows: 1, columns: rows, depth: columns)) <= 1)
    }

    @Test("weights without a scale show as NaN, and f16's fallback does not apply", arguments: QuantizedFormat.allCases)
    func notFinite(format: QuantizedFormat) throws {
        for bad in [Float.nan, .infinity, 131_072] {
            var graph = Graph()
            let x = graph.input("x", [1, 40])
            let weight = Weight("w", [8, 40])
            graph.output("y", graph.linear("y", x, graph.weight(weight, .quantized(format)), to: .f32))
            var values = numbers(8 * 40, seed: 1)
            values[3 * 40 + 7] = bad
            let found = try Evaluation(graph, inputs: ["x": numbers(40, seed: 2)], weights: ["w": values])["y"]
            for row in 0..<8 { #expect(found[row].isFinite == (row != 3)) }
            let graphAsked = graph, given = values
            let types = try TestGPU.run { gpu in
                let store = WeightStore(on: gpu)
                try store.load(graphAsked, from: ArrayWeights(["w": given]))
                #expect(store.keptInBF16.isEmpty)
                #expect(store.byteCount == 8 * format.rowByteCount(columns: 40))
                return store.types
            }
            #expect(types[weight] == .quantized(format))
        }
    }

    /// What lies around a tensor is NaN here: a partial group must not read beyond the rows of either side.
    @Test("nothing is read beyond a partial group", arguments: Style.allCases, QuantizedFormat.allCases)
    func poisoned(style: Style, format: QuantizedFormat) throws {
        for (rows, depth) in [(1, 8), (1, 72), (3, 40), (4, 600), (6, 40)] {
            var graph = Graph()
            let x = graph.input("x", [rows, depth])
            let weight = graph.weight(Weight("w", [24, depth]), .quantized(format))
            graph.output("y", graph.linear("linear", x, weight, to: .f32))
            let (recorded, profile) = (graph, try style.profile())
            try TestGPU.run { gpu in
                let weights = ArrayWeights(["w": numbers(24 * depth, seed: 1)])
                let run = try PoisonedRun(Plan(recorded, for: profile), recorded, from: weights, on: gpu)
                run.input("x").bindMemory(to: Float.self).update(repeating: 1)
                #expect(try run.findings() == [], "\(rows) x \(depth)")
            }
        }
    }

    @Test("an error of the provider ends the upload")
    func failing() throws {
        struct Failing: WeightProvider {
            struct Fault: Error {}
            func copyRows(
                _ rows: Range<Int>, of weight: Weight, as type: StorageType, to destination: UnsafeMutableRawPointer,
                rowStride: Int
            ) throws -> Bool { throw Fault() }
        }
        var graph = Graph()
        _ = graph.weight(Weight("w", [16, 40]), .q8)
        let asked = graph
        #expect(throws: Failing.Fault.self) {
            try TestGPU.run { gpu in try WeightStore(on: gpu).load(asked, from: Failing()) }
        }
    }
}
