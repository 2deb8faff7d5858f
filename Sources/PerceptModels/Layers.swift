import PerceptGraph
import PerceptNumbers

/// Names and shapes of a model's weights under one prefix, in the types asked for.
///
/// Matrices are kept in `type`; vectors (biases, norms, LayerScale) are small and stay f32.
struct Weights {
    let prefix: String
    /// Of activations.
    let storage: StorageType
    let type: WeightType

    /// - Parameter type: as activations, unless given.
    init(prefix: String, storage: StorageType, type: WeightType? = nil) {
        self.prefix = prefix
        self.storage = storage
        self.type = type ?? .plain(storage)
    }

    func scope(_ name: String) -> Weights { Weights(prefix: "\(prefix)\(name).", storage: storage, type: type) }

    func matrix(
        _ name: String, _ shape: [Int], transposed: Bool = false, rows: Range<Int>? = nil,
        padding: Weight.Padding = .none, in graph: inout Graph
    ) -> Tensor {
        graph.weight(
            Weight(prefix + name, shape, transposed: transposed, rows: rows, padding: padding), type)
    }

    /// A row of f32 values, or a table of them.
    func vector(
        _ name: String, _ shape: [Int], columns: Range<Int>? = nil, padding: Weight.Padding = .none,
        in graph: inout Graph
    ) -> Tensor {
        graph.weight(Weight(prefix + name, shape, columns: columns, padding: padding), .f32)
    }

    /// A layer norm of rows of `width`, as a product takes it that applies it to its result.
    func norm(_ name: String, width: Int, in graph: inout Graph) -> Norm {
        let bias = Weight("\(prefix)\(name).bias", [width])
        let weights = Weight("\(prefix)\(name).weight", [width], joined: .stacked([bias]))
        return Norm(.layer, weights: graph.weight(weights), epsilon: 1e-5)
    }
}

extension WeightType {
    /// What a decoder keeps its token table, its output, and queries, keys and values of the first half of its layers in,
    /// beside other matrices of this type: four bits become eight. Errors of the first two meet every token; those of the
    /// others change what is attended to and, keys and values being few, are many for their share of the weights.
    var ofSensitiveMatrices: WeightType { self == .q4 ? .q8 : self }
}

/// Head sizes as stored: whole octets. The padding is zero in the weights, hence in q, k and v.
struct HeadLayout {
    let heads: Int
    let size: Int
    var padded: Int { size.roundedUp(to: 8) }
    var width: Int { heads * size }
    var paddedWidth: Int { heads * padded }
    var rows: Weight.Padding { padded == size ? .none : .rows(group: size, padded: padded) }
    var columns: Weight.Padding { padded == size ? .none : .columns(group: size, padded: padded) }
}

/// A residual stream.
struct Stream {
    /// Rows f32.
    let x: Tensor
    /// Its rows as the next product takes them, where the product that made the stream made them too.
    var normed: Tensor?
}

extension Graph {
    mutating func layerNorm(
        _ label: String, _ x: Tensor, _ weights: Weights, to type: StorageType
    ) -> Tensor {
        let weight = weights.vector("weight", [x.columns], in: &self)
        let bias = weights.vector("bias", [x.columns], in: &self)
        return layerNorm(label, x, weight: weight, bias: bias, to: type)
    }

    /// c_fc, exact GELU, c_proj: x [..., W] through [..., hidden], plus `residual`.
    ///
    /// - Parameter next: the norm that follows, to be applied by the last product.
    mutating func mlp(
        _ x: Tensor, _ weights: Weights, width: Int, hidden: Int, scale: Tensor?, residual: Tensor, next: Norm? = nil
    ) -> Stream {
        let expand = weights.matrix("c_fc.weight", [hidden, width], in: &self)
        let expandBias = weights.vector("c_fc.bias", [hidden], in: &self)
        let wide = linear(
            "mlp.c_fc", x, expand, Epilogue(bias: expandBias, gelu: true), to: weights.storage)
        let contract = weights.matrix("c_proj.weight", [width, hidden], in: &self)
        let contractBias = weights.vector("c_proj.bias", [width], in: &self)
        return add(
            "mlp.c_proj", wide, contract, Epilogue(bias: contractBias, scale: scale, residual: residual), next: next,
            to: weights.storage)
    }

