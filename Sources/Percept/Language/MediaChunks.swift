import Foundation
import PerceptFrame
import PerceptGraph
import PerceptModels
import PerceptRuntime

/// How one image or video of a prompt becomes chunks of the vision tower.
struct MediaPlan: Hashable {
    let id: Int
    let kind: PLMPrompt.Kind
    /// Of an image alone in its turn.
    let grid: TileGrid?
    /// Of a video.
    let frames: [Int]

    var chunks: Int { kind == .video ? frames.count : 1 + (grid?.count ?? 0) }

    /// - Parameter isAlone: whether it is the only image of its turn; several get one plain view each.
    init(_ media: Media, isAlone: Bool, config: PLMConfig, options: GenerationOptions) throws {
        id = media.id
        switch media.content {
        case .image(let image):
            var config = config
            if let tiles = options.maxTiles {
                config.maxTiles = tiles
                if tiles == 1 { config.visionInput = .vanilla }
            }
            kind = .image
            grid = isAlone ? config.tileGrid(width: image.width, height: image.height) : nil
            frames = []
        case .video(let clip):
            kind = .video
            grid = nil
            let limit = options.maxFrames ?? config.maxFrames
            do {
                frames = try VideoFrames.indices(count: clip.frameCount, fps: clip.frameRate, limit: limit)
            } catch {
                throw PerceptError(.badData, "\(clip.name): \(error)")
            }
        }
    }

    /// Calls `body` for each chunk in order: the picture it is of, and how that is resized.
    func forEachChunk(
        of media: Media, config: PLMConfig, _ body: (_ chunk: Int, Image, ResizeTables) throws -> Void
    ) throws {
        let side = config.imageSize
        let transform = config.transform
        switch media.content {
        case .image(let image):
            let whole = transform.tables(
                width: image.width, height: image.height, resultWidth: side, resultHeight: side,
                filter: transform.filter)
            try body(0, image, whole)
            guard let grid else { return }
            let target = grid.target(tileSize: side)
            for (index, origin) in grid.origins(tileSize: side).enumerated() {
                let tile = ResizeTables(
                    width: (image.width, target.width), height: (image.height, target.height),
                    crop: (origin.x..<origin.x + side, origin.y..<origin.y + side), filter: transform.filter)
                try body(1 + index, image, tile)
            }
        case .video(let clip):
            let reader = try clip.makeReader()
            for (index, frame) in frames.enumerated() {
                let image = Image(try reader.frame(at: frame))
                let tables = transform.tables(
                    width: image.width, height: image.height, resultWidth: side, resultHeight: side,
                    filter: transform.filter)
                try body(index, image, tables)
            }
        }
    }
}
