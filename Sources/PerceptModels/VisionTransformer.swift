package import PerceptGraph
package import PerceptNumbers

/// Vision tower of Perception Encoder (perception_models: core/vision_encoder/pe.py, `VisionTransformer`).
///
/// B images, N tokens (patches, and a class token where the model has one), W width.
package struct VisionTransformer: Sendable {
    package let config: VisionConfig
    /// Of activations, and of matrices outside of the blocks.
    package let storage: StorageType
    /// Of the blocks' matrices.
    package let weightType: WeightType

    /// What weight names begin with.
    package let prefix: String
    /// Most rows of a run, B · N, whose norms the products before them make: two dispatches fewer a block, for norms that
    /// fewer workgroups make (`ResidualAttentionBlock`).
    package let fusedNormRows: Int

    /// - Parameters:
    ///   - weightType: as activations, unless given.
    ///   - fusedNormRows: parked at none: on Mesa's CPU driver fusing gains nothing (22.3.6, and 26.2 in f16) or costs up to
    ///     a tenth (26.2 in f32), and no GPU has been measured (`percept-bench kernels tower:NAME:f16 fused:NAME:f16`).
    package init(
        _ config: VisionConfig, storage: StorageType, weightType: WeightType? = nil, prefix: String = "visual.",
        fusedNormRows: Int = 0
    ) {
        self.config = config
        self.storage = storage
        self.weightType = weightType ?? .plain(storage)
        self.prefix = prefix
        self.fusedNormRows = fusedNormRows
    }

    /// The residual stream [B, N, W] f32 behind the embedding and behind each block.
    package struct Features: Sendable {
        package let embedded: Tensor
        package let blocks: [Tensor]
    }

    private var heads: HeadLayout { HeadLayout(heads: config.heads, size: config.width / config.heads) }
    private var weights: Weights { Weights(prefix: prefix, storage: storage) }
    package var classRows: Int { config.hasClassToken ? 1 : 0 }

    /// Records the tower up to and with block `lastLayer`: pixels [B, 3, H, W] normalised, any size of whole patches.
    package func callAsFunction(_ pixels: Tensor, lastLayer: Int, in graph: inout Graph) -> Features {
        let patch = config.patchSize
        let width = config.width
        let (rows, columns) = (pixels.shape[2] / patch, pixels.shape[3] / patch)
        let native = config.imageSize / patch

        var positions = weights.vector("positional_embedding", [classRows + native * native, width], in: &graph)
        if (rows, columns) != (native, native) {
            positions = graph.interpolatePositions(
                "positional_embedding", positions, classRows: classRows, native: native, gridRows: rows,
                gridColumns: columns)
        }
        let embedded = graph.patchEmbed(
            "conv1", pixels, weights.matrix("conv1.weight", [width, 3, patch, patch], in: &graph), patch: patch,
            positions: positions,
            classToken: config.hasClassToken ? weights.vector("class_embedding", [width], in: &graph) : nil)
        var x = embedded  // [B, N, W]
        if config.hasPreNorm { x = graph.layerNorm("ln_pre", x, weights.scope("ln_pre"), to: .f32) }

        let table = RotaryTable(
            gridRows: rows, gridColumns: columns, headSize: heads.size, hasClassToken: config.hasClassToken)
        let rope = graph.constant(
            table.values(paddedHeadSize: heads.padded), [classRows + rows * columns, heads.padded])
        let fusesNorms = x.rows <= fusedNormRows
        let block = ResidualAttentionBlock(
            heads: heads, hidden: config.mlpHidden, hasLayerScale: config.hasLayerScale, causal: false,
            fusesNorms: fusesNorms)
        let blockWeights = (0...lastLayer).map { layer in
            Weights(prefix: prefix, storage: storage, type: weightType).scope("transformer.resblocks.\(layer)")
        }
        var stream = Stream(x: x)
        // No product comes before the first block.
        if fusesNorms { stream.normed = graph.layerNorm("ln_1", x, blockWeights[0].scope("ln_1"), to: storage) }
        var blocks: [Tensor] = []
        for layer in 0...lastLayer {
            let next = layer < lastLayer ? blockWeights[layer + 1] : nil
            stream = graph.scoped("blocks.\(layer)") {
                block(stream, blockWeights[layer], next: next, rope: rope, in: &$0)
            }
            blocks.append(stream.x)
        }
        return Features(embedded: x, blocks: blocks)
    }

    /// The final norm over all tokens; PE-Lang and PE-Spatial have none, and their stream is the result.
    package func postNorm(_ x: Tensor, to type: StorageType, in graph: inout Graph) -> Tensor {
        config.hasPostNorm ? graph.layerNorm("ln_post", x, weights.scope("ln_post"), to: type) : x
    }

    /// One vector an image: tokens of the last block [B, N, W] f32 to [B, W] f32.
    ///
    /// A model without pooling gives the mean of its patch tokens, class token excluded.
    package func pool(_ x: Tensor, in graph: inout Graph) -> Tensor {
        let tokens = x.shape[1]
        switch config.pool {
        case .attention(let heads):
            let pooling = AttentionPool(
                heads: HeadLayout(heads: heads, size: config.width / heads), weights: weights.scope("attn_pool"))
            return graph.scoped("attn_pool") {
                pooling(postNorm(x, to: config.hasPostNorm ? storage : .f32, in: &$0), in: &$0)
            }
        case .classToken:
            return graph.meanPool("pool", postNorm(x, to: .f32, in: &graph), tokens: 0..<1)
        case .average:
            return graph.meanPool("pool", postNorm(x, to: .f32, in: &graph), tokens: 0..<tokens)
        case .none:
            return graph.meanPool("pool", postNorm(x, to: .f32, in: &graph), tokens: classRows..<tokens)
        }
    }

    /// The joint space with text: pooled [B, W] f32 to [B, E] f32; the pooled vector itself without a projection.
    package func project(_ pooled: Tensor, in graph: inout Graph) -> Tensor {
        guard let outputDim = config.outputDim else { return pooled }
        let projection = weights.matrix("proj", [config.width, outputDim], transposed: true, in: &graph)
        return graph.linear("proj", pooled, projection, to: .f32)
    }
}

