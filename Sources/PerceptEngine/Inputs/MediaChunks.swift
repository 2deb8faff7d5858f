import PerceptFiles
import PerceptFrame
import PerceptGraph
import PerceptModels
import PerceptVulkan

/// The chunks of an image or a video of a prompt, with what the pixel kernels need of each. Nothing of it runs on the device's
/// thread: files are decoded on a thread of their own.
package struct MediaChunks: Sendable {
    package let count: Int
    private let plan: MediaPlan
    private let media: PromptMedia
    private let side: Int
    private let transform: ImageTransform
    private let arithmetic: ResizeArithmetic
    private let video: VideoFrameReader?

    /// - Parameter plan: how the media become chunks.
    package init(_ plan: MediaPlan, of media: PromptMedia, rules: MediaRules) throws {
        self.plan = plan
        self.media = media
        count = plan.chunks
        side = rules.config.imageSize
        transform = rules.transform(plan.kind)
        arithmetic = rules.arithmetic
        video = if case .video(let clip) = media.content { try VideoFrameReader(clip) } else { nil }
    }

    /// Calls `body` for each of some chunks in order, while the next is made.
    ///
    /// - Parameter chunks: numbers of chunks in rising order; nil for all.
    package func forEach(
        of chunks: [Int]? = nil, isolation: isolated (any Actor)? = #isolation,
        _ body: (_ chunk: Int, ImageInput) async throws -> Void
    ) async throws {
        let chunks = chunks ?? Array(0..<count)
        guard let first = chunks.first else { return }
        var next = Task { try await input(first) }
        do {
            for (index, chunk) in chunks.enumerated() {
                let input = try await next.value
                if index + 1 < chunks.count { next = Task { try await self.input(chunks[index + 1]) } }
                try await body(chunk, input)
            }
        } catch {
            // A file is being read no more once the caller is told.
            next.cancel()
            _ = await next.result
            await video?.close()
            throw error
        }
        await video?.close()
    }

    private func input(_ chunk: Int) async throws -> ImageInput {
        switch media.content {
        case .image(let image):
            guard chunk > 0, let grid = plan.grid else { return whole(image) }
            let target = grid.target(tileSize: side)
            let origin = grid.origins(tileSize: side)[chunk - 1]
            return input(
                image,
                ResizeTables(
                    width: (image.uprightWidth, target.width), height: (image.uprightHeight, target.height),
                    crop: (origin.x..<origin.x + side, origin.y..<origin.y + side), filter: transform.filter,
                    arithmetic: arithmetic))
        case .video:
            guard let video else { preconditionFailure("a video without its reader") }
            return whole(try await video.frame(at: plan.frames[chunk]))
        }
    }

    private func whole(_ image: DecodedFrame) -> ImageInput {
        input(
            image,
            transform.tables(
                width: image.uprightWidth, height: image.uprightHeight, resultWidth: side, resultHeight: side,
                filter: transform.filter, arithmetic: arithmetic))
    }

    private func input(_ image: DecodedFrame, _ tables: ResizeTables) -> ImageInput {
        ImageInput(
            image, height: side, width: side, transform: transform, tables: tables, premultipliesAlpha: false)
    }
}

/// Reads frames of a video on a thread of its own.
private actor VideoFrameReader {
    private let clip: ClipSource
    private let thread: ExecutorThread
    private var reader: (any FrameReader)?

    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    init(_ clip: ClipSource) throws {
        self.clip = clip
        thread = try ExecutorThread(name: "percept.video")
    }

    func frame(at index: Int) throws -> DecodedFrame {
        let reader = try self.reader ?? clip.makeReader()
        self.reader = reader
        return try reader.frame(at: index)
    }

    /// Closes the file, and tells what was found in it.
    func close() {
        if let reader { clip.told.add(reader.notes) }
        reader = nil
    }
}
