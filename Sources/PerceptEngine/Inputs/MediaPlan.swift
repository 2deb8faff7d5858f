import PerceptFiles
import PerceptFrame
package import PerceptGraph
package import PerceptModels

/// Whose rules make chunks of pictures and videos.
package struct MediaRules: Sendable {
    package let config: PLMConfig
    /// That of transformers' processors; nil for the original release.
    package let processing: PLMProcessing?

    package init(config: PLMConfig, processing: PLMProcessing?) {
        self.config = config
        self.processing = processing
    }

    func transform(_ kind: PLMPrompt.Kind) -> ImageTransform {
        guard let processing else { return config.transform }
        return kind == .video ? processing.frames : processing.pictures
    }

    /// The reference resizes pictures with Pillow and frames with PyTorch in floating point.
    package func rounding(_ kind: PLMPrompt.Kind) -> ResizeRounding {
        processing == nil && kind == .video ? .once : .eachPass
    }

    var arithmetic: ResizeArithmetic { processing == nil ? .pillow : .pytorch }
}

/// How one image or video of a prompt becomes chunks of the vision tower.
package struct MediaPlan: Hashable, Sendable {
    let id: MediaIdentity
    package let kind: PLMPrompt.Kind
    /// For an image that is cut into tiles.
    let grid: TileGrid?
    /// Of a video.
    package let frames: [Int]

    package var chunks: Int { kind == .video ? frames.count : 1 + (grid?.count ?? 0) }

    /// - Parameter isAlone: whether it is the only image of its turn; several get one plain view each in the original
    ///   release, unless a number of tiles is asked for.
    package init(_ media: PromptMedia, isAlone: Bool, rules: MediaRules, limits: MediaLimits) throws {
        id = media.identity
        var config = rules.config
        switch media.content {
        case .image(let image):
            if let tiles = limits.tiles {
                // What is asked for outweighs what the checkpoint says, in both directions.
                config.maxTiles = tiles
                config.visionInput = tiles == 1 ? .vanilla : .thumbnailAndTiles
            }
            kind = .image
            let isTiled = isAlone || limits.tiles != nil || rules.processing != nil
            grid = isTiled ? config.tileGrid(width: image.uprightWidth, height: image.uprightHeight) : nil
            frames = []
        case .video(let clip):
            kind = .video
            grid = nil
            do {
                frames =
                    if let processing = rules.processing {
                        try processing.frameIndices(
                            count: clip.frameCount, fps: clip.frameRate, limit: limits.frames)
                    } else {
                        try VideoFrames.indices(
                            count: clip.frameCount, fps: clip.frameRate, limit: limits.frames ?? config.maxFrames)
                    }
            } catch {
                throw Refusal(.badData, "\(clip.name): \(error)")
            }
        }
    }
}
