package import PerceptGraph
package import PerceptNumbers

/// Text tower of PE-Core (perception_models: core/vision_encoder/pe.py, `TextTransformer`): causal, learned positions,
/// pooled at the end-of-text token.
///
/// B texts, L tokens, W width, E output dimension.
package struct TextTransformer: Sendable {
    package let config: TextConfig
    package let storage: StorageType
    /// As in `VisionTransformer`, of B · L rows.
    package let fusedNormRows: Int

    package init(_ config: TextConfig, storage: StorageType, fusedNormRows: Int = 0) {
        self.config = config
        self.storage = storage
        self.fusedNormRows = fusedNormRows
    }

    /// What was recorded on the way, all f32.
    package struct Features: Sendable {
        /// Behind token and position embedding [B, L, W].
        package let embedded: Tensor
        /// Behind each block [B, L, W].
        package let blocks: [Tensor]
        /// The end-of-text row behind the final norm [B, W].
        package let pooled: Tensor
        /// [B, E]
        package let embedding: Tensor
    }

    /// Records the tower: ids [B, L] as 32-bit words, L at most the context. Running only as far as the last
    /// end-of-text token gives the same result as running the whole context, since attention is causal.
    package func callAsFunction(_ ids: Tensor, in graph: inout Graph) -> Features {
        let weights = Weights(prefix: "", storage: storage)
        let width = config.width
        let table = weights.matrix("token_embedding.weight", [config.vocabulary, width], in: &graph)
        let positions = weights.vector("positional_embedding", [config.context, width], in: &graph)
        let embedded = graph.tokenEmbedding("token_embedding", ids: ids, table: table, positions: positions)
        let fusesNorms = embedded.rows <= fusedNormRows
        let block = ResidualAttentionBlock(
            heads: HeadLayout(heads: config.heads, size: width / config.heads), hidden: config.mlpHidden,
            hasLayerScale: false, causal: true, fusesNorms: fusesNorms)
        let blockWeights = (0..<config.layers).map { weights.scope("transformer.resblocks.\($0)") }
        var stream = Stream(x: embedded)
        if fusesNorms {
            stream.normed = graph.layerNorm("ln_1", embedded, blockWeights[0].scope("ln_1"), to: storage)
        }
        var blocks: [Tensor] = []
        for layer in 0..<config.layers {
            let next = layer + 1 < config.layers ? blockWeights[layer + 1] : nil
            stream = graph.scoped("text.\(layer)") {
                block(stream, blockWeights[layer], next: next, rope: nil, in: &$0)
            }
            blocks.append(stream.x)
        }
        // The norm works row by row, so it is enough to apply it to the row that is used.
        let end = graph.eosPool("eos", stream.x, ids: ids)  // [B, W]
        let pooled = graph.layerNorm("ln_final", end, weights.scope("ln_final"), to: .f32)
        let projection = weights.matrix("text_projection", [width, config.outputDim], transposed: true, in: &graph)
        let embedding = graph.linear("text_projection", pooled, projection, to: .f32)
        return Features(embedded: embedded, blocks: blocks, pooled: pooled, embedding: embedding)
    }
}
