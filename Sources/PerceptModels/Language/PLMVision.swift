package import PerceptGraph
package import PerceptNumbers

/// From pixels of one chunk (a thumbnail, a tile, a frame) to rows of media features (perception_models:
/// apps/plm/transformer.py; core/vision_projector).
package struct PLMVision: Sendable {
    package let config: PLMConfig
    package let storage: StorageType
    package let weightType: WeightType

    /// - Parameter weightType: of the tower's blocks; as activations, unless given. The projector, a hundredth of the weights
    ///   that every media feature passes, is kept as activations are.
    package init(_ config: PLMConfig, storage: StorageType, weightType: WeightType? = nil) {
        self.config = config
        self.storage = storage
        self.weightType = weightType ?? .plain(storage)
    }

    /// Tower, projector (linear, exact GELU, linear, for every token) and pooling of the grid.
    ///
    /// - Parameters:
    ///   - pixels: [1, 3, S, S] normalised.
    ///   - media: [rows, W]; the chunk's features go to its rows from a first one on.
    /// - Returns: the first row, an input [1, 8] whose first word it is.
    @discardableResult
    package func callAsFunction(_ pixels: Tensor, into media: Tensor, in graph: inout Graph) -> Tensor {
        let tower = VisionTransformer(
            config.vision, storage: storage, weightType: weightType, prefix: "vision_model.")
        let features = tower(pixels, lastLayer: config.vision.layers - 1, in: &graph)
        let tokens = tower.postNorm(features.blocks[features.blocks.count - 1], to: .f32, in: &graph)  // [1, N, D]
        let (input, output) = (config.projector.input, config.projector.output)
        let projector = Weights(prefix: "vision_projector.projector.", storage: storage)
        let expand = projector.matrix("0.weight", [output, input], in: &graph)
        let expandBias = projector.vector("0.bias", [output], in: &graph)
        let contract = projector.matrix("2.weight", [output, output], in: &graph)
        let contractBias = projector.vector("2.bias", [output], in: &graph)
        let wide = graph.linear(
            "vision_projector.0", tokens, expand, Epilogue(bias: expandBias, gelu: true), to: storage)
        let projected = graph.linear("vision_projector.2", wide, contract, Epilogue(bias: contractBias), to: storage)
        let first = graph.input("first", [1, 8])
        graph.gridPool(
            "grid_pool", projected, skipped: tower.classRows, ratio: config.poolingRatio, first: first, into: media)
        return first
    }
}
