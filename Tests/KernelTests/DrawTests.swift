import Foundation
import PerceptGraph
import PerceptNumbers
import PerceptRuntime
import PerceptVulkan
import TestSupport
import Testing

/// A decoder's output product that draws the token too, against the product and `sample` one after the other, and against sums
/// in double precision.
@Suite("Output product and token in one")
struct DrawTests {
    private static let formats: [WeightType] =
        StorageType.allCases.map { .plain($0) } + QuantizedFormat.allCases.map { .quantized($0) }
    private static let depth = 72

    private func values(_ count: Int, _ format: WeightType) -> (stored: [Float], read: [Float]) {
        let weights = numbers(count * Self.depth, seed: Double(count))
        switch format {
        case .plain(let type): return (weights, weights.map(type.rounded))
        case .quantized(let format):
            let bytes = QuantizedRows.encode(rows: weights, columns: Self.depth, format: format)
            return (weights, QuantizedRows.decode(rows: bytes, columns: Self.depth, format: format))
        }
    }

    private func drawing(_ name: String, _ settings: Tensor, _ places: Tensor, in graph: inout Graph) -> Graph.Drawing {
        Graph.Drawing(
            settings: settings, places: places, tokens: graph.state(StateSlot("\(name).tokens"), [1, 8]),
            drawn: graph.state(StateSlot("\(name).drawn", isHostVisible: true), [1, 16]))
    }

    /// The token and every logit, bit for bit those of two dispatches; and the largest logit's of the reference, but where
    /// another comes within the bounds of both.
    @Test("tokens and logits", arguments: [Style.native, .shared], formats)
    func tokens(style: Style, format: WeightType) throws {
        let allSettings: [[UInt32]] = [
            [0, 0, 0, 0, 0, 0, 0, 0],
            [Float(0.8).bitPattern, Float(0.9).bitPattern, 0, 77, 1, 0, 0, 0],
            [Float(1.5).bitPattern, Float(1).bitPattern, 5, 3, 0, 0, 0, 0],
        ]
        for (count, type) in [(1, StorageType.f16), (7, .f16), (257, .f32), (1000, .f16)] {
            let (stored, read) = values(count, format)
            let x = numbers(Self.depth, seed: 5, in: type)
            var graph = Graph()
            let input = graph.input("x", [1, Self.depth], type)
            let weight = graph.weight(Weight("w", [count, Self.depth]), format)
            let (settings, places) = (graph.input("settings", [1, 8]), graph.input("places", Place.shape(rows: 1)))
            let (one, two) = (
                drawing("one", settings, places, in: &graph), drawing("two", settings, places, in: &graph)
            )
            graph.output("one", graph.draw("draw", input, weight, one))
            let logits = graph.linear("product", input, weight, to: .f32)
            graph.output("two", logits)
            graph.sample("sample", logits: logits, two)
            let expected = Reference.product(x, read, rows: 1, columns: count, depth: Self.depth)
            for words in allSettings {
                let stand = Place(position: 30, row: nil, keys: 31, slot: 3, drawn: 4)
                let found = try Evaluation(
                    graph, on: style.profile(), inputs: ["x": x],
                    words: ["settings": words, "places": stand.words], weights: ["w": stored])
                #expect(worst(found["one"], expected) <= 1 && found.paddingIsZero)
                #expect(found["one"].map(\.bitPattern) == found["two"].map(\.bitPattern))
                let drawn = found.states["one.drawn"]?.map(\.bitPattern) ?? []
                #expect(drawn == found.states["two.drawn"]?.map(\.bitPattern), "\(count) tokens, \(words)")
                #expect(drawn.enumerated().allSatisfy { $0.offset == 4 || $0.element == 0 })
                for name in ["one", "two"] {
                    #expect(found.states["\(name).tokens"]?.map(\.bitPattern) == [0, 0, 0, drawn[4], 0, 0, 0, 0])
                }
                guard words[0] == 0 else { continue }
                let best = expected.indices.max { (expected[$0].value, $1) < (expected[$1].value, $0) } ?? 0
                let token = Int(drawn[4])
                let gap = expected[best].value - expected[token].value
                #expect(gap <= expected[best].error + expected[token].error, "\(count) tokens: \(token), not \(best)")
            }
        }
    }

    /// Every run finds the counter at zero.
    @Test("one run after another", arguments: [DeviceProfile.Style.cpu, .gpu])
    func runs(style: DeviceProfile.Style) throws {
        let count = 1000
        let (stored, read) = values(count, .plain(.f16))
        let x = numbers(Self.depth, seed: 5, in: .f16)
        let expected = Reference.product(x, read, rows: 1, columns: count, depth: Self.depth)
        let best = expected.indices.max { expected[$0].value < expected[$1].value } ?? 0
        try TestGPU.run { gpu in
            var graph = Graph()
            let input = graph.input("x", [1, Self.depth], .f16)
            let weight = graph.weight(Weight("w", [count, Self.depth]), .f16)
            let (settings, places) = (graph.input("settings", [1, 8]), graph.input("places", Place.shape(rows: 1)))
            _ = graph.draw("draw", input, weight, drawing("one", settings, places, in: &graph))
            let store = WeightStore(on: gpu)
            try store.load(graph, from: ArrayWeights(["w": stored]))
            let kept = StateStore(on: gpu)
            try kept.allocate(graph)
            let program = try Program(
                Plan(graph, for: gpu.profile.inStyle(style), weightTypes: store.types), store, states: kept, on: gpu)
            let memory = program.input("x")
            for (index, value) in x.enumerated() { memory.baseAddress?.storeRounded(value, at: index, as: .f16) }
            program.input("settings").initializeMemory(as: UInt8.self, repeating: 0)
            for word in 0..<16 {
                let stand = Place(position: 30 + word, row: nil, keys: 31 + word, slot: 1, drawn: word)
                stand.words.withUnsafeBytes { program.input("places").copyMemory(from: $0) }
                try program.run()
            }
            let drawn = try kept.contents(graph.slot("one.drawn")).prefix(64).withUnsafeBytes {
                Array($0.bindMemory(to: UInt32.self))
            }
            #expect(drawn == [UInt32](repeating: UInt32(best), count: 16))
        }
    }
}
