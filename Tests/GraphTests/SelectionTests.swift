import PerceptGraph
import PerceptNumbers
import PerceptShaders
import Testing

/// Kernel selection is a pure function of shape and device: a table says what it must give.
@Suite("Kernel selection")
struct SelectionTests {
    struct Row: CustomTestStringConvertible, Sendable {
        let device: DeviceProfile
        let rows: Int
        let columns: Int
        let implicit: Bool
        let type: StorageType
        let kernel: Kernel
        let lanes: Int
        let tileRows: Int
        let groups: [Int]
        let subgroupSize: Int?

        init(
            _ device: DeviceProfile, _ rows: Int, _ columns: Int, implicit: Bool = false,
            type: StorageType = .f32, _ kernel: Kernel, lanes: Int,
            tileRows: Int, groups: [Int], subgroup: Int?
        ) {
            self.device = device
            self.rows = rows
            self.columns = columns
            self.implicit = implicit
            self.type = type
            self.kernel = kernel
            self.lanes = lanes
            self.tileRows = tileRows
            self.groups = groups
            self.subgroupSize = subgroup
        }

        var testDescription: String { "\(device.style) \(device.subgroupSize): \(rows) x \(columns)" }
    }

    static let table: [Row] = [
        // CPU drivers pass A round the subgroup.
        Row(
            .imagined(.cpu, subgroup: 8), 577, 3072, Catalog.matmul[.plain], lanes: 8, tileRows: 40,
            groups: [96, 15, 1],
            subgroup: 8),
        Row(
            .imagined(.cpu, subgroup: 4), 577, 3072, Catalog.matmul[.plain], lanes: 4, tileRows: 40,
            groups: [192, 15, 1],
            subgroup: 4),
        Row(
            .imagined(.cpu, subgroup: 16), 577, 40, Catalog.matmul[.plain], lanes: 16, tileRows: 48,
            groups: [1, 13, 1],
            subgroup: 16),
        Row(
            .imagined(.cpu, subgroup: 8), 5, 40, Catalog.matmul[.plain], lanes: 8, tileRows: 8, groups: [2, 1, 1],
            subgroup: 8),
        // With 64-bit integers they load through those.
        Row(
            .imagined(.cpu, subgroup: 8, supports: [.subgroupShuffle, .subgroupArithmetic, .int64]), 197, 768,
            Catalog.matmul[.wide], lanes: 8, tileRows: 40, groups: [24, 5, 1], subgroup: 8),
        Row(
            .imagined(.cpu, subgroup: 8, supports: [.subgroupArithmetic, .int64]), 1, 768, Catalog.matvec[.wide],
            lanes: 64,
            tileRows: 1, groups: [24, 1, 1], subgroup: 8),
        Row(
            .imagined(.gpu, subgroup: 32, supports: [.subgroupShuffle, .subgroupArithmetic, .int64]), 1, 768,
            Catalog.matvec[.ahead], lanes: 64, tileRows: 1, groups: [96, 1, 1], subgroup: 32),
        // Where all lanes load one address once, they read A so: in f32, and for few rows too if no matvec will do.
        Row(.uniform8, 577, 3072, Catalog.matmul[.uniform], lanes: 8, tileRows: 40, groups: [192, 15, 1], subgroup: 8),
        Row(.uniform8, 197, 40, Catalog.matmul[.uniform], lanes: 8, tileRows: 40, groups: [3, 5, 1], subgroup: 8),
        Row(
            .uniform8, 577, 3072, type: .f16, Catalog.matmul[.wide], lanes: 8, tileRows: 40, groups: [96, 15, 1],
            subgroup: 8),
        Row(.uniform8, 1, 768, Catalog.matvec[.wide], lanes: 64, tileRows: 1, groups: [24, 1, 1], subgroup: 8),
        Row(.uniform8, 2, 768, Catalog.matmul[.uniform], lanes: 8, tileRows: 8, groups: [48, 1, 1], subgroup: 8),
        Row(
            .uniform8, 197, 768, implicit: true, Catalog.patchEmbed[.plain], lanes: 8, tileRows: 40,
            groups: [24, 5, 1],
            subgroup: 8),
        Row(
            .imagined(.cpu, subgroup: 16, supports: .uniform, readsUniformsOnce: true), 5, 40, Catalog.matmul[.uniform],
            lanes: 16, tileRows: 8, groups: [2, 1, 1], subgroup: 16),
        Row(
            .imagined(.cpu, subgroup: 8, readsUniformsOnce: true), 5, 40, Catalog.matmul[.plain], lanes: 8, tileRows: 8,
            groups: [2, 1, 1], subgroup: 8),
        Row(
            .imagined(.gpu, subgroup: 8, supports: .uniform, readsUniformsOnce: true), 577, 3072,
            Catalog.matmul[.tiled],
            lanes: 128, tileRows: 64, groups: [48, 10, 1], subgroup: nil),
        // A wider subgroup, or none that shuffles, shares tiles.
        Row(
            .imagined(.cpu, subgroup: 32), 577, 3072, Catalog.matmul[.tiled], lanes: 128, tileRows: 64,
            groups: [48, 10, 1], subgroup: nil),
        Row(
            .imagined(.cpu, subgroup: 8, supports: [.subgroupArithmetic]), 577, 64, Catalog.matmul[.tiled], lanes: 128,
            tileRows: 64, groups: [1, 10, 1], subgroup: nil),
        Row(
            .imagined(.gpu, subgroup: 32), 577, 3072, Catalog.matmul[.tiled], lanes: 128, tileRows: 64,
            groups: [48, 10, 1], subgroup: nil),
        Row(
            .imagined(.gpu, subgroup: 64), 20, 100, Catalog.matmul[.tiled], lanes: 128, tileRows: 32,
            groups: [2, 1, 1],
            subgroup: nil),
        // Few rows read the weights once, lanes sharing the depth, where subgroups can add.
        Row(
            .imagined(.cpu, subgroup: 8), 1, 768, Catalog.matvec[.plain], lanes: 64, tileRows: 1, groups: [24, 1, 1],
            subgroup: 8),
        Row(
            .imagined(.cpu, subgroup: 8), 3, 768, Catalog.matvec[.plain], lanes: 64, tileRows: 3, groups: [24, 1, 1],
            subgroup: 8),
        Row(
            .imagined(.cpu, subgroup: 8), 4, 768, Catalog.matmul[.plain], lanes: 8, tileRows: 8, groups: [24, 1, 1],
            subgroup: 8),
        Row(
            .imagined(.gpu, subgroup: 64), 8, 768, Catalog.matvec[.ahead], lanes: 64, tileRows: 8, groups: [192, 1, 1],
            subgroup: 64),
        Row(
            .imagined(.gpu, subgroup: 64), 4, 768, Catalog.matvec[.ahead], lanes: 64, tileRows: 4, groups: [192, 1, 1],
            subgroup: 64),
        Row(
            .imagined(.gpu, subgroup: 32, supports: []), 1, 768, Catalog.matmul[.tiled], lanes: 128, tileRows: 16,
            groups: [12, 1, 1], subgroup: nil),
        // Patches are gathered, never a matvec.
        Row(
            .imagined(.cpu, subgroup: 8), 1, 64, implicit: true, Catalog.patchEmbed[.plain], lanes: 8, tileRows: 8,
            groups: [2, 1, 1], subgroup: 8),
        Row(
            .imagined(.gpu, subgroup: 32), 257, 768, implicit: true, Catalog.patchEmbed[.tiled], lanes: 128,
            tileRows: 64,
            groups: [12, 5, 1], subgroup: nil),
    ]

