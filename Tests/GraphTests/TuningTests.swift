import PerceptGraph
import PerceptModels
import PerceptNumbers
import PerceptShaders
import Testing

/// What a measurement chooses, and what it may not.
@Suite("Tuned selection")
struct TuningTests {
    private static let matrix: DeviceProfile = {
        var device = DeviceProfile.imagined(.gpu, subgroup: 32)
        device.sharedMemoryBytes = 49152
        let shape = MatrixUnits.Shape(rows: 16, columns: 16, depth: 16)
        return device.with(
            MatrixUnits(
                shapes: [.f16: shape], subgroupSize: 32,
                kernels: [Catalog.matmulMatrix[.plain], Catalog.attentionMatrix[.plain]]))
    }()

    static let devices: [DeviceProfile] = [
        .cpu8, .uniform8, .gpu32, matrix, .imagined(.gpu, subgroup: 64, supports: []),
    ]
    static let formats: [(StorageType, WeightType)] = [
        (.f32, .plain(.f32)), (.f16, .plain(.f16)), (.f16, .q8), (.bf16, .plain(.bf16)),
    ]

    private func shapes() -> [TunableShape] {
        let products = [1, 4, 6, 8, 9, 40, 197, 577, 4616].flatMap { rows in
            [8, 40, 768, 4096].flatMap { columns in
                Self.formats.map { type, format in
                    TunableShape.product(
                        ProductShape(rows: rows, columns: columns, depth: 768, type: type, format: format))
                }
            }
        }
        let attentions = [9, 577].flatMap { queries in
            [false, true].map { cached in
                TunableShape.attention(
                    AttentionShape(
                        queries: queries, heads: 12, headOctets: 8, type: .f16, format: .plain(.f16), causal: cached,
                        cached: cached))
            }
        }
        return products + attentions
    }

    @Test("the default is one of the candidates, whose names differ", arguments: devices)
    func candidates(device: DeviceProfile) {
        for shape in shapes() {
            let names = shape.candidates(for: device).map(\.name)
            #expect(Set(names).count == names.count, "\(names)")
            #expect(names.contains(shape.choice(for: device).name), "\(shape.shapeClass): \(names)")
            for candidate in shape.candidates(for: device) {
                #expect(candidate.kernel.requires.isSubset(of: device.supports), "\(candidate.name)")
            }
        }
    }

    @Test("a winner is chosen for its class of shapes, and for no other", arguments: devices)
    func winner(device: DeviceProfile) {
        let all = shapes().map { (shape: $0, usual: $0.choice(for: device).name) }
        for (shape, _) in all {
            var tuned = device
            for candidate in shape.candidates(for: device) {
                tuned.tuning.winners[shape.shapeClass] = candidate.name
                #expect(shape.choice(for: tuned).name == candidate.name)
            }
            // Whichever it is, others are looked up by their own class.
            for (other, usual) in all where other.shapeClass != shape.shapeClass {
                #expect(other.choice(for: tuned).name == usual)
            }
        }
    }

    @Test("a winner that the device may not use is passed by")
    func forbidden() throws {
        let shape = TunableShape.product(
            ProductShape(rows: 577, columns: 4096, depth: 1024, type: .f16, format: .plain(.f16)))
        let onUnits = try #require(
            shape.candidates(for: Self.matrix).last { $0.kernel == Catalog.matmulMatrix[.plain] })
        var device = Self.matrix
        device.tuning.winners[shape.shapeClass] = onUnits.name
        #expect(shape.choice(for: device).name == onUnits.name)
        // As the trial leaves it where the kernel is slow or wrong.
        device.matrixUnits?.kernels = []
        #expect(shape.choice(for: device).kernel == Catalog.matmul[.tiled])
        device = Self.matrix
        device.largestWorkgroup = 32
        #expect(shape.choice(for: device).name != onUnits.name)
        device = Self.matrix
        device.tuning.winners[shape.shapeClass] = "matmul_imagined 1x1, 1 lanes"
        #expect(shape.choice(for: device).name == shape.choice(for: Self.matrix).name)
    }

    @Test("a plan takes the winner")
    func plan() throws {
        var graph = Graph()
        let x = graph.input("x", [577, 768])
        graph.output("y", graph.linear("linear", x, graph.weight(Weight("w", [3072, 768])), to: .f32))
        let use = try #require(TunableUse.all(in: [graph], on: .cpu8).first)
        for candidate in use.shape.candidates(for: .cpu8) {
            var device = DeviceProfile.cpu8
            device.tuning.winners[use.shape.shapeClass] = candidate.name
            let dispatch = try Plan(graph, for: device).steps[0].dispatch
            #expect(dispatch.kernel == candidate.kernel)
            #expect((candidate as? ProductChoice).map { UInt32($0.tileRows) } == dispatch.constants[1])
        }
    }

    @Test(
        "classes of rows",
        arguments: [
            (1, "1"), (8, "8"), (9, "9...12"), (12, "9...12"), (13, "13...16"), (16, "13...16"), (17, "17...24"),
            (197, "193...256"), (577, "513...768"), (1024, "769...1024"), (1025, "1025...1536"), (4616, "4097...6144"),
        ])
    func rows(rows: Int, range: String) {
        let shape = ProductShape(rows: rows, columns: 100, depth: 20, type: .f16, format: .q8)
        #expect(shape.shapeClass.description == "product \(range) x 104 x 24 f16 q8")
    }

    @Test("a tower has few shapes, and each is counted")
    func tower() throws {
        let config = try #require(PublishedModel.named("PE-Core-T16-384")?.encoder?.vision)
        var graph = Graph()
        let pixels = graph.input("pixels", [1, 3, config.imageSize, config.imageSize])
        let tower = VisionTransformer(config, storage: .f16)
        let tokens = tower(pixels, lastLayer: config.layers - 1, in: &graph).blocks[config.layers - 1]
        graph.output("embedding", tower.project(tower.pool(tokens, in: &graph), in: &graph))
        let uses = TunableUse.all(in: [graph], on: .cpu8)
        #expect(uses.map(\.flops) == uses.map(\.flops).sorted(by: >))
        let blocks = uses.filter { $0.count == config.layers }
        // Queries, keys and values; the output; the two halves of the MLP; attention.
        #expect(blocks.count == 5)
        #expect(uses.reduce(0) { $0 + $1.count } == 5 * config.layers + 6)
    }
}

