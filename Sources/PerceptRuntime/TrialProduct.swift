import PerceptGraph
import PerceptShaders

/// A product of small whole numbers: every order of its sums gives the same f32, so that any difference is an error.
struct TrialProduct: Trial {
    let rows: Int
    let columns: Int
    let depth: Int
    let type: StorageType
    let format: WeightType

    let bound = 0.0

    /// Largest weight of each group: with it q8's scale is 128, hence its step one.
    private var top: Float { format == .q8 ? 127 : 7 }

    /// Each tile size, with edges on all sides, and the formats that are widened on the way.
    static func checks(of kernel: Kernel, _ type: StorageType) -> [TrialProduct] {
        [(37, 72, 200), (600, 632, 72), (1531, 1016, 40)].map {
            TrialProduct(rows: $0.0, columns: $0.1, depth: $0.2, type: type, format: .plain(type))
        } + [.q8, .q4].map { TrialProduct(rows: 37, columns: 72, depth: 200, type: type, format: $0) }
    }

    static func sample(of kernel: Kernel, _ type: StorageType, flops: Double) -> TrialProduct {
        let (columns, depth) = (768, 768)
        let rows = Int(min(max(flops / Double(2 * columns * depth), 192), 8192))
        return TrialProduct(rows: rows, columns: columns, depth: depth, type: type, format: .plain(type))
    }

    func program(on profile: DeviceProfile, _ gpu: GPU) throws -> Program {
        var graph = Graph()
        let x = graph.input("x", [rows, depth], type)
        let weight = graph.weight(Weight("trial", [columns, depth]), format)
        graph.output("y", graph.linear("trial", x, weight, to: .f32))
        let store = WeightStore(on: gpu)
        try store.load(graph, from: Weights(depth: depth, top: top))
        let program = try Program(try Plan(graph, for: profile, weightTypes: store.types), store, on: gpu)
        let memory = program.input("x")
        memory.initializeMemory(as: UInt8.self, repeating: 0)
        guard let base = memory.baseAddress else { return program }
        for row in 0..<rows {
            for k in 0..<depth { base.storeRounded(Self.input(row, k), at: row * x.paddedColumns + k, as: type) }
        }
        return program
    }

    func expected(row: Int, column: Int) -> Double {
        (0..<depth).reduce(0.0) { $0 + Double(Self.input(row, $1) * Self.weight(column, $1, top: top)) }
    }

    private static func input(_ row: Int, _ k: Int) -> Float { Float((row * 7 + k * 5 + row * k % 11) % 17 - 8) }

    /// Every group spans all sixteen levels of q4, whose step is then one.
    private static func weight(_ column: Int, _ k: Int, top: Float) -> Float {
        k % 8 < 2 ? (k % 8 == 0 ? -8 : top) : Float((column * 5 + k * 3 + column * k % 13) % 16 - 8)
    }

    private struct Weights: WeightProvider {
        let depth: Int
        let top: Float

        func copyRows(
            _ rows: Range<Int>, of weight: Weight, as type: StorageType, to destination: UnsafeMutableRawPointer,
            rowStride: Int
        ) throws -> Bool {
            for row in rows {
                for k in 0..<rowStride {
                    let value = k < depth ? TrialProduct.weight(row, k, top: top) : 0
                    destination.storeRounded(value, at: (row - rows.lowerBound) * rowStride + k, as: type)
                }
            }
            return true
        }
    }
}
