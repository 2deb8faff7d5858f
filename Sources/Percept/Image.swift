public import Foundation
package import PerceptMedia

/// A decoded image: a still file, or a frame of a video.
///
/// It holds the decoder's own planes; colour conversion, resizing and normalisation happen on the GPU.
public struct Image: Sendable {
    package let frame: DecodedFrame

    package init(_ frame: DecodedFrame) { self.frame = frame }

    /// Decodes a file; its kind is read from its content, and an animation gives its first frame.
    ///
    /// - Throws: ``PerceptError`` naming the file and the fault.
    public init(contentsOf url: URL) throws(PerceptError) {
        frame = try PerceptError.wrap { try ImageFile.decode(url.path) }
    }

    /// Decodes a file that is in memory.
    ///
    /// - Parameters:
    ///   - data: the bytes of the file.
    ///   - name: what error messages call it.
    /// - Throws: ``PerceptError`` naming `name` and the fault.
    public init(data: [UInt8], name: String) throws(PerceptError) {
        frame = try PerceptError.wrap { try ImageFile.decode(data, name: name) }
    }

    /// Pixels of a row of the upright image: its Exif orientation is applied.
    public var width: Int { frame.uprightWidth }
    /// Rows of the upright image.
    public var height: Int { frame.uprightHeight }
}

/// What a media file holds.
public enum MediaKind: Sendable {
    /// A picture, or an animation, of which ``Image`` takes the first frame.
    case image
    /// A video for ``VideoClip``.
    case video

    /// Looks into a file; its name does not matter.
    ///
    /// - Throws: ``PerceptError`` naming the file and the fault.
    public static func of(_ url: URL) throws(PerceptError) -> MediaKind {
        try PerceptError.wrap { try MediaFile.probe(url.path) == .image ? .image : .video }
    }
}

/// A video file. It holds no frames: they are decoded when asked for.
public struct VideoClip: Sendable {
    /// Where the file is.
    public let url: URL
    /// Frames that decoding the whole file delivers.
    public let frameCount: Int
    /// Frames a second, as the file says; 0 where it does not.
    public let frameRate: Double

    /// Opens a file and counts its frames, which reads it once.
    ///
    /// - Throws: ``PerceptError`` naming the file and the fault.
    public init(contentsOf url: URL) throws(PerceptError) {
        self.url = url
        (frameCount, frameRate) = try PerceptError.wrap {
            let reader = try VideoReader(url.path)
            return (reader.frameCount, reader.frameRate)
        }
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
            let reader = try VideoReader(url.path)
            return try VideoReader.sampledIndices(frameCount: reader.frameCount, count: count).map {
                try Task.checkCancellation()
                return Image(try reader.frame(at: $0))
            }
        }
    }
}
