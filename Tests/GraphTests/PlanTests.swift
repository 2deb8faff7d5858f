import PerceptGraph
import PerceptModels
import PerceptNumbers
import PerceptShaders
import Testing

@Suite("Plans")
struct PlanTests {
    @Test("print readably")
    func snapshot() throws {
        var graph = Graph()
        let x = graph.input("x", [5, 20])
        let weight = graph.weight(Weight("fc.weight", [12, 20]), .f16)
        let bias = graph.weight(Weight("fc.bias", [12]))
        let y = graph.scoped("mlp") { $0.linear("fc", x, weight, Epilogue(bias: bias, gelu: true), to: .f32) }
        graph.output("y", graph.l2Normalize("normalize", y))
        let plan = try Plan(graph, for: .cpu8)
        #expect(
            plan.description == """
                2 dispatches, 1 barriers, 1 submissions, arena 1024 bytes
                    0 mlp.fc                               matmul             1x1x1        5x20@in+0 fc.weight:f16 fc.bias:f32 -> 5x12@0
                |   1 normalize                            l2_normalize       1x1x1        5x12@0 -> 5x12@512
                """)
    }

    /// A barrier stands in front of a dispatch, so that there are at most as many.
    /// Each dispatch waits for the one before: as many barriers.
    private func count(_ prefix: String, _ plan: Plan) -> (dispatches: Int, barriers: Int) {
        let steps = plan.steps.filter { $0.label.hasPrefix(prefix) }
        return (steps.count, steps.count { $0.barrier })
    }

    /// In a step of decoding 5 dispatches; in a prompt 7, and one more to quantise keys and values.
    @Test("a decoder's layer", arguments: [1, 16], [false, true])
    func decoderLayer(rows: Int, quantizesCache: Bool) throws {
        for model in PublishedModel.languageModels {
            let config = model.language
            let decoder = LanguageDecoder(
                config, storage: .f16, quantizesCache: quantizesCache, positions: 1024, mediaRows: 256)
            for device in [DeviceProfile.cpu8, .gpu32] {
                var graph = Graph()
                if rows == 1 { decoder.step(rows: 1, in: &graph) } else { decoder.prefill(rows: rows, in: &graph) }
                let plan = try Plan(graph, for: device)
                let most = rows == 1 ? 5 : quantizesCache ? 8 : 7
                for layer in 0..<config.layers {
                    let (dispatches, barriers) = count("layers.\(layer).", plan)
                    #expect(dispatches == most && barriers <= most)
                }
                // Embedding and norm, and the output, which draws the token too; of a prompt the embedding, and its last row.
                #expect(plan.steps.count == most * config.layers + (rows == 1 ? 3 : 2))
                #expect(plan.barrierCount <= plan.steps.count - 1)
                guard rows == 1 else { continue }
                var (apart, unfused) = (Graph(), decoder)
                unfused.fusesDraw = false
                unfused.step(rows: 1, in: &apart)
                let longer = try Plan(apart, for: device)
                #expect(longer.steps.count == plan.steps.count + 1)
                #expect(longer.barrierCount == plan.barrierCount + 1)
                // Several sequences cost no more of them.
                var several = Graph()
                decoder.step(rows: 8, in: &several)
                let shared = try Plan(several, for: device)
                #expect(shared.steps.count == longer.steps.count && shared.barrierCount == longer.barrierCount)
                #expect(plan.description.hasPrefix("\(plan.steps.count) dispatches, \(plan.barrierCount) barriers, "))
            }
        }
    }

    /// 7 dispatches, or 5 where norms ride in the products before them: the first of these norms stands before the blocks.
    @Test("a block", arguments: PublishedModel.encoders.map(\.name), [false, true])
    func block(name: String, fusesNorms: Bool) throws {
        let config = try #require(PublishedModel.named(name)?.encoder)
        for device in [DeviceProfile.cpu8, .gpu32] {
            var plans = [
                ("blocks", try Plan(visionGraph(config.vision, batch: 1, fusesNorms: fusesNorms), for: device))
            ]
            if let text = config.text {
                plans.append(("text", try Plan(textGraph(text, batch: 1, fusesNorms: fusesNorms), for: device)))
            }
            for (scope, plan) in plans {
                let layers = scope == "text" ? config.text?.layers ?? 0 : config.vision.layers
                for block in 0..<layers {
                    let (dispatches, barriers) = count("\(scope).\(block).", plan)
                    #expect(dispatches == (fusesNorms ? 5 : 7) && barriers <= dispatches)
                }
                // What embeds, pools and projects.
                let others = plan.steps.count - layers * (fusesNorms ? 5 : 7)
                #expect(others <= 14 && plan.barrierCount <= plan.steps.count - 1, "\(others)")
            }
        }
    }

    @Test("norms are fused up to a number of rows")
    func fusedNormRows() throws {
        let config = try #require(PublishedModel.named("PE-Core-B16-224")?.encoder)
        let text = try #require(config.text)
        // An image is 197 tokens, a text here 32.
        for (batch, images, texts, dispatches) in [(1, 197, 32, 5), (1, 196, 31, 7), (2, 197, 63, 7), (2, 394, 64, 5)] {
            var graph = Graph()
            let pixels = graph.input("pixels", [batch, 3, 224, 224])
            _ = VisionTransformer(config.vision, storage: .f16, fusedNormRows: images)(pixels, lastLayer: 1, in: &graph)
            let ids = graph.input("ids", [batch, 32])
            _ = TextTransformer(text, storage: .f16, fusedNormRows: texts)(ids, in: &graph)
            let plan = try Plan(graph, for: .gpu32)
            #expect(count("blocks.1.", plan).dispatches == dispatches)
            #expect(count("text.1.", plan).dispatches == dispatches)
        }
    }

    @Test("results have the shapes of the model")
    func shapes() throws {
        let config = try #require(PublishedModel.named("PE-Core-L14-336")?.encoder).vision
        var graph = Graph()
        let pixels = graph.input("pixels", [3, 3, 224, 350])
        let tower = VisionTransformer(config, storage: .bf16)
        let features = tower(pixels, lastLayer: 1, in: &graph)
        #expect(features.embedded.shape == [3, 16 * 25 + 1, 1024])
        #expect(features.blocks.map(\.shape) == [[3, 401, 1024], [3, 401, 1024]])
        #expect(tower.project(tower.pool(features.blocks[1], in: &graph), in: &graph).shape == [3, 1024])
    }

    @Test("every slice of every step goes out once, in order, and none is estimated beyond a tenth of a second")
    func pieces() throws {
        let config = try #require(PublishedModel.named("PE-Core-B16-224")?.encoder).vision
        let graph = visionGraph(config, batch: 1)
        let fast = DeviceProfile.imagined(.gpu, subgroup: 32, flopsPerSecond: 1e13)
        var slow = fast
        slow.flopsPerSecond /= 1000
        var slowest = slow
        slowest.flopsPerSecond /= 1000
        let counts = try [fast, slow, slowest].map { (device: DeviceProfile) -> (pieces: Int, parts: Int) in
            let plan = try Plan(graph, for: device)
            let parts = plan.pieces.flatMap { $0 }
            let expected = plan.steps.indices.flatMap { step in
                plan.steps[step].slices.indices.map { [step, $0] }
            }
            #expect(parts.map { [$0.step, $0.slice] } == expected)
            for piece in plan.pieces {
                let parts = piece.map { seconds(plan.steps[$0.step], $0.slice, device) }
                let indivisible =
                    piece.count == 1 && plan.steps[piece[0].step].slices[piece[0].slice].groups == [1, 1, 1]
                #expect(parts.reduce(0, +) <= Plan.longestPiece * 1.0001 || indivisible)
            }
            for step in plan.steps { #expect(tiles(step)) }
            return (pieces: plan.pieces.count, parts: parts.count)
        }
        #expect(counts[0].pieces == 1)
        #expect(counts[1].pieces > 10 * counts[0].pieces)
        #expect(counts[2].pieces > 100 * counts[1].pieces && counts[2].parts > 10 * counts[1].parts)
    }

    /// Whether the slices of a step cover its grid, each workgroup once.
    private func tiles(_ step: Plan.Step) -> Bool {
        let grid = step.dispatch.groups
        var covered = [Bool](repeating: false, count: grid.reduce(1, *))
        for slice in step.slices {
            for z in slice.base[2]..<slice.base[2] + slice.groups[2] {
                for y in slice.base[1]..<slice.base[1] + slice.groups[1] {
                    for x in slice.base[0]..<slice.base[0] + slice.groups[0] {
                        let index = (z * grid[1] + y) * grid[0] + x
                        guard x < grid[0], y < grid[1], z < grid[2], !covered[index] else { return false }
                        covered[index] = true
                    }
                }
            }
        }
        return covered.allSatisfy { $0 }
    }

    private func seconds(_ step: Plan.Step, _ slice: Int, _ device: DeviceProfile) -> Double {
        let share = Double(step.slices[slice].groups.reduce(1, *)) / Double(step.dispatch.groups.reduce(1, *))
        return step.dispatch.flops / device.flopsPerSecond * share
    }

    @Test("more rows than a device has workgroups along an axis", arguments: [8, 64])
    func manyRows(subgroup: Int) throws {
        var graph = Graph()
        let x = graph.input("x", [128_256, 64])
        let vector = graph.weight(Weight("v", [64]))
        let y = graph.layerNorm("norm", graph.softmax("softmax", x, scale: 1), weight: vector, bias: vector, to: .f32)
        graph.output("y", graph.l2Normalize("l2", y))
        let token = graph.input("token", [1, 64])
        graph.output("z", graph.linear("head", token, graph.weight(Weight("w", [128_256, 64])), to: .f16))
        let device = DeviceProfile.imagined(.gpu, subgroup: subgroup)
        let plan = try Plan(graph, for: device)
        for step in plan.steps.prefix(3) {
            #expect(step.dispatch.groups[0] * step.dispatch.groups[1] * device.rowsPerWorkgroup >= 128_256)
        }
    }

    @Test("tensors beyond a kernel's indices are refused")
    func largeTensors() throws {
        func graph(_ rows: Int, _ type: StorageType) -> Graph {
            var graph = Graph()
            let x = graph.input("x", [1, 8], type)
            graph.output("y", graph.linear("linear", x, graph.weight(Weight("w", [rows, 8]), type), to: type))
            return graph
        }
        var device = DeviceProfile.gpu32
        device.largestGroupCount = [1 << 31, 65535, 65535]
        // Three thousand million elements fit in f16, not in f32.
        _ = try Plan(graph(3_000_000_000 / 8, .f16), for: device)
        #expect(throws: PlanError.tensorTooLarge(label: "linear", shape: [375_000_000, 8], bytes: 12_000_000_000)) {
            try Plan(graph(3_000_000_000 / 8, .f32), for: device)
        }
        #expect(throws: PlanError.self) { try Plan(graph(3_000_000_000 / 8, .f16), for: .gpu32) }
    }

    @Test("what a device lacks is named")
    func unsupported() throws {
        var graph = Graph()
        graph.output("y", graph.l2Normalize("l2", graph.input("x", [2, 8])))
        #expect(throws: PlanError.unsupported(label: "l2", kernel: "l2_normalize")) {
            try Plan(graph, for: .imagined(.gpu, subgroup: 32, supports: [.subgroupShuffle]))
        }
        var small = DeviceProfile.gpu32
        small.largestWorkgroup = 64
        let x = graph.input("x2", [70, 8])
        graph.output("z", graph.linear("linear", x, graph.weight(Weight("w", [8, 8])), to: .f32))
        #expect(throws: PlanError.workgroupTooLarge(label: "linear", invocations: 128, limit: 64)) {
            try Plan(graph, for: small)
        }
    }
}