/// The table of defaults.
@Suite("Defaults by family")
struct PreferenceTests {
    private func profile(_ family: DeviceClass, subgroup: Int = 32) -> DeviceProfile {
        DeviceProfile(
            style: family == .cpu ? .cpu : .gpu, subgroupSize: subgroup,
            supports: [.subgroupShuffle, .subgroupArithmetic], largestGroupCount: [65535, 65535, 65535],
            largestWorkgroup: 1024, sharedMemoryBytes: 49152, flopsPerSecond: 1e13, family: family)
    }

    private func choice(
        _ rows: Int, _ columns: Int, _ device: DeviceProfile, _ type: StorageType = .f16
    ) -> ProductChoice {
        ProductChoice(
            ProductShape(rows: rows, columns: columns, depth: 1024, type: type, format: .plain(type)), for: device)
    }

    @Test(
        "matrix-vector kernels",
        arguments: [
            (DeviceClass.nvidia, 32, 128), (.amdRDNA4, 64, 64), (.amdRDNA3, 32, 32), (.amdRDNA2, 32, 32),
            (.amdGCN, 64, 64), (.intelArc, 16, 64), (.intelIntegrated, 8, 32), (.apple, 32, 64), (.other, 32, 64),
            (.cpu, 8, 64),
        ])
    func matvec(family: DeviceClass, subgroup: Int, lanes: Int) {
        let device = profile(family, subgroup: subgroup)
        let kernel = family == .cpu ? Catalog.matvec[.plain] : Catalog.matvec[.ahead]
        #expect(choice(1, 2048, device).kernel == kernel)
        #expect(choice(1, 2048, device).lanes == lanes)
        #expect((choice(4, 2048, device).kernel == kernel) == (family != .cpu))
        #expect((choice(8, 2048, device).kernel == kernel) == (family != .cpu))
        #expect(choice(9, 2048, device).kernel != kernel)
    }

    @Test("tiles grow with the work that a device's processors wait for")
    func tiles() throws {
        let shape = MatrixUnits.Shape(rows: 16, columns: 16, depth: 16)
        let units = MatrixUnits(shapes: [.f16: shape], subgroupSize: 32, kernels: [Catalog.matmulMatrix[.plain]])
        func tile(_ family: DeviceClass, processors: Int? = nil) -> [Int] {
            var device = profile(family).with(units)
            if let processors { device.preferences.enoughWorkgroups = processors }
            let found = choice(577, 1024, device)
            return [found.tileRows, found.tileColumns]
        }
        // 577 x 1024 are 40 workgroups of 128 x 128, 80 of 128 x 64, 160 of 64 x 64.
        #expect(tile(.intelArc) == [128, 128])
        #expect(tile(.nvidia) == [128, 64])
        #expect(tile(.nvidia, processors: 132) == [64, 64])
        #expect(tile(.nvidia, processors: 24) == [128, 128])
        #expect(tile(.nvidia, processors: 1000) == [32, 64])
        #expect(tile(.apple) == [64, 64])
        #expect(tile(.other) == [64, 64])
    }

    @Test("tiles in shared memory")
    func shared() {
        #expect(choice(577, 4096, profile(.nvidia), .f32).tileRows == 128)
        #expect(choice(577, 64, profile(.nvidia), .f32).tileRows == 64)
        #expect(choice(577, 4096, profile(.amdRDNA2), .f32).tileRows == 64)
        #expect(choice(20, 4096, profile(.nvidia), .f32).tileRows == 32)
    }
}
