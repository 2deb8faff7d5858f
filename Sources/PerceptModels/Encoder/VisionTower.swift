package import PerceptGraph
package import PerceptNumbers

/// The vision tower of an encoder, of whatever family: what is to be known of it, and what it runs.
///
/// B images, N tokens, W width, E numbers of an embedding.
package protocol VisionTower: Sendable {
    var traits: TowerTraits { get }

    /// Records blocks up to and with `lastLayer`: pixels [B, 3, H, W] normalised, of whole patches, to the residual stream
    /// behind each block [B, N, W] f32, in the order of the patches row by row, the class token first where there is one.
    ///
    /// - Parameter storage: of matrices and activations.
    func blocks(_ pixels: Tensor, lastLayer: Int, storage: StorageType, in graph: inout Graph) -> [Tensor]

    /// Records the norm behind the last block: tokens [B, N, W] f32 to the same; as they are where there is none.
    func finalNorm(_ tokens: Tensor, storage: StorageType, in graph: inout Graph) -> Tensor

    /// Records one vector an image: tokens [B, N, W] f32 of the last block to [B, E] f32, of any length.
    func embedding(_ tokens: Tensor, storage: StorageType, in graph: inout Graph) -> Tensor
}

/// What is to be known of a vision tower.
package struct TowerTraits: Sendable, Hashable {
    /// Height and width in pixels of the images of its training.
    package let height: Int, width: Int
    /// Pixels of a square patch's side: sizes of images are multiples of it.
    package let patch: Int
    package let layers: Int
    /// Numbers of a token.
    package let tokenWidth: Int
    /// Numbers of an embedding.
    package let embeddingWidth: Int
    package let hasClassToken: Bool
    package let hasFinalNorm: Bool
    /// Whether an embedding is the mean of the patch tokens, since the tower has no pooling of its own.
    package let usesPatchMean: Bool

    package init(
        height: Int, width: Int, patch: Int, layers: Int, tokenWidth: Int, embeddingWidth: Int, hasClassToken: Bool,
        hasFinalNorm: Bool, usesPatchMean: Bool
    ) {
        (self.height, self.width, self.patch, self.layers) = (height, width, patch, layers)
        (self.tokenWidth, self.embeddingWidth) = (tokenWidth, embeddingWidth)
        (self.hasClassToken, self.hasFinalNorm, self.usesPatchMean) = (hasClassToken, hasFinalNorm, usesPatchMean)
    }
}

/// Perception Encoder's towers.
extension VisionConfig: VisionTower {
    package var traits: TowerTraits {
        TowerTraits(
            height: imageSize, width: imageSize, patch: patchSize, layers: layers, tokenWidth: width,
            embeddingWidth: outputDim ?? width, hasClassToken: hasClassToken, hasFinalNorm: hasPostNorm,
            usesPatchMean: pool == .none)
    }

    package func blocks(
        _ pixels: Tensor, lastLayer: Int, storage: StorageType, in graph: inout Graph
    ) -> [Tensor] {
        VisionTransformer(self, storage: storage)(pixels, lastLayer: lastLayer, in: &graph).blocks
    }

    package func finalNorm(_ tokens: Tensor, storage: StorageType, in graph: inout Graph) -> Tensor {
        VisionTransformer(self, storage: storage).postNorm(tokens, to: .f32, in: &graph)
    }

    package func embedding(_ tokens: Tensor, storage: StorageType, in graph: inout Graph) -> Tensor {
        let tower = VisionTransformer(self, storage: storage)
        return tower.project(tower.pool(tokens, in: &graph), in: &graph)
    }
}
