import PerceptGraph
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
        let kernel: Kernel
        let lanes: Int
        let tileRows: Int
        let groups: [Int]
        let subgroupSize: Int?

        init(
            _ device: DeviceProfile, _ rows: Int, _ columns: Int, implicit: Bool = false, _ kernel: Kernel, lanes: Int,
            tileRows: Int, groups: [Int], subgroup: Int?
        ) {
            self.device = device
            self.rows = rows
            self.columns = columns
            self.implicit = implicit
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
            .imagined(.cpu, subgroup: 8), 577, 3072, Catalog.matmul, lanes: 8, tileRows: 40, groups: [96, 15, 1],
            subgroup: 8),
        Row(
            .imagined(.cpu, subgroup: 4), 577, 3072, Catalog.matmul, lanes: 4, tileRows: 40, groups: [192, 15, 1],
            subgroup: 4),
        Row(
            .imagined(.cpu, subgroup: 16), 577, 40, Catalog.matmul, lanes: 16, tileRows: 48, groups: [1, 13, 1],
            subgroup: 16),
        Row(
            .imagined(.cpu, subgroup: 8), 5, 40, Catalog.matmul, lanes: 8, tileRows: 8, groups: [2, 1, 1], subgroup: 8),
        // With 64-bit integers they load through those.
        Row(
            .imagined(.cpu, subgroup: 8, supports: [.subgroupShuffle, .subgroupArithmetic, .int64]), 197, 768,
            Catalog.matmulWide, lanes: 8, tileRows: 40, groups: [24, 5, 1], subgroup: 8),
        Row(
            .imagined(.cpu, subgroup: 8, supports: [.subgroupArithmetic, .int64]), 1, 768, Catalog.matvecWide,
            lanes: 64,
            tileRows: 1, groups: [24, 1, 1], subgroup: 8),
        Row(
            .imagined(.gpu, subgroup: 32, supports: [.subgroupShuffle, .subgroupArithmetic, .int64]), 1, 768,
            Catalog.matvec, lanes: 64, tileRows: 1, groups: [96, 1, 1], subgroup: 32),
        // A wider subgroup, or none that shuffles, shares tiles.
        Row(
            .imagined(.cpu, subgroup: 32), 577, 3072, Catalog.matmulTiled, lanes: 256, tileRows: 64,
            groups: [48, 10, 1], subgroup: nil),
        Row(
            .imagined(.cpu, subgroup: 8, supports: [.subgroupArithmetic]), 577, 64, Catalog.matmulTiled, lanes: 256,
            tileRows: 64, groups: [1, 10, 1], subgroup: nil),
        Row(
            .imagined(.gpu, subgroup: 32), 577, 3072, Catalog.matmulTiled, lanes: 256, tileRows: 64,
            groups: [48, 10, 1], subgroup: nil),
        Row(
            .imagined(.gpu, subgroup: 64), 20, 100, Catalog.matmulTiled, lanes: 256, tileRows: 32, groups: [2, 1, 1],
            subgroup: nil),
        // Few rows read the weights once, lanes sharing the depth, where subgroups can add.
        Row(
            .imagined(.cpu, subgroup: 8), 1, 768, Catalog.matvec, lanes: 64, tileRows: 1, groups: [24, 1, 1],
            subgroup: 8),
        Row(
            .imagined(.gpu, subgroup: 64), 4, 768, Catalog.matvec, lanes: 64, tileRows: 4, groups: [192, 1, 1],
            subgroup: 64),
        Row(
            .imagined(.gpu, subgroup: 32, supports: []), 1, 768, Catalog.matmulTiled, lanes: 256, tileRows: 16,
            groups: [12, 1, 1], subgroup: nil),
        // Patches are gathered, never a matvec.
        Row(
            .imagined(.cpu, subgroup: 8), 1, 64, implicit: true, Catalog.patchEmbed, lanes: 8, tileRows: 8,
            groups: [2, 1, 1], subgroup: 8),
        Row(
            .imagined(.gpu, subgroup: 32), 257, 768, implicit: true, Catalog.patchEmbedTiled, lanes: 256, tileRows: 64,
            groups: [12, 5, 1], subgroup: nil),
    ]

    @Test("products", arguments: table)
    func product(_ row: Row) {
        let choice = ProductChoice(rows: row.rows, columns: row.columns, device: row.device, implicit: row.implicit)
        #expect(choice.kernel == row.kernel)
        #expect(choice.lanes == row.lanes)
        #expect(choice.tileRows == row.tileRows)
        #expect(choice.groups == row.groups)
        #expect(choice.subgroupSize == row.subgroupSize)
    }

    @Test(
        "attention",
        arguments: [
            (DeviceProfile.cpu8, Catalog.attention, [13, 3, 2]),
            (.imagined(.cpu, subgroup: 16), Catalog.attention, [13, 3, 2]),
            (.imagined(.cpu, subgroup: 32), Catalog.attentionShared, [4, 3, 2]),
            (.gpu32, Catalog.attentionShared, [4, 3, 2]),
            (.imagined(.gpu, subgroup: 4, supports: [.subgroupArithmetic]), Catalog.attentionShared, [4, 3, 2]),
        ])
    func attention(device: DeviceProfile, kernel: Kernel, groups: [Int]) throws {
        var graph = Graph()
        let qkv = graph.input("qkv", [2, 197, 3 * 3 * 24], .f16)
        graph.output("y", graph.attention("attn", qkv: qkv, heads: 3, headSize: 20, causal: false, to: .f16))
        let dispatch = try Plan(graph, for: device).steps[0].dispatch
        #expect(dispatch.kernel == kernel)
        #expect(dispatch.groups == groups)
    }
}