    /// A product that adds to the residual stream [..., W].
    ///
    /// - Parameters:
    ///   - next: the norm that follows, if the product is to apply it, to rows in `type`.
    mutating func add(
        _ label: String, _ x: Tensor, _ weight: Tensor, _ epilogue: Epilogue, next: Norm?, to type: StorageType
    ) -> Stream {
        guard let next else { return Stream(x: linear(label, x, weight, epilogue, to: .f32)) }
        var epilogue = epilogue
        let normed = result(x.shape.dropLast() + [next.width], type)
        epilogue.norm = (next, normed)
        return Stream(x: linear(label, x, weight, epilogue, to: .f32), normed: normed)
    }
}

/// One pre-norm block: `h = x + γ₁ · attn(ln₁ x)`, then `h + γ₂ · mlp(ln₂ h)`
/// (perception_models: core/vision_encoder/pe.py, `ResidualAttentionBlock`).
///
/// Seven dispatches: bias, GELU, γ and the residual ride in the epilogues, the rotation in that of the packed product. Five
/// where norms do too.
struct ResidualAttentionBlock {
    let heads: HeadLayout
    let hidden: Int
    let hasLayerScale: Bool
    let causal: Bool
    /// Whether the products that add to the stream normalise it for those that follow. The last workgroup of a tile's rows
    /// does: that spares a dispatch and its wait, and leaves the norm to fewer workgroups.
    let fusesNorms: Bool

    /// The stream [B, N, W] to the same.
    ///
    /// - Parameter next: the block that follows.
    func callAsFunction(
        _ stream: Stream, _ weights: Weights, next: Weights?, rope: Tensor?, in graph: inout Graph
    ) -> Stream {
        let width = heads.width
        let type = weights.storage
        let attention = weights.scope("attn")
        let attentionScale = hasLayerScale ? weights.vector("ls_1.gamma", [width], in: &graph) : nil
        let mlpScale = hasLayerScale ? weights.vector("ls_2.gamma", [width], in: &graph) : nil

        let normed = stream.normed ?? graph.layerNorm("ln_1", stream.x, weights.scope("ln_1"), to: type)  // [B, N, W]
        let packed = attention.matrix("in_proj_weight", [3 * width, width], padding: heads.rows, in: &graph)
        let packedBias = attention.vector("in_proj_bias", [3 * width], padding: heads.columns, in: &graph)
        let rotary = rope.map { Rotary(table: $0, columns: 2 * heads.paddedWidth) }
        let qkv = graph.linear("attn.in_proj", normed, packed, Epilogue(bias: packedBias, rotary: rotary), to: type)
        let mixed = graph.attention(
            "attn", qkv: qkv, heads: heads.heads, headSize: heads.size, causal: causal, to: type)  // [B, N, H · D]
        let out = attention.matrix("out_proj.weight", [width, width], padding: heads.columns, in: &graph)
        let outBias = attention.vector("out_proj.bias", [width], in: &graph)
        let h = graph.add(
            "attn.out_proj", mixed, out, Epilogue(bias: outBias, scale: attentionScale, residual: stream.x),
            next: fusesNorms ? weights.norm("ln_2", width: width, in: &graph) : nil, to: type)
        let wide = h.normed ?? graph.layerNorm("ln_2", h.x, weights.scope("ln_2"), to: type)
        return graph.mlp(
            wide, weights.scope("mlp"), width: width, hidden: hidden, scale: mlpScale, residual: h.x,
            next: fusesNorms ? next?.norm("ln_1", width: width, in: &graph) : nil)
    }
}
