import PerceptGraph
import PerceptNumbers
import PerceptShaders

/// A product of small whole numbers: every order of its sums gives the same f32, so that any difference is an error.
struct TrialProduct: Trial {
    let rows: Int
    let columns: Int
    let depth: Int
    let type: StorageType
    let format: WeightType
    /// Products with as many matrices, one after the other, so that caches hold none of them.
    var copies = 1

    let bound = 0.0

    /// Largest weight of each group: with it q8's scale is 128, hence its step one.
    private var top: Float { format == .q8 ? 127 : 7 }

    /// Edges of the largest tiles on all sides, and the formats that are widened on the way; then tiles for few rows. The
    /// larger depth is tried in parts too.
    static func checks(of kernel: Kernel, _ type: StorageType) -> [TrialProduct] {
        let formats = [.plain(type)] + QuantizedFormat.allCases.map(WeightType.quantized)
        return formats.map {
            TrialProduct(rows: 150, columns: 168, depth: $0.isPlain ? 520 : 200, type: type, format: $0)
        } + [
            TrialProduct(rows: 37, columns: 72, depth: 40, type: type, format: .plain(type)),
            TrialProduct(rows: 20, columns: 136, depth: 520, type: type, format: .plain(type)),
        ]
    }

    static func sample(of kernel: Kernel, _ type: StorageType, flops: Double) -> TrialProduct {
        let (columns, depth) = (768, 768)
        let rows = Int(min(max(flops / Double(2 * columns * depth), 192), 8192))
        return TrialProduct(rows: rows, columns: columns, depth: depth, type: type, format: .plain(type))
    }

    var graph: Graph {
        var graph = Graph()
        let x = graph.weight(Weight("trial.x", [rows, depth]), type)
        for copy in 0..<copies {
            let weight = graph.weight(Weight("trial.\(copy)", [columns, depth]), format)
            let y = graph.linear("trial", x, weight, to: .f32)
            if copy == copies - 1 { graph.output("y", y) }
        }
        return graph
    }

    func operands(on gpu: OpenDevice) throws -> TrialOperands {
        let weights = WeightStore(on: gpu)
        try weights.load(graph, from: Numbers(depth: depth, top: top))
        return TrialOperands(weights: weights, states: StateStore(on: gpu))
    }

    func fill(_ program: Program) {}

    func expected(row: Int, column: Int) -> Double {
        (0..<depth).reduce(0.0) { $0 + Double(Self.input(row, $1) * Self.weight(column, $1, top: top)) }
    }

    private static func input(_ row: Int, _ k: Int) -> Float { Float((row * 7 + k * 5 + row * k % 11) % 17 - 8) }

    /// Every group spans all sixteen levels of q4, whose step is then one.
    private static func weight(_ column: Int, _ k: Int, top: Float) -> Float {
        k % 8 < 2 ? (k % 8 == 0 ? -8 : top) : Float((column * 5 + k * 3 + column * k % 13) % 16 - 8)
    }

    private struct Numbers: WeightProvider {
        let depth: Int
        let top: Float

        func copyRows(
            _ rows: Range<Int>, of weight: Weight, as type: StorageType, to destination: UnsafeMutableRawPointer,
            rowStride: Int
        ) throws -> Bool {
            let isInput = weight.name == "trial.x"
            for row in rows {
                for k in 0..<rowStride {
                    let value =
                        k >= depth
                        ? 0 : isInput ? TrialProduct.input(row, k) : TrialProduct.weight(row, k, top: top)
                    destination.storeRounded(value, at: (row - rows.lowerBound) * rowStride + k, as: type)
                }
            }
            return true
        }
    }
}
