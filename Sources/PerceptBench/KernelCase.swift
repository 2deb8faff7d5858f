import PerceptGraph
import PerceptModels
import PerceptNumbers
import PerceptRuntime

/// One thing to measure, as it is written on the command line: `KIND:SHAPE:TYPE`.
struct KernelCase {
    enum Kind: String {
        /// Rows x columns x depth, by the kernel that models use.
        case product
        /// The same with bias and GELU, stored in the type: the first half of an MLP.
        case gelu
        /// The same as `product`, and its rows normalised beside it.
        case normed
        /// The same of one row, a decoder's output, and the token drawn from it, by greed.
        case draw
        /// The same as `draw` in two dispatches.
        case sample
        /// The same as `product` by the baseline kernel.
        case naive
        /// Heads x tokens x head size.
        case attention
        /// Rows x columns.
        case norm
        /// A vision tower by name, embedding included.
        case tower
        /// The same with norms in the products before them.
        case fused

        var isTower: Bool { self == .tower || self == .fused }
    }
    let text: String
    let kind: Kind
    let shape: [Int]
    let model: EncoderConfig?
    /// Of activations: f16 beside quantised weights.
    let storage: StorageType
    let weightType: WeightType

    init?(_ text: String) {
        let parts = text.split(separator: ":").map(String.init)
        guard parts.count == 3, let kind = Kind(rawValue: parts[0]),
            let weightType = WeightType.allCases.first(where: { $0.description == parts[2] })
        else { return nil }
        self.text = text
        self.kind = kind
        self.weightType = weightType
        storage = if case .plain(let type) = weightType { type } else { .f16 }
        if kind.isTower {
            guard let model = PublishedModel.named(parts[1])?.encoder else { return nil }
            self.model = model
            shape = []
        } else {
            let numbers = parts[1].split(separator: "x").map { Int($0) ?? 0 }
            guard numbers.count == (kind == .norm ? 2 : 3), numbers.allSatisfy({ $0 > 0 }),
                numbers[0] == 1 || kind != .draw && kind != .sample
            else { return nil }
            model = nil
            shape = numbers
        }
    }

    /// The graph: its input is called `x`, its output `y`.
    func graph() -> Graph {
        var graph = Graph()
        let y: Tensor
        switch kind {
        case .product:
            let x = graph.input("x", [shape[0], shape[2]], storage)
            y = graph.linear("product", x, graph.weight(weight, weightType), to: .f32)
        case .gelu:
            let x = graph.input("x", [shape[0], shape[2]], storage)
            let epilogue = Epilogue(bias: graph.weight(Weight("bias", [shape[1]])), gelu: true)
            y = graph.linear("gelu", x, graph.weight(weight, weightType), epilogue, to: storage)
        case .normed:
            let x = graph.input("x", [shape[0], shape[2]], storage)
            let norm = Norm(.rms, weights: graph.weight(Weight("norm.weight", [shape[1]])), epsilon: 1e-5)
            let epilogue = Epilogue(norm: (norm, graph.result([shape[0], shape[1]], storage)))
            y = graph.linear("normed", x, graph.weight(weight, weightType), epilogue, to: .f32)
        case .draw, .sample:
            let x = graph.input("x", [shape[0], shape[2]], storage)
            let output = graph.weight(weight, weightType)
            let settings = graph.constant([Float](repeating: 0, count: 8), [1, 8])
            // Whose sequence has a position.
            let place = Place(position: 0, row: nil, keys: 1).words.map(Float.init(bitPattern:))
            let places = graph.constant(place, Place.shape(rows: 1))
            let (tokens, drawn) = (graph.state(StateSlot("tokens"), [1, 8]), graph.state(StateSlot("drawn"), [1, 8]))
            let drawing = Graph.Drawing(settings: settings, places: places, tokens: tokens, drawn: drawn)
            if kind == .draw {
                y = graph.draw("draw", x, output, drawing)
            } else {
                y = graph.linear("product", x, output, to: .f32)
                graph.sample("sample", logits: y, drawing)
            }
        case .naive:
            let x = graph.input("x", [shape[0], shape[2]], storage)
            y = graph.naiveLinear("naive", x, graph.weight(weight, storage))
        case .attention:
            let qkv = graph.input("x", [1, shape[1], 3 * shape[0] * shape[2]], storage)
            y = graph.attention("attention", qkv: qkv, heads: shape[0], headSize: shape[2], causal: false, to: .f32)
        case .norm:
            let x = graph.input("x", shape)
            let weight = graph.weight(Weight("ln_1.weight", [shape[1]]))
            let bias = graph.weight(Weight("ln_1.bias", [shape[1]]))
            y = graph.layerNorm("norm", x, weight: weight, bias: bias, to: .f32)
        case .tower, .fused:
            guard let config = model?.vision else { preconditionFailure("a tower without a model") }
            let tower = VisionTransformer(
                config, storage: storage, weightType: weightType, fusedNormRows: kind == .fused ? .max : 0)
            let x = graph.input("x", [1, 3, config.imageSize, config.imageSize])
            let features = tower(x, lastLayer: config.layers - 1, in: &graph)
            y = tower.project(tower.pool(features.blocks[config.layers - 1], in: &graph), in: &graph)
        }
        graph.output("y", y)
        return graph
    }

    /// The right-hand matrix of a product.
    var weight: Weight { Weight("weight", [shape[1], shape[2]]) }
}