    @Test("products", arguments: table)
    func product(_ row: Row) {
        let shape = ProductShape(
            rows: row.rows, columns: row.columns, depth: 768, type: row.type, format: .plain(row.type),
            isGathered: row.implicit)
        let choice = ProductChoice(shape, for: row.device)
        #expect(choice.kernel == row.kernel)
        #expect(choice.lanes == row.lanes)
        #expect(choice.tileRows == row.tileRows)
        #expect(choice.groups == row.groups)
        #expect(choice.subgroupSize == row.subgroupSize)
    }

    /// The large tiles are for families that take them, and for results that fill the device with them.
    @Test("products in shared memory")
    func tiled() {
        var device = DeviceProfile.imagined(.gpu, subgroup: 32)
        device.sharedMemoryBytes = 32768
        func tile(_ rows: Int, _ columns: Int) -> [Int?] {
            let tile = ProductChoice(
                ProductShape(rows: rows, columns: columns, depth: 768, type: .f16, format: .plain(.f16)), for: device
            ).tiledTile
            return [tile?.rows, tile?.columns, tile?.threadQuads]
        }
        #expect(tile(1000, 4096) == [64, 64, 2])
        device.preferences.tiledRows = 128
        device.preferences.enoughWorkgroups = 256
        #expect(tile(1000, 4096) == [128, 128, 2])
        #expect(tile(1000, 2048) == [128, 64, 2])
        #expect(tile(1000, 1024) == [64, 64, 2])
        #expect(tile(60, 65536) == [64, 64, 2])
        #expect(tile(20, 4096) == [32, 64, 1])
        // The large ones take 16 and 12 KiB.
        device.sharedMemoryBytes = 16384
        #expect(tile(1000, 4096) == [128, 128, 2])
        device.sharedMemoryBytes = 16383
        #expect(tile(1000, 4096) == [128, 64, 2])
        device.largestWorkgroup = 128
        #expect(tile(1000, 4096) == [128, 64, 2])
        device.sharedMemoryBytes = 8191
        #expect(tile(1000, 1024) == [32, 64, 1])
    }

