import PerceptGraph
import PerceptNumbers

/// A graph of ops that read any tensor made before: lives of all lengths, which models do not have.
func randomGraph(seed: UInt64, nodes: Int) -> Graph {
    var random = SplitMix64(seed: seed)
    var graph = Graph()
    let widths = [8, 24, 64, 100]
    let rows = Int.random(in: 1...40, using: &random)
    var made = widths.map { graph.input("x\($0)", [rows, $0]) }
    for node in 0..<nodes {
        let x = made[Int.random(in: 0..<made.count, using: &random)]
        switch Int.random(in: 0..<4, using: &random) {
        case 0: made.append(graph.l2Normalize("l2.\(node)", x))
        case 1: made.append(graph.softmax("softmax.\(node)", x, scale: 1))
        case 2:
            let weight = graph.weight(Weight("norm.\(x.columns)", [x.columns]))
            made.append(graph.layerNorm("norm.\(node)", x, weight: weight, bias: weight, to: .f32))
        default:
            let width = widths[Int.random(in: 0..<widths.count, using: &random)]
            let weight = graph.weight(Weight("linear.\(width).\(x.columns)", [width, x.columns]))
            let residual = made.last { $0.columns == width }
            made.append(graph.linear("linear.\(node)", x, weight, Epilogue(residual: residual), to: .f32))
        }
        if Int.random(in: 0..<10, using: &random) == 0 { graph.output("y\(node)", made[made.count - 1]) }
    }
    graph.output("last", made[made.count - 1])
    return graph
}
