public import Foundation
package import PerceptEngine
package import PerceptFrame

/// A decoded image: a still file, a frame of a video, or pixels in memory.
///
/// It holds the decoder's own planes; colour conversion, resizing and normalisation happen on the GPU.
public struct Image: Sendable {
    package let frame: DecodedFrame

    package init(_ frame: DecodedFrame) { self.frame = frame }

    /// Takes pixels as they are, without a file.
    ///
    /// - Parameters:
    ///   - rgb: red, green and blue of each pixel, row by row from the top: `3 * width * height` bytes.
    ///   - width: pixels of a row.
    ///   - height: rows.
    /// - Throws: ``PerceptError`` with ``PerceptError/Code/usage`` where the count does not fit, or no picture is that large.
    public init(rgb: [UInt8], width: Int, height: Int) throws(PerceptError) {
        let (pixels, overflow) = width.multipliedReportingOverflow(by: height)
        guard width > 0, height > 0, !overflow, pixels <= DecodedFrame.maximumPixels, rgb.count == 3 * pixels else {
            throw PerceptError(.usage, "\(rgb.count) bytes are not an RGB picture of \(width) x \(height) pixels")
        }
        frame = DecodedFrame(
            PixelBytes(rgb, rowBytes: 3 * width), width: width, height: height, layout: .rgb8, colorMatrix: .identity,
            fullRange: true, chromaSiting: .center, resampling: .color, orientation: 1)
    }

    /// Pixels of a row of the upright image: its Exif orientation is applied.
    public var width: Int { frame.uprightWidth }
    /// Rows of the upright image.
    public var height: Int { frame.uprightHeight }

    /// What was passed over to read the image and does not keep it from being used: that bytes were skipped, say, or that
    /// it is the first frame of an animation. A sentence each, without its end; empty for most images.
    public var notes: [String] { frame.notes }
}

/// A video file. It holds no frames: they are decoded when asked for.
public struct VideoClip: Sendable {
    /// Where the file is.
    public let url: URL
    package let source: ClipSource

    /// Has each note that comes from here on told at once.
    package func tellNotes(_ listener: @escaping @Sendable (String) -> Void) { source.told.tell(listener) }

    /// Frames that decoding the whole file delivers.
    public var frameCount: Int { source.frameCount }
    /// Frames a second, as the file says; 0 where it does not.
    public var frameRate: Double { source.frameRate }
    /// What was passed over to read the file and does not keep it from being used: that a recording was not finished, say.
    /// A sentence each, without its end; empty for most files. Damage may show only when frames are decoded, which adds to
    /// them.
    public var notes: [String] { source.told.all }

    package init(
        url: URL, name: String? = nil, frameCount: Int, frameRate: Double, notes: [String] = [],
        makeReader: @escaping @Sendable () throws -> any FrameReader
    ) {
        self.url = url
        source = ClipSource(
            name: name ?? url.path, frameCount: frameCount, frameRate: frameRate, notes: notes, makeReader: makeReader)
    }

    /// Evenly spaced frames, as the reference samples them: of T frames those at int(i (T - 1) / (count - 1)), the middle
    /// one if `count` is 1 (perception_models: apps/pe). A short video gives some of its frames more than once.
    ///
    /// - Parameter count: how many, at least 1.
    /// - Throws: ``PerceptError`` naming the file and the fault; with ``PerceptError/Code/usage`` for a count below 1, with
    ///   ``PerceptError/Code/cancelled`` when the task is cancelled meanwhile.
    public func frames(_ count: Int = 8) throws(PerceptError) -> [Image] {
        guard count > 0 else { throw PerceptError(.usage, "\(count) frames of a video cannot be taken") }
        return try PerceptError.wrap {
            let reader = try source.makeReader()
            defer { source.told.add(reader.notes) }
            return try SampledFrames.indices(frameCount: frameCount, count: count).map {
                try Task.checkCancellation()
                return Image(try reader.frame(at: $0))
            }
        }
    }
}
