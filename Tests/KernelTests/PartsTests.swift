import PerceptGraph
import PerceptNumbers
import PerceptRuntime
import PerceptShaders
import TestSupport
import Testing

/// Products whose depth is made in parts by workgroups apart, against sums in double precision with the bound of
/// `Reference.product`: parts add a sum or two to a chain that is shorter by more.
@Suite("Depth in parts")
struct PartsTests {
    struct Shape: Sendable, CustomTestStringConvertible {
        let rows, columns, depth, parts: Int
        var testDescription: String { "\(rows) x \(columns) x \(depth) in \(parts)" }
    }

    /// Few rows and more; depths that are no multiple of a step, of a group or of the parts; the third and the last have fewer
    /// steps than parts.
    static let shapes = [
        (9, 100, 588, 2), (17, 68, 100, 4), (31, 132, 40, 8), (70, 72, 264, 4), (33, 8, 1030, 8), (9, 12, 8, 2),
    ].map { Shape(rows: $0.0, columns: $0.1, depth: $0.2, parts: $0.3) }

    private static func name(_ tile: TiledTile, _ parts: Int) -> String {
        "matmul_tiled \(tile.rows)x\(tile.columns), \(tile.lanes) lanes, \(parts) parts"
    }
    /// The smallest tile that holds so many rows, wide or narrow.
    private static func tiles(_ rows: Int) -> [TiledTile] {
        TiledTile.candidates.filter { $0.rows == (rows > 32 ? 64 : rows > 16 ? 32 : 16) }
    }

    private func check(_ shape: Shape, _ tile: TiledTile, _ type: StorageType, _ format: WeightType) throws {
        let a = numbers(shape.rows * shape.depth, seed: 1, in: type)
        let b = numbers(shape.columns * shape.depth, seed: 2, in: format.isPlain ? type : .f32)
        var graph = Graph()
        let x = graph.input("x", [shape.rows, shape.depth], type)
        let weight = graph.weight(Weight("w", [shape.columns, shape.depth]), format)
        graph.output("y", graph.linear("linear", x, weight, to: format.isPlain ? type : .f32))
        let profile = try Style.shared.profile().making(graph, by: Self.name(tile, shape.parts))
        #expect(try Plan(graph, for: profile).steps[0].dispatch.groups[2] == shape.parts)
        let found = try Evaluation(graph, on: profile, inputs: ["x": a], weights: ["w": b])
        var exact = b
        if case .quantized(let format) = format {
            let bytes = QuantizedRows.encode(rows: b, columns: shape.depth, format: format)
            exact = QuantizedRows.decode(rows: bytes, columns: shape.depth, format: format)
        }
        let expected = Reference.product(a, exact, rows: shape.rows, columns: shape.columns, depth: shape.depth)
        let error = worst(found["y"], expected, storedAs: format.isPlain ? type : .f32)
        #expect(error <= 1, "\(shape.testDescription), \(format): \(error) times the bound")
        #expect(found.paddingIsZero)
    }

    @Test("shapes with edges on every side", arguments: shapes)
    func edges(shape: Shape) throws {
        for tile in Self.tiles(shape.rows) { try check(shape, tile, .f32, .plain(.f32)) }
    }

    @Test("every tile", arguments: TiledTile.candidates)
    func tiles(tile: TiledTile) throws { try check(Self.shapes[3], tile, .f32, .plain(.f32)) }

    @Test("all types of activations and weights", arguments: WeightType.allCases)
    func types(format: WeightType) throws {
        for type in StorageType.allCases where !format.isPlain || format == .plain(type) {
            try check(Self.shapes[1], Self.tiles(17)[1], type, format)
        }
    }

    /// The last one to come goes through the epilogue, all of it at once; each of its parts has its test in `ProductTests`.
    @Test("epilogues", arguments: [14, 31])
    func epilogues(bits: Int) throws {
        let test = EpilogueCase(bits: bits, rows: 27, depth: 76)
        var profile = try Style.shared.profile()
        profile.tuning.winners[test.shape.shapeClass] = Self.name(Self.tiles(27)[0], 2)
        let error = try test.error(on: profile)
        #expect(error <= 1, "\(error) times the bound")
    }

    /// Beside the same graph with its depth in one: keys and values into a cache, and pairs by SwiGLU.
    @Test("split and SwiGLU")
    func split() throws {
        let (rows, width, depth, kept) = (19, 72, 76, 40)
        var graph = Graph()
        let x = graph.input("x", [rows, depth])
        let places = graph.input("places", Place.shape(rows: rows))
        let cache = graph.state(StateSlot("cache"), [32, width - kept])
        let weight = graph.weight(Weight("w", [width, depth]))
        graph.output(
            "q",
            graph.linear(
                "split", x, weight, Epilogue(places: places, split: .init(column: kept, target: cache)), to: .f32))
        let gated = Weight("gate", [40, depth], joined: .interleaved(Weight("up", [40, depth])))
        graph.output("y", graph.linear("ffn", x, graph.weight(gated), Epilogue(swiglu: true), to: .f32))
        let found = try [1, 4].map { parts in
            let name = Self.name(Self.tiles(rows)[1], parts)
            let profile = try Style.shared.profile()
            return try Evaluation(
                graph, on: parts == 1 ? profile : profile.making(graph, by: name),
                inputs: ["x": numbers(rows * depth, seed: 1)],
                words: ["places": Place.prompt(first: 7, count: 18, rows: rows).words],
                weights: [
                    "w": numbers(width * depth, seed: 2), "gate": numbers(40 * depth, seed: 3),
                    "up": numbers(40 * depth, seed: 4),
                ])
        }
        // Another order of 76 terms of at most one.
        func isClose(_ x: [Float], _ y: [Float]) -> Bool {
            x.count == y.count && y.contains { abs($0) > 0.1 } && zip(x, y).allSatisfy { abs($0 - $1) <= 76 * 0x1p-22 }
        }
        #expect(isClose(found[1]["q"], found[0]["q"]) && isClose(found[1]["y"], found[0]["y"]))
        #expect(isClose(found[1].states["cache"] ?? [], found[0].states["cache"] ?? []))
    }