/// Attention pooling (perception_models: core/vision_encoder/pe.py, `AttentionPooling`): one learned query over all
/// tokens, then an MLP with a residual around itself.
struct AttentionPool {
    let heads: HeadLayout
    let weights: Weights

    /// tokens [B, N, W] to [B, W] f32.
    func callAsFunction(_ tokens: Tensor, in graph: inout Graph) -> Tensor {
        let width = heads.width
        let attention = weights.scope("attn")

        // The probe is the same for every image, so its query could be kept; it costs one matvec.
        let probe = weights.vector("probe", [1, 1, width], in: &graph)
        let queryWeight = attention.matrix(
            "in_proj_weight", [3 * width, width], rows: 0..<width, padding: heads.rows, in: &graph)
        let queryBias = attention.vector(
            "in_proj_bias", [3 * width], columns: 0..<width, padding: heads.columns, in: &graph)
        let query = graph.linear("attn.q", probe, queryWeight, Epilogue(bias: queryBias), to: .f32)
        let keyWeight = attention.matrix(
            "in_proj_weight", [3 * width, width], rows: width..<3 * width, padding: heads.rows, in: &graph)
        let keyBias = attention.vector(
            "in_proj_bias", [3 * width], columns: width..<3 * width, padding: heads.columns, in: &graph)
        let kv = graph.linear("attn.kv", tokens, keyWeight, Epilogue(bias: keyBias), to: weights.storage)
        let mixed = graph.attentionPool(
            "attn", query: query, kv: kv, heads: heads.heads, headSize: heads.size, to: .f32)  // [B, H · D]
        let out = attention.matrix("out_proj.weight", [width, width], padding: heads.columns, in: &graph)
        let outBias = attention.vector("out_proj.bias", [width], in: &graph)
        let a = graph.linear("attn.out_proj", mixed, out, Epilogue(bias: outBias), to: .f32)
        let normed = graph.layerNorm("layernorm", a, weights.scope("layernorm"), to: weights.storage)
        return graph.mlp(normed, weights.scope("mlp"), width: width, hidden: 4 * width, scale: nil, residual: a).x
    }
}