    @Test("products of packed bytes")
    func dot() {
        var device = DeviceProfile.imagined(.gpu, subgroup: 32, supports: [.subgroupArithmetic, .integerDot])
        func kernel(_ rows: Int, _ format: WeightType = .q8, isGathered: Bool = false) -> Kernel {
            let shape = ProductShape(
                rows: rows, columns: 768, depth: 768, type: .f16, format: format, isGathered: isGathered)
            return ProductChoice(shape, for: device).kernel
        }
        // They change what comes out, so nothing else prefers them.
        #expect(kernel(577) == Catalog.matmul[.tiled])
        device.preferences.dotsPackedBytes = true
        #expect(kernel(577) == Catalog.matmulDot && kernel(577, .q4) == Catalog.matmulDot)
        #expect(kernel(577, .plain(.f16)) == Catalog.matmul[.tiled])
        #expect(kernel(577, isGathered: true) == Catalog.patchEmbed[.tiled])
        #expect(kernel(4) == Catalog.matvec[.ahead])
        device.matrixUnits = MatrixUnits(
            shapes: [.f16: .init(rows: 16, columns: 16, depth: 16)], subgroupSize: 32,
            kernels: [Catalog.matmulMatrix[.plain]])
        #expect(kernel(577) == Catalog.matmulMatrix[.plain])
        device.matrixUnits = nil
        device.supports.remove(.integerDot)
        #expect(kernel(577) == Catalog.matmul[.tiled])
    }

