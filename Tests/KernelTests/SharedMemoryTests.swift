import PerceptGraph
import PerceptNumbers
import PerceptRuntime
import PerceptShaders
import TestSupport
import Testing

/// Kernels whose subgroups pass data on through shared memory, on one small case each, against those that the device at hand
/// has for the same, whose workgroups are single subgroups.
///
/// Other tests compare them with double precision. These are few enough for `Tools/test-barriers` to run over and over.
@Suite("Shared memory")
struct SharedMemoryTests {
    /// What a graph is filled with.
    private struct Contents {
        var inputs: [String: [Float]] = [:]
        var words: [String: [UInt32]] = [:]
        var weights: [String: [Float]] = [:]
        var states: [String: [UInt32]] = [:]
    }

    /// The kernels that a graph has on a profile, and by how much its outputs differ from those on the device as it is: as a
    /// part of the largest element, and not at all in states.
    private func check(
        _ graph: Graph, _ contents: Contents, on profile: DeviceProfile, runs kernel: Kernel
    ) throws {
        #expect(try Plan(graph, for: profile).steps.contains { $0.dispatch.kernel == kernel }, "\(kernel.name)")
        func evaluate(_ profile: DeviceProfile) throws -> Evaluation {
            try Evaluation(
                graph, on: profile, inputs: contents.inputs, words: contents.words, weights: contents.weights,
                states: contents.states)
        }
        let (found, expected) = (try evaluate(profile), try evaluate(Style.native.profile()))
        for (name, _) in graph.outputs {
            let largest = expected[name].map(abs).max() ?? 0
            let difference = zip(found[name], expected[name]).map { abs($0 - $1) }.max() ?? .infinity
            // NaN is no small difference.
            #expect(difference <= 1e-4 * largest, "\(kernel.name): \(name) differs by \(difference) of \(largest)")
        }
        #expect(found.stateBytes == expected.stateBytes, "\(kernel.name)")
    }

    @Test("tiles of a product, whole and with the depth in parts", arguments: ["", ", 4 parts"])
    func product(parts: String) throws {
        let (rows, columns, depth) = (70, 72, 264)
        var graph = Graph()
        let x = graph.input("x", [rows, depth])
        graph.output("y", graph.linear("linear", x, graph.weight(Weight("w", [columns, depth])), to: .f32))
        let profile = try Style.shared.profile().making(graph, by: "matmul_tiled 64x64, 128 lanes" + parts)
        try check(
            graph,
            Contents(
                inputs: ["x": numbers(rows * depth, seed: 1)], weights: ["w": numbers(columns * depth, seed: 2)]),
            on: profile, runs: Catalog.matmul[.tiled])
    }

    @Test("rows that a product normalises", arguments: [1, 33])
    func norm(rows: Int) throws {
        let (width, depth) = (588, 40)
        var graph = Graph()
        let x = graph.input("x", [rows, depth])
        let norm = Norm(.rms, weights: graph.weight(Weight("norm", [width])), epsilon: 1e-5)
        let normed = graph.result([rows, width], .f32)
        graph.output(
            "y",
            graph.linear(
                "linear", x, graph.weight(Weight("w", [width, depth])), Epilogue(norm: (norm, normed)), to: .f32))
        graph.output("normed", normed)
        try check(
            graph,
            Contents(
                inputs: ["x": numbers(rows * depth, seed: 1)],
                weights: ["w": numbers(width * depth, seed: 2), "norm": numbers(width, seed: 3)]),
            on: Style.shared.profile(), runs: rows == 1 ? Catalog.matvec[.ahead] : Catalog.matmul[.tiled])
    }

    @Test("attention, by keys and values that a workgroup stages", arguments: [false, true])
    func attention(shuffles: Bool) throws {
        let (tokens, heads, size) = (37, 2, 64)
        var graph = Graph()
        let qkv = graph.input("qkv", [1, tokens, 3 * heads * size])
        graph.output("y", graph.attention("attn", qkv: qkv, heads: heads, headSize: size, causal: true, to: .f32))
        let profile = try Style.shared.profile()
        try check(
            graph, Contents(inputs: ["qkv": numbers(tokens * 3 * heads * size, seed: 1, scale: 1.5)]),
            on: shuffles ? profile : profile.withoutShuffles,
            runs: shuffles ? Catalog.attentionSplit[.plain] : Catalog.attention[.shared])
    }

