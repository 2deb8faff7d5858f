/// The architecture of a Perception Encoder vision tower (perception_models: `core/vision_encoder/config.py`).
///
/// Every tower has a patch embedding without bias, learned absolute positions, two-dimensional rotary positions and
/// pre-norm blocks; what differs is here.
package struct VisionConfig: Sendable, Hashable {
    /// What becomes of the tokens after the last block.
    package enum Pool: Sendable, Hashable {
        /// One learned query attends to all tokens; then a residual MLP of ratio 4.
        case attention(heads: Int)
        case classToken
        /// The mean over all tokens, the class token included.
        case average
        /// The tokens are the output.
        case none
    }

    /// Side of the square training image in pixels; the position embedding is made for it.
    package var imageSize: Int
    /// Side of a square patch in pixels.
    package var patchSize: Int
    package var width: Int
    package var layers: Int
    package var heads: Int
    /// Width of the hidden layer of a block's MLP.
    package var mlpHidden: Int
    package var hasClassToken: Bool
    package var pool: Pool
    /// Length of the projected embedding; nil without projection.
    package var outputDim: Int?
    /// A LayerNorm before the first block.
    package var hasPreNorm: Bool
    /// A LayerNorm after the last block.
    package var hasPostNorm: Bool
    /// A learned factor per channel on both branches of every block.
    package var hasLayerScale: Bool

    package init(
        imageSize: Int, patchSize: Int, width: Int, layers: Int, heads: Int, mlpHidden: Int, hasClassToken: Bool,
        pool: Pool, outputDim: Int?, hasPreNorm: Bool, hasPostNorm: Bool, hasLayerScale: Bool
    ) {
        self.imageSize = imageSize
        self.patchSize = patchSize
        self.width = width
        self.layers = layers
        self.heads = heads
        self.mlpHidden = mlpHidden
        self.hasClassToken = hasClassToken
        self.pool = pool
        self.outputDim = outputDim
        self.hasPreNorm = hasPreNorm
        self.hasPostNorm = hasPostNorm
        self.hasLayerScale = hasLayerScale
    }

    /// Patches along one side of the training image.
    package var gridSize: Int { imageSize / patchSize }
    /// Tokens of the training image.
    package var tokenCount: Int { gridSize * gridSize + (hasClassToken ? 1 : 0) }
    package var headSize: Int { width / heads }
}

/// The architecture of the text tower of a Perception Encoder (perception_models: `core/vision_encoder/config.py`).
package struct TextConfig: Sendable, Hashable {
    /// Most tokens of a text.
    package var context: Int
    package var width: Int
    package var heads: Int
    package var layers: Int
    package var mlpHidden: Int
    package var vocabulary: Int
    package var outputDim: Int

    package init(
        context: Int, width: Int, heads: Int, layers: Int, mlpHidden: Int, vocabulary: Int, outputDim: Int
    ) {
        self.context = context
        self.width = width
        self.heads = heads
        self.layers = layers
        self.mlpHidden = mlpHidden
        self.vocabulary = vocabulary
        self.outputDim = outputDim
    }

    package var headSize: Int { width / heads }
}
