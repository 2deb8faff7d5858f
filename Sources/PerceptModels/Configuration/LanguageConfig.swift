/// The architecture of the decoder of a Perception Language Model: a Llama (perception_models: `core/transformer.py`;
/// transformers: `models/llama`).
///
/// Pre-norm blocks with RMSNorm, grouped query attention, rotary positions and a gated feed-forward, without biases.
package struct LanguageConfig: Sendable, Hashable {
    /// Llama 3's stretching of rotary positions: pairs that turn slowly are slowed down by `factor`, fast ones are kept,
    /// those between are blended.
    package struct RopeScaling: Sendable, Hashable {
        package var factor: Double
        /// Wavelengths above `originalPositions / lowFrequency` are divided by the whole factor.
        package var lowFrequency: Double
        /// Wavelengths below `originalPositions / highFrequency` are kept.
        package var highFrequency: Double
        /// Positions of the training before the stretching.
        package var originalPositions: Int

        package init(
            factor: Double, lowFrequency: Double = 1, highFrequency: Double = 4, originalPositions: Int = 8192
        ) {
            self.factor = factor
            self.lowFrequency = lowFrequency
            self.highFrequency = highFrequency
            self.originalPositions = originalPositions
        }
    }

    /// Width of the residual stream.
    package var dim: Int
    package var layers: Int
    /// Query heads.
    package var heads: Int
    /// Key and value heads; query head j reads number j / (heads / kvHeads).
    package var kvHeads: Int
    /// Channels of a head, an even number.
    package var headSize: Int
    /// Width of the feed-forward layer.
    package var hidden: Int
    package var vocabulary: Int
    /// Whether the output matrix is the token embedding.
    package var isTied: Bool
    package var ropeTheta: Double
    /// Nil where positions are not stretched.
    package var ropeScaling: RopeScaling?
    package var normEpsilon: Double
    /// Most positions the model was trained for.
    package var maxPositions: Int

    package init(
        dim: Int, layers: Int, heads: Int, kvHeads: Int, headSize: Int, hidden: Int, vocabulary: Int, isTied: Bool,
        ropeTheta: Double, ropeScaling: RopeScaling?, normEpsilon: Double, maxPositions: Int
    ) {
        self.dim = dim
        self.layers = layers
        self.heads = heads
        self.kvHeads = kvHeads
        self.headSize = headSize
        self.hidden = hidden
        self.vocabulary = vocabulary
        self.isTied = isTied
        self.ropeTheta = ropeTheta
        self.ropeScaling = ropeScaling
        self.normEpsilon = normEpsilon
        self.maxPositions = maxPositions
    }

    /// Query heads that share one key head.
    package var groupSize: Int { heads / kvHeads }
    /// Rows of wq, columns of wo.
    package var queryWidth: Int { heads * headSize }
    /// Rows of wk and of wv.
    package var keyWidth: Int { kvHeads * headSize }

    /// Width of Llama's feed-forward layer: two thirds of 4 · `dim`, times `multiplier`, rounded up to a multiple of
    /// `multiple`; both products are truncated (perception_models: core/transformer.py, `FeedForward`).
    static func hidden(dim: Int, multiplier: Double, multiple: Int) -> Int {
        let scaled = Int(multiplier * Double(Int(Double(8 * dim) / 3)))
        return (scaled + multiple - 1) / multiple * multiple
    }
}