    /// Counters are where they were: the next run would come out wrong otherwise.
    @Test("the same bits run after run, whoever comes last")
    func bits() throws {
        let (rows, columns, depth) = (31, 200, 1000)
        var graph = Graph()
        let x = graph.input("x", [rows, depth])
        graph.output("y", graph.linear("linear", x, graph.weight(Weight("w", [columns, depth])), to: .f32))
        let recorded = graph
        let profile = try Style.shared.profile().making(graph, by: Self.name(Self.tiles(rows)[1], 8))
        try TestGPU.run { gpu in
            let store = WeightStore(on: gpu)
            try store.load(recorded, from: ArrayWeights(["w": numbers(columns * depth, seed: 2)]))
            let states = StateStore(on: gpu)
            let program = try Program(Plan(recorded, for: profile), store, states: states, on: gpu)
            let values = numbers(rows * depth, seed: 1)
            _ = program.input("x").bindMemory(to: Float.self).update(fromContentsOf: values)
            try program.run()
            let first = program.values("y")
            for _ in 0..<10 {
                try program.run()
                let isSame = program.values("y") == first
                #expect(isSame)
            }
        }
    }

    /// Three in turn, whose parts share an arena with what lies between them.
    @Test("products that a rule makes in parts, one after the other")
    func chain() throws {
        let (rows, width) = (17, 1032)
        var graph = Graph()
        let x = graph.input("x", [rows, width])
        let weight = graph.weight(Weight("w", [width, width]))
        let first = graph.linear("first", x, weight, Epilogue(gelu: true), to: .f32)
        let second = graph.linear("second", first, weight, Epilogue(residual: x), to: .f32)
        graph.output("y", graph.linear("third", second, weight, Epilogue(residual: first), to: .f32))
        var profile = try Style.shared.profile()
        let inputs = ["x": numbers(rows * width, seed: 1)]
        let given = ["w": numbers(width * width, seed: 2, scale: 0.05)]
        let whole = try Evaluation(graph, on: profile, inputs: inputs, weights: given)["y"]
        profile.preferences = KernelPreferences(.nvidia)
        profile.preferences.enoughWorkgroups = 132
        #expect(try Plan(graph, for: profile).steps.map { $0.dispatch.groups[2] } == [2, 2, 2])
        let found = try Evaluation(graph, on: profile, inputs: inputs, weights: given)["y"]
        let largest = whole.map(abs).max() ?? 0
        // Three products deep, sums of a thousand terms differ by some tens of units of 2⁻²⁴.
        let error = zip(found, whole).map { abs($0 - $1) }.max() ?? .infinity
        #expect(largest > 0.1 && error <= 2e-5 * largest, "\(error) of \(largest)")
    }

    @Test("nothing is read or written beyond an edge, and counters end at zero", arguments: shapes)
    func poisoned(shape: Shape) throws {
        var graph = Graph()
        let x = graph.input("x", [shape.rows, shape.depth])
        let weight = graph.weight(Weight("w", [shape.columns, shape.depth]))
        graph.output("y", graph.linear("linear", x, weight, to: .f32))
        let recorded = graph
        let tile = Self.tiles(shape.rows)[0]
        let profile = try Style.shared.profile().making(graph, by: Self.name(tile, shape.parts))
        try TestGPU.run { gpu in
            let weights = ArrayWeights(["w": numbers(shape.columns * shape.depth, seed: 1)])
            let run = try PoisonedRun(Plan(recorded, for: profile), recorded, from: weights, on: gpu)
            #expect(try run.findings() == [])
        }
    }

    @Test("cuts in parts are tried and timed in the style of GPUs")
    func tuning() throws {
        let shape = ProductShape(rows: 12, columns: 136, depth: 512, type: .f32, format: .q8)
        try TestGPU.run { gpu in
            var profile = gpu.profile.inStyle(.gpu)
            // Room for two tiles.
            profile.sharedMemoryBytes = 7000
            let tuner = try Tuner(on: gpu, profile)
            let result = try #require(
                try tuner.tune(TunableUse(shape: .product(shape), count: 1, flops: 1), seconds: 60))
            #expect(result.refused.isEmpty, "\(result.refused)")
            #expect(result.timings.count { $0.name.hasSuffix(", 2 parts") } == 2)
        }
    }
}
