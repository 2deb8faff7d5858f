import PerceptGraph
import PerceptModels
import PerceptNumbers
import PerceptShaders
import TestSupport
import Testing

/// When the depth of a product is made in parts, and what a plan allots for them.
@Suite("Depth in parts, planned")
struct ProductPartsTests {
    /// A card with so many processors.
    private static func card(_ processors: Int, _ family: DeviceClass = .nvidia, matrix: Bool = false) -> DeviceProfile
    {
        var device = DeviceProfile.imagined(.gpu, subgroup: 32)
        device.sharedMemoryBytes = 49152
        device.preferences = KernelPreferences(family)
        device.preferences.enoughWorkgroups = processors
        guard matrix else { return device }
        let shape = MatrixUnits.Shape(rows: 16, columns: 16, depth: 16)
        return device.with(
            MatrixUnits(shapes: [.f16: shape], subgroupSize: 32, kernels: [Catalog.matmulMatrix[.plain]]))
    }

    private static func shape(_ rows: Int, _ columns: Int, _ depth: Int) -> ProductShape {
        ProductShape(rows: rows, columns: columns, depth: depth, type: .f16, format: .plain(.f16))
    }

    @Test("as few parts as fill the device, of depths that are long enough", arguments: [false, true])
    func rule(matrix: Bool) {
        func parts(
            _ rows: Int, _ columns: Int, _ depth: Int, _ processors: Int, _ family: DeviceClass = .nvidia
        ) -> Int {
            let device = Self.card(processors, family, matrix: matrix)
            let choice = ProductChoice(Self.shape(rows, columns, depth), for: device)
            #expect(choice.groups[2] == choice.parts)
            #expect(choice.name.hasSuffix(" parts") == (choice.parts > 1), "\(choice.name)")
            #expect(choice.kernel == (matrix ? Catalog.matmulMatrix[.plain] : Catalog.matmul[.tiled]))
            return choice.parts
        }
        // 48 tiles of 64 x 64.
        #expect(parts(197, 768, 3072, 132) == 4)
        // 24 of 128 x 64, before those.
        #expect(parts(197, 768, 3072, 90) == 4)
        #expect(parts(197, 768, 3072, 40) == 1)
        #expect(parts(197, 768, 1016, 132) == 1)
        #expect(parts(197, 768, 1024, 132) == 2)
        #expect(parts(12, 256, 4096, 132) == 8)
        #expect(parts(12, 256, 1536, 132) == 2)
        // Enough by themselves; processors that nobody has counted; a CPU.
        #expect(parts(577, 4096, 4096, 132) == 1)
        #expect(parts(12, 256, 4096, 132, .other) == 1)
        #expect(parts(12, 256, 4096, 132, .cpu) == 1)
    }

    @Test("tiles are no taller than few rows ask for", arguments: [false, true])
    func skinny(matrix: Bool) {
        for (rows, height) in [(9, 16), (16, 16), (17, 32), (31, 32), (32, 32), (33, 64), (64, 64)] {
            for columns in [64, 1024, 16384, 131_072] {
                let choice = ProductChoice(
                    Self.shape(rows, columns, 4096), for: Self.card(96, matrix: matrix))
                #expect(choice.tileRows <= height, "\(rows) x \(columns): \(choice.name)")
                #expect(choice.tileRows == height || rows > 32, "\(rows) x \(columns): \(choice.name)")
            }
            // Wide where that fills the device.
            let wide = ProductChoice(Self.shape(rows, 131_072, 4096), for: Self.card(96, matrix: matrix))
            #expect(wide.tileColumns == 128 || rows > 32, "\(wide.name)")
        }
        let narrow = ProductChoice(Self.shape(12, 512, 512), for: Self.card(96, matrix: matrix))
        #expect([narrow.tileRows, narrow.tileColumns, narrow.parts] == [16, 64, 1])
    }

    @Test("candidates in parts are tried where tiles are few, on GPUs")
    func candidates() {
        func names(_ shape: ProductShape, _ device: DeviceProfile) -> [String] {
            ProductChoice.candidates(shape, for: device).map(\.name).filter { $0.contains(" parts") }
        }
        let device = Self.card(132, matrix: true)
        let few = names(Self.shape(12, 256, 4096), device)
        for parts in [2, 4, 8] {
            #expect(few.contains("matmul_tiled 16x128, 128 lanes, \(parts) parts"))
            #expect(few.contains("matmul_matrix 16x128x32, 128 lanes of 32, \(parts) parts"))
        }
        #expect(few.count == Set(few).count)
        #expect(names(Self.shape(577, 8192, 8192), device) == [])
        #expect(!names(Self.shape(12, 256, 768), device).contains { $0.contains(" 4 parts") })
        #expect(names(Self.shape(12, 256, 500), device) == [])
        #expect(names(Self.shape(12, 256, 4096), .cpu8) == [])
    }

    @Test("what was measured serves its whole class")
    func measured() {
        var device = Self.card(132)
        let name = "matmul_tiled 64x64, 128 lanes, 8 parts"
        device.tuning.winners[Self.shape(197, 768, 768).shapeClass] = name
        for rows in [193, 197, 256] { #expect(ProductChoice(Self.shape(rows, 768, 768), for: device).name == name) }
    }

    @Test("a plan allots the parts that are made, and counters for their tiles")
    func plan() throws {
        let (rows, columns, depth) = (197, 760, 3072)
        var graph = Graph()
        let x = graph.input("x", [rows, depth], .f16)
        let y = graph.linear("first", x, graph.weight(Weight("w", [columns, depth]), .f16), to: .f16)
        graph.output("z", graph.linear("second", y, graph.weight(Weight("v", [depth, columns]), .f16), to: .f32))
        let whole = try Plan(graph, for: Self.card(1))
        #expect(whole.arrivalByteCount == 0)
        #expect(whole.steps.allSatisfy { $0.dispatch.writes.count == 1 })
        let split = try Plan(graph, for: Self.card(132))
        #expect(split.steps.map { $0.dispatch.groups[2] } == [4, 1])
        let parts = try #require(split.steps[0].dispatch.writes.last)
        #expect(split.arenaSpan(of: parts.tensor)?.count == 4 * rows * columns * 4)
        #expect(split.steps[0].dispatch.work().bytes > whole.steps[0].dispatch.work().bytes)
        // Four rows of tiles by twelve, behind four.
        #expect(split.arrivalByteCount >= 52 * 4)
        #expect(PlanChecker.findings(in: split) == [])
    }

    @Test("towers whose products are in parts", arguments: [false, true])
    func tower(fusesNorms: Bool) throws {
        let config = try #require(PublishedModel.named("PE-Core-B16-224")?.encoder)
        let device = Self.card(200)
        for graph in [
            visionGraph(config.vision, batch: 1, layers: 3, fusesNorms: fusesNorms),
            textGraph(try #require(config.text), batch: 1, fusesNorms: fusesNorms),
        ] {
            let plan = try Plan(graph, for: device)
            let parts = plan.steps.filter { $0.dispatch.kernel == Catalog.matmul[.tiled] && $0.dispatch.groups[2] > 1 }
            #expect(parts.count >= 3)
            #expect(PlanChecker.findings(in: plan) == [])
            // Nothing waits for memory that is another's.
            #expect(PlanChecker.unneededBarriers(plan) == [])
            let commands = plan.commands.map { list in list.filter { $0 != .barrier(from: .compute, to: .compute) } }
            #expect(!PlanChecker.findings(in: plan, commands: commands).isEmpty)
        }
    }
}
