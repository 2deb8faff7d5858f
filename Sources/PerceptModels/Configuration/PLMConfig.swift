/// A Perception Language Model: a vision tower, a projector and a decoder, and what its inputs look like
/// (perception_models: `apps/plm/transformer.py`; transformers: `models/perception_lm`).
package struct PLMConfig: Sendable, Hashable {
    /// What becomes of one image (perception_models: `core/transforms/image_transform.py`).
    package enum VisionInput: String, Sendable, Hashable {
        /// One chunk: the image squashed to the tower's size.
        case vanilla
        /// The vanilla chunk, then the image cut into a grid of chunks.
        case thumbnailAndTiles = "thumb+tile"
    }

    /// The MLP between tower and decoder: linear, exact GELU, linear, for every token before pooling.
    package struct Projector: Sendable, Hashable {
        /// Width of the tower.
        package var input: Int
        /// Width of the hidden layer and of the result: the decoder's.
        package var output: Int
    }

    package var name: String
    package var language: LanguageConfig
    /// The tower in its Lang form: the tokens of the last block are its output.
    package var vision: VisionConfig
    /// Side of the square of projected tokens that is averaged into one.
    package var poolingRatio: Int
    package var visionInput: VisionInput
    /// Most tiles of an image, the thumbnail not counted.
    package var maxTiles: Int
    /// Most frames of a video.
    package var maxFrames: Int
    /// How pixels become the tower's input.
    package var transform: ImageTransform
    /// The special token that holds the place of image tokens, by the original's name.
    package var imageToken: String
    /// Its id. What the id embeds does not matter: image tokens replace it.
    package var imageTokenID: Int
    /// What transformers has in the place of video tokens; the original uses ``imageTokenID``.
    package var videoTokenID: Int

    package init(
        name: String, language: LanguageConfig, vision: VisionConfig, poolingRatio: Int, visionInput: VisionInput,
        maxTiles: Int, maxFrames: Int, transform: ImageTransform = .plm, imageToken: String = "<|image|>",
        imageTokenID: Int = 128002, videoTokenID: Int = 128003
    ) {
        self.name = name
        self.language = language
        self.vision = vision
        self.poolingRatio = poolingRatio
        self.visionInput = visionInput
        self.maxTiles = maxTiles
        self.maxFrames = maxFrames
        self.transform = transform
        self.imageToken = imageToken
        self.imageTokenID = imageTokenID
        self.videoTokenID = videoTokenID
    }

    /// What of the architecture another configuration of the same model says otherwise.
    func firstDifference(from other: PLMConfig) -> (field: String, own: String, other: String)? {
        let (own, others) = (language, other.language)
        let fields: [(String, String, String)] = [
            ("decoder width", "\(own.dim)", "\(others.dim)"), ("decoder layers", "\(own.layers)", "\(others.layers)"),
            ("decoder heads", "\(own.heads)", "\(others.heads)"), ("key heads", "\(own.kvHeads)", "\(others.kvHeads)"),
            ("head size", "\(own.headSize)", "\(others.headSize)"),
            ("feed-forward size", "\(own.hidden)", "\(others.hidden)"),
            ("vocabulary size", "\(own.vocabulary)", "\(others.vocabulary)"),
            ("tied output", "\(own.isTied)", "\(others.isTied)"),
            ("rope_theta", "\(own.ropeTheta)", "\(others.ropeTheta)"),
            ("rope scale factor", "\(own.ropeScaling?.factor ?? 1)", "\(others.ropeScaling?.factor ?? 1)"),
            ("norm epsilon", "\(own.normEpsilon)", "\(others.normEpsilon)"),
            ("heads of the tower", "\(vision.heads)", "\(other.vision.heads)"),
            ("pooling ratio", "\(poolingRatio)", "\(other.poolingRatio)"),
        ]
        return fields.first { $0.1 != $0.2 }
            ?? vision.contradictions(other.vision).first.map { ($0.field, $0.stated, $0.found) }
    }

    /// Side of a chunk in pixels: of the thumbnail, a tile, a frame.
    package var imageSize: Int { vision.imageSize }
    package var projector: Projector { Projector(input: vision.width, output: language.dim) }
    /// Tokens along one side of a chunk, after pooling.
    package var pooledGridSize: Int { vision.gridSize / poolingRatio }
    /// Positions that a chunk takes in the decoder.
    package var tokensPerChunk: Int { pooledGridSize * pooledGridSize }
    /// Number of learned values.
    package var parameterCount: Int { weights.reduce(0) { $0 + $1.count } }
}

extension ImageTransform {
    /// The transform of images for a Perception Language Model (perception_models: core/transforms/image_transform.py):
    /// as that of the encoders, but bicubic.
    package static let plm = ImageTransform(
        filter: .bicubic, fit: .squash, mean: [0.5, 0.5, 0.5], deviation: [0.5, 0.5, 0.5])
}