    /// Products on matrix units by what they multiply and what the device has room for.
    @Test("products on matrix units")
    func matrix() throws {
        var device = DeviceProfile.imagined(.gpu, subgroup: 32)
        device.sharedMemoryBytes = 49152
        let shape = MatrixUnits.Shape(rows: 16, columns: 16, depth: 16)
        func choice(
            _ rows: Int, _ columns: Int, _ type: StorageType = .f16, _ format: WeightType? = nil
        )
            -> ProductChoice
        {
            ProductChoice(
                ProductShape(
                    rows: rows, columns: columns, depth: 1024, type: type, format: format ?? .plain(type)),
                for: device)
        }
        #expect(choice(577, 4096).kernel == Catalog.matmul[.tiled])
        device.matrixUnits = MatrixUnits(
            shapes: [.f16: shape], subgroupSize: 32, kernels: [Catalog.matmulMatrix[.plain]])
        // Tiles as large as leaves enough workgroups.
        for (rows, columns, tile, threads, groups) in [
            (577, 4096, [128, 128, 32, 64], 256, [32, 5, 1]), (577, 1024, [64, 64, 32, 32], 128, [16, 10, 1]),
            (197, 768, [32, 64, 32, 32], 64, [12, 7, 1]), (9, 8, [16, 64, 16, 32], 64, [1, 1, 1]),
        ] {
            let found = choice(rows, columns)
            #expect(found.kernel == Catalog.matmulMatrix[.plain])
            let cut = try #require(found.matrixTile)
            #expect([cut.rows, cut.columns, cut.subgroupRows, cut.subgroupColumns] == tile)
            #expect(found.lanes == threads && found.groups == groups && found.subgroupSize == 32)
            #expect(cut.sharedMemoryBytes <= device.sharedMemoryBytes)
        }
        device.matrixUnits?.kernels = []
        #expect(choice(577, 4096).kernel == Catalog.matmul[.tiled])
        device.matrixUnits?.kernels = [Catalog.matmulMatrix[.plain]]
        // Few rows, operands that are not alike, types without a shape, and gathered rows go other ways.
        #expect(choice(4, 4096).kernel == Catalog.matvec[.ahead])
        #expect(choice(577, 4096, .f16, .plain(.f32)).kernel == Catalog.matmul[.tiled])
        #expect(choice(577, 4096, .bf16).kernel == Catalog.matmul[.tiled])
        let patches = ProductShape(
            rows: 577, columns: 768, depth: 768, type: .f16, format: .plain(.f16), isGathered: true)
        let gathered = ProductChoice(patches, for: device)
        #expect(gathered.kernel == Catalog.patchEmbed[.tiled])
        // The largest tile takes 40 KiB and 256 threads.
        device.sharedMemoryBytes = 32768
        #expect(choice(577, 4096).matrixTile?.columns == 64)
        device.sharedMemoryBytes = 4096
        #expect(choice(577, 4096).kernel == Catalog.matmul[.tiled])
        device.sharedMemoryBytes = 65536
        for (size, rows, columns, large) in [
            (8, 8, 8, (16, 16, 512)), (16, 8, 16, (16, 32, 512)), (32, 16, 8, (32, 32, 512)),
            (64, 16, 16, (64, 64, 256)),
        ] {
            let shape = MatrixUnits.Shape(rows: rows, columns: columns, depth: 16)
            device.matrixUnits = MatrixUnits(
                shapes: [.f16: shape], subgroupSize: size, kernels: [Catalog.matmulMatrix[.plain]])
            let tile = try #require(choice(4096, 4096).matrixTile)
            #expect((tile.subgroupRows, tile.subgroupColumns, tile.lanes) == large)
        }
        device.largestWorkgroup = 128
        #expect(choice(4096, 4096).matrixTile?.columns == 64)
    }

    /// Attention on matrix units wants heads of whole matrices, and room.
    @Test(
        "attention on matrix units",
        arguments: [
            (64, 32, true), (96, 32, true), (128, 32, true), (80, 32, true), (72, 32, false), (192, 32, false),
            (64, 64, true), (64, 8, true),
        ])
    func matrixAttention(head: Int, subgroup: Int, serves: Bool) throws {
        var device = DeviceProfile.imagined(.gpu, subgroup: subgroup)
        device.supports.formUnion([.cooperativeMatrix, .subgroupVote])
        device.matrixUnits = MatrixUnits(
            shapes: [.f16: .init(rows: 16, columns: 16, depth: 16)], subgroupSize: subgroup,
            kernels: [Catalog.attentionMatrix[.plain]])
        for (type, kernel) in [
            (StorageType.f16, Catalog.attentionMatrix[.plain]), (.bf16, Catalog.attentionSplit[.plain]),
        ] {
            var graph = Graph()
            let qkv = graph.input("qkv", [2, 197, 3 * 3 * head], type)
            graph.output("y", graph.attention("attn", qkv: qkv, heads: 3, headSize: head, causal: false, to: type))
            let dispatch = try Plan(graph, for: device).steps[0].dispatch
            #expect(dispatch.kernel == (serves ? kernel : Catalog.attentionSplit[.plain]))
            #expect(dispatch.groups == [dispatch.kernel == Catalog.attentionSplit[.plain] && head > 64 ? 7 : 4, 3, 2])
        }
    }

