import PerceptGraph
import PerceptNumbers
import PerceptShaders
import Testing

/// What operations and choices can name, on devices of all kinds, against the table of modules.
@Suite("Catalog")
struct CatalogTests {
    /// Stands in for all others where the host's share of a run is measured.
    private static let unnamed = [Catalog.empty]

    private static let devices: [DeviceProfile] = {
        let all: KernelRequirements = [.subgroupShuffle, .subgroupArithmetic, .int64, .integerDot]
        let supports: [KernelRequirements] = [[], [.subgroupArithmetic], [.subgroupShuffle, .subgroupArithmetic], all]
        return [DeviceProfile.Style.cpu, .gpu].flatMap { style in
            supports.flatMap { supports in
                [8, 32].flatMap { subgroup in
                    [false, true].map { once in
                        var device = DeviceProfile.imagined(
                            style, subgroup: subgroup, supports: supports, readsUniformsOnce: once)
                        device.preferences.dotsPackedBytes = true
                        return device
                    }
                }
            }
        } + [matrices]
    }()

    /// A device with matrices of subgroups and of workgroups, for which every kernel serves.
    private static let matrices: DeviceProfile = {
        let shape = MatrixUnits.Shape(rows: 16, columns: 16, depth: 16)
        let types: [StorageType] = [.f16, .bf16]
        let kernels = Catalog.all.filter {
            !$0.requires.isDisjoint(with: [.cooperativeMatrix, .bfloat16Matrix, .workgroupMatrix])
        }
        var units = MatrixUnits(
            shapes: Dictionary(uniqueKeysWithValues: types.map { ($0, shape) }), subgroupSize: 32,
            kernels: Set(kernels))
        units.workgroups = types.map { .init(elements: $0, threads: 128, step: shape, longest: 512) }
        return DeviceProfile.gpu32.with(units)
    }()

    private static let shapes: [TunableShape] = {
        let types = StorageType.allCases
        let products = [1, 4, 20, 600].flatMap { rows in
            types.flatMap { type in
                WeightType.allCases.flatMap { format in
                    [false, true].map { isGathered in
                        TunableShape.product(
                            ProductShape(
                                rows: rows, columns: 768, depth: 1024, type: type, format: format,
                                isGathered: isGathered && format.isPlain))
                    }
                }
            }
        }
        let attentions = types.flatMap { type in
            [false, true].map { cached in
                TunableShape.attention(
                    AttentionShape(
                        queries: 197, heads: 12, headOctets: 8, type: type, format: .plain(type), causal: cached,
                        cached: cached))
            }
        }
        return products + attentions
    }()

    /// Every operation that has a kernel of its own.
    private static let graph: Graph = {
        var graph = Graph()
        let (places, rows) = (graph.input("places", Place.shape(rows: 17)), graph.input("rows", [1, 17, 64]))
        let table = graph.weight(Weight("table", [100, 64]))
        let ids = graph.input("ids", [1, 17])
        let bias = graph.weight(Weight("bias", [64]))
        _ = graph.layerNorm("layerNorm", rows, weight: bias, bias: bias, to: .f16)
        _ = graph.rmsNorm("rmsNorm", rows, weight: bias, epsilon: 1e-5, to: .f16)
        _ = graph.l2Normalize("l2", rows)
        _ = graph.softmax("softmax", rows, scale: 1)
        _ = graph.meanPool("mean", rows, tokens: 1..<17)
        _ = graph.eosPool("eos", rows, ids: ids)
        _ = graph.tokenEmbedding("tokens", ids: ids, table: table, positions: graph.weight(Weight("places", [17, 64])))
        _ = graph.interpolatePositions(
            "positions", graph.weight(Weight("grid", [17, 64])), classRows: 1, native: 4, gridRows: 3, gridColumns: 5)
        let kv = graph.linear("kv", rows, graph.weight(Weight("kv", [128, 64])), to: .f32)
        _ = graph.attentionPool("pool", query: graph.input("query", [1, 64]), kv: kv, heads: 2, headSize: 32, to: .f32)

        let media = graph.state(StateSlot("media"), [16, 64], .f16)
        graph.gridPool("gridPool", rows, skipped: 1, ratio: 2, first: graph.input("first", [1, 8]), into: media)
        _ = graph.spliceEmbedding("splice", ids: .prompt(ids), table: table, media: media)
        let cache = graph.state(StateSlot("cache"), [64, 128], .q8)
        let (place, pages) = (graph.input("place", Place.shape(rows: 1)), graph.input("pages", [1, 1]))
        graph.quantizeCache("quantize", kv, from: 0, places: places, into: cache)
        _ = graph.cachedAttention(
            "decode", q: graph.input("step", [1, 64]), cache: cache, heads: 2, kvHeads: 2, headSize: 32, places: place,
            pages: pages, sequences: .many, to: .f32)
        graph.copyRows("copy", cache, rows: graph.input("copied", [1, 8]), most: 4)
        let last = graph.state(StateSlot("last"), [1, 64])
        graph.lastRow("last", rows, places: places, into: last)
        let (settings, drawn) = (graph.input("settings", [1, 8]), graph.state(StateSlot("drawn"), [1, 64]))
        let tokens = graph.state(StateSlot("tokens"), [1, 8])
        let drawing = Graph.Drawing(settings: settings, places: place, tokens: tokens, drawn: drawn)
        graph.sample("sample", logits: graph.draw("draw", last, table, drawing), drawing)

        let capacity = PixelCapacity(headerWords: 64, sourceWords: 1024, pixels: 1024, side: 64, layouts: .all)
        for rounding in [ResizeRounding.eachPass, .once] {
            _ = graph.scoped("\(rounding)") {
                $0.preprocess("pixels", images: 1, height: 32, width: 32, capacity: capacity, rounding: rounding)
            }
        }

        _ = graph.naiveLinear("naive", rows, table)
        _ = graph.roofFMA("fma", groups: 1, iterations: 1)
        graph.roofCopy("copy", rows, into: graph.result(rows.shape, .f32))
        return graph
    }()

    @Test("rows and what can be chosen are the same")
    func complete() throws {
        var named: Set<Kernel> = []
        for device in Self.devices {
            named.formUnion(
                Self.shapes.flatMap { $0.candidates(for: device).map(\.kernel) + [$0.choice(for: device).kernel] })
            guard device.supports.isSuperset(of: [.subgroupShuffle, .subgroupArithmetic]) else { continue }
            named.formUnion(try Plan(Self.graph, for: device).steps.map(\.dispatch.kernel))
        }
        let rows = Set(Catalog.all)
        #expect(named.subtracting(rows).map(\.name).sorted() == [], "chosen, and not in the table")
        #expect(
            rows.subtracting(named).map(\.name).sorted() == Self.unnamed.map(\.name), "in the table, and never chosen")
    }
}