    @Test("attention over a cache, likewise", arguments: [false, true])
    func cachedAttention(shuffles: Bool) throws {
        let (rows, first, heads, kvHeads, size) = (21, 11, 4, 2, 24)
        let room = Pages.rows
        var graph = Graph()
        let q = graph.input("q", [rows, heads * size])
        let cache = graph.input("cache", [room, 2 * kvHeads * size])
        graph.output(
            "y",
            graph.cachedAttention(
                "attention", q: q, cache: cache, heads: heads, kvHeads: kvHeads, headSize: size,
                places: graph.input("places", Place.shape(rows: rows)),
                pages: graph.input("pages", [1, room / Pages.rows]),
                sequences: .one, to: .f32))
        let profile = try Style.shared.profile()
        try check(
            graph,
            Contents(
                inputs: [
                    "q": numbers(rows * heads * size, seed: 1, scale: 1.5),
                    "cache": numbers(room * 2 * kvHeads * size, seed: 2, scale: 1.5),
                ],
                words: [
                    "places": Place.prompt(first: first, count: rows, rows: rows).words,
                    "pages": (0..<room / Pages.rows).map(UInt32.init),
                ]),
            on: shuffles ? profile : profile.withoutShuffles,
            runs: shuffles ? Catalog.attentionSplit[.cached] : Catalog.attention[.cached + .shared])
    }

    @Test("attention of one query, by several subgroups")
    func pool() throws {
        let (tokens, heads, size) = (197, 2, 24)
        var graph = Graph()
        let query = graph.input("q", [1, heads * size]), kv = graph.input("kv", [1, tokens, 2 * heads * size])
        graph.output("y", graph.attentionPool("pool", query: query, kv: kv, heads: heads, headSize: size, to: .f32))
        try check(
            graph,
            Contents(inputs: [
                "q": numbers(heads * size, seed: 1), "kv": numbers(tokens * 2 * heads * size, seed: 2, scale: 1.5),
            ]), on: Style.shared.profile(), runs: Catalog.attentionPool)
    }

    /// Greedy, by top-p, and by top-k.
    @Test(
        "a token, from logits and with the product that makes them",
        arguments: [(0, 1, 0), (0.8, 0.9, 0), (1.5, 1, 5)])
    func token(temperature: Float, topP: Float, topK: UInt32) throws {
        let (vocabulary, depth) = (1000, 72)
        let settings = [temperature.bitPattern, topP.bitPattern, topK, 77, 1, 0, 0, 0]
        for draws in [false, true] {
            var graph = Graph()
            let place = graph.input("settings", [1, 8])
            let places = graph.input("places", Place.shape(rows: 1))
            let drawing = Graph.Drawing(
                settings: place, places: places, tokens: graph.state(StateSlot("tokens"), [1, 8]),
                drawn: graph.state(StateSlot("drawn", isHostVisible: true), [1, 16]))
            let stand = Place(position: 30, row: nil, keys: 31, slot: 2, drawn: 4)
            var contents = Contents(words: ["settings": settings, "places": stand.words])
            if draws {
                let (x, weight) = (graph.input("x", [1, depth]), graph.weight(Weight("w", [vocabulary, depth])))
                graph.output(
                    "logits", graph.draw("draw", x, weight, drawing))
                contents.inputs = ["x": numbers(depth, seed: 5)]
                contents.weights = ["w": numbers(vocabulary * depth, seed: 6)]
            } else {
                let logits = graph.input("logits", [1, vocabulary])
                graph.sample("sample", logits: logits, drawing)
                contents.inputs = ["logits": numbers(vocabulary, seed: 7, scale: 3)]
            }
            try check(
                graph, contents, on: Style.shared.profile(), runs: draws ? Catalog.draw[.ahead] : Catalog.sample)
        }
    }
}