    @Test("products on matrices of workgroups")
    func workgroupMatrix() throws {
        var device = DeviceProfile.imagined(.gpu, subgroup: 32)
        device.sharedMemoryBytes = 49152
        let shape = MatrixUnits.Shape(rows: 16, columns: 16, depth: 16)
        device.matrixUnits = MatrixUnits(
            shapes: [.f16: shape], subgroupSize: 32,
            kernels: [Catalog.matmulMatrix[.plain], Catalog.matmulWorkgroupMatrix[.plain]])
        func choice(_ rows: Int, _ columns: Int) -> ProductChoice {
            ProductChoice(
                ProductShape(rows: rows, columns: columns, depth: 1024, type: .f16, format: .plain(.f16)), for: device)
        }
        #expect(choice(577, 4096).kernel == Catalog.matmulMatrix[.plain])
        func workgroup(_ threads: Int, _ step: MatrixUnits.Shape, longest: Int = 512) -> MatrixUnits.Workgroup {
            .init(elements: .f16, threads: threads, step: step, longest: longest)
        }
        device.matrixUnits?.workgroups = [
            workgroup(128, .init(rows: 32, columns: 16, depth: 16)),
            workgroup(256, .init(rows: 32, columns: 32, depth: 16)),
        ]
        for (rows, columns, tile, threads, groups) in [
            (577, 8192, [128, 256], 256, [32, 5, 1]), (577, 4096, [128, 128], 256, [32, 5, 1]),
            (577, 1024, [64, 64], 128, [16, 10, 1]),
        ] {
            let found = choice(rows, columns)
            #expect(found.kernel == Catalog.matmulWorkgroupMatrix[.plain] && found.subgroupSize == nil)
            #expect([found.tileRows, found.workgroupMatrixTile?.columns] == tile)
            #expect(found.lanes == threads && found.groups == groups)
        }
        #expect(choice(4, 4096).kernel == Catalog.matvec[.ahead])
        // The sums of 16 rows beside what the driver keeps.
        device.matrixUnits?.reservedSharedMemory = 49152 - 16 * 128 * 4
        #expect(choice(577, 8192).workgroupMatrixTile?.columns == 128)
        device.matrixUnits?.reservedSharedMemory = 49152
        #expect(choice(577, 8192).kernel == Catalog.matmulMatrix[.plain])
        device.matrixUnits?.reservedSharedMemory = 0
        device.matrixUnits?.workgroups = [workgroup(256, .init(rows: 32, columns: 32, depth: 16), longest: 128)]
        #expect(choice(577, 8192).workgroupMatrixTile?.columns == 128)
        device.matrixUnits?.workgroups = [workgroup(256, .init(rows: 256, columns: 32, depth: 16))]
        #expect(choice(577, 8192).kernel == Catalog.matmulMatrix[.plain])
    }

    /// Heads in whole steps of the matrices, and no wider; fewer queries where workgroups would be few.
    @Test("attention on matrices of workgroups")
    func workgroupMatrixAttention() throws {
        var device = DeviceProfile.imagined(.gpu, subgroup: 32)
        device.sharedMemoryBytes = 49152
        device.supports.formUnion([.cooperativeMatrix, .workgroupMatrix, .subgroupShuffle, .subgroupVote])
        device.preferences.enoughWorkgroups = 64
        device.matrixUnits = MatrixUnits(
            shapes: [.f16: .init(rows: 16, columns: 16, depth: 16)], subgroupSize: 32,
            kernels: [
                Catalog.attentionMatrix[.plain], Catalog.attentionWorkgroupMatrix[.plain],
                Catalog.attentionWorkgroupMatrix[.cached],
            ])
        func dispatch(_ head: Int, tokens: Int = 577, heads: Int = 16, causal: Bool = false) throws -> Dispatch {
            var graph = Graph()
            let qkv = graph.input("qkv", [1, tokens, 3 * heads * head], .f16)
            graph.output(
                "y", graph.attention("attn", qkv: qkv, heads: heads, headSize: head, causal: causal, to: .f16))
            return try Plan(graph, for: device).steps[0].dispatch
        }
        func constants(_ dispatch: Dispatch) -> [String: UInt32] {
            Dictionary(uniqueKeysWithValues: zip(dispatch.kernel.constants, dispatch.constants))
        }
        // Without a workgroup that the driver names, the kernel of subgroups.
        #expect(try dispatch(64).kernel == Catalog.attentionMatrix[.plain])
        func workgroup(_ threads: Int, _ step: MatrixUnits.Shape, longest: Int = 512) -> MatrixUnits.Workgroup {
            .init(elements: .f16, threads: threads, step: step, longest: longest)
        }
        device.matrixUnits?.workgroups = [
            workgroup(128, .init(rows: 32, columns: 16, depth: 16)),
            workgroup(256, .init(rows: 32, columns: 32, depth: 16)),
        ]
        for (head, width) in [(64, 64), (96, 96), (128, 128), (80, 96), (72, 96), (8, 32)] {
            let found = try dispatch(head)
            let values = constants(found)
            #expect(found.kernel == Catalog.attentionWorkgroupMatrix[.plain] && found.groups == [5, 16, 1])
            #expect(values["LANES"] == 256 && values["QUERIES"] == 128 && values["WIDTH"] == UInt32(width), "\(head)")
            #expect(values["TOKENS"] == 577 && values["CAUSAL"] == 0 && found.subgroupSize == nil)
        }
        let few = constants(try dispatch(64, tokens: 197, heads: 12, causal: true))
        #expect(few["QUERIES"] == 32 && few["LANES"] == 128 && few["CAUSAL"] == 1 && few["TOKENS"] == 197)
        // A decoder's lengths are known when it runs.
        var graph = Graph()
        let cache = graph.state(StateSlot("cache"), [2048, 2 * 8 * 128], .f16)
        graph.output(
            "y",
            graph.cachedAttention(
                "attn", q: graph.input("q", [512, 32 * 128], .f16), cache: cache, heads: 32, kvHeads: 8, headSize: 128,
                places: graph.input("places", Place.shape(rows: 512)), pages: graph.input("pages", [1, 16]),
                sequences: .one, to: .f16))
        let cached = try Plan(graph, for: device).steps[0].dispatch
        #expect(cached.kernel == Catalog.attentionWorkgroupMatrix[.cached] && cached.groups == [4, 32, 1])
        #expect(constants(cached)["TOKENS"] == 0 && constants(cached)["CAUSAL"] == 1)
        // Sixteen rows of the result beside what the driver keeps.
        device.matrixUnits?.reservedSharedMemory = 49152 - 16 * 96 * 4
        #expect(try constants(dispatch(96))["WIDTH"] == 96)
        #expect(try dispatch(128).kernel == Catalog.attentionMatrix[.plain])
        device.matrixUnits?.reservedSharedMemory = 0
        device.matrixUnits?.workgroups = [workgroup(256, .init(rows: 32, columns: 64, depth: 16))]
        #expect(try constants(dispatch(96))["WIDTH"] == 128)
        device.matrixUnits?.workgroups = [workgroup(256, .init(rows: 32, columns: 32, depth: 16), longest: 64)]
        #expect(try dispatch(96).kernel == Catalog.attentionMatrix[.plain])
        #expect(try constants(dispatch(64))["QUERIES"] == 64)
    }

    @Test("shapes of matrix units that tiles are made of")
    func matrixShapes() {
        for (rows, columns, depth, serves) in [
            (16, 16, 16, true), (8, 8, 8, true), (16, 8, 8, true), (8, 16, 32, true), (32, 32, 32, false),
            (64, 16, 16, false), (16, 16, 4, false), (2, 16, 16, false), (16, 4, 16, false), (12, 16, 16, false),
            (0, 16, 16, false),
        ] {
            #expect(MatrixTile.serves(.init(rows: rows, columns: columns, depth: depth)) == serves)
        }
    }

    @Test(
        "attention",
        arguments: [
            (DeviceProfile.cpu8, StorageType.f16, Catalog.attention[.plain], [13, 3, 2]),
            (.imagined(.cpu, subgroup: 16), .f16, Catalog.attention[.plain], [13, 3, 2]),
            (.imagined(.cpu, subgroup: 32), .f16, Catalog.attention[.shared], [4, 3, 2]),
            (.uniform8, .f16, Catalog.attention[.wide], [13, 3, 2]),
            (.uniform8, .f32, Catalog.attention[.uniform], [13, 3, 2]),
            (
                .imagined(.cpu, subgroup: 16, supports: .uniform, readsUniformsOnce: true), .f32,
                Catalog.attention[.uniform],
                [13, 3, 2]
            ),
            (.gpu32, .f16, Catalog.attentionSplit[.plain], [4, 3, 2]),
            (
                .imagined(.gpu, subgroup: 4, supports: [.subgroupArithmetic]), .f16, Catalog.attention[.shared],
                [4, 3, 2]
            ),
        ])
    func attention(device: DeviceProfile, type: StorageType, kernel: Kernel, groups: [Int]) throws {
        var graph = Graph()
        let qkv = graph.input("qkv", [2, 197, 3 * 3 * 24], type)
        graph.output("y", graph.attention("attn", qkv: qkv, heads: 3, headSize: 20, causal: false, to: .f16))
        let dispatch = try Plan(graph, for: device).steps[0].dispatch
        #expect(dispatch.kernel == kernel)
        #expect(dispatch.groups == groups)
    }
}
