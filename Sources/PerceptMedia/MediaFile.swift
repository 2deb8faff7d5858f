import CPerceptMedia
package import PerceptFrame

/// What kind of media a file holds.
package enum MediaFile: Sendable {
    /// For `ImageFile`. Animations count as images, and can be opened as videos as well (`isAnimation`).
    case image
    /// For `VideoReader`.
    case video

    /// Looks at the content, not at the name.
    ///
    /// - Throws: the fault when the file cannot be read or holds nothing visual.
    package static func probe(_ path: String) throws(MediaError) -> MediaFile {
        do throws(MediaError.Fault) {
            let start = ByteReader(bytes: try readStart(path, limit: 64))
            if StillImage.Format(start) != nil { return .image }
            if start.has("ftyp", at: 4) {
                let imageBrands: [StaticString] = ["avif", "avis", "heic", "heix", "heim", "heis", "mif1", "msf1"]
                return imageBrands.contains { start.has($0, at: 8) } ? .image : .video
            }
            let format = try Container(ByteSource(path: path)).formatName
            return format.hasSuffix("_pipe") || format.hasPrefix("image2") ? .image : .video
        } catch {
            throw MediaError(file: path, fault: error)
        }
    }

    /// Whether an image has several frames for `frames(of:)`: an animated GIF, PNG, WebP or AVIF.
    package static func isAnimation(_ path: String) throws(MediaError) -> Bool {
        do throws(MediaError.Fault) {
            let start = ByteReader(bytes: try readStart(path, limit: 64))
            switch StillImage.Format(start) {
            case .webp: return start.has("VP8X", at: 12) && start.bytes.count > 20 && start.bytes[20] & 2 != 0
            case .gif, .png: break
            case nil where start.has("ftypavis", at: 4): break
            default: return false
            }
            return try hasSecondPacket(Container(ByteSource(path: path)))
        } catch {
            throw MediaError(file: path, fault: error)
        }
    }

    private static func hasSecondPacket(_ container: Container) throws(MediaError.Fault) -> Bool {
        for _ in 0..<2 where try container.nextUsablePacket() == nil { return false }
        return true
    }

    /// Opens a video, or an animation, as frames.
    package static func frames(of path: String) throws(MediaError) -> any ClipReader {
        if let animation = try AnimatedWebP(path) { return animation }
        return try VideoReader(path)
    }
}

/// Frames of a file, with what is known of all of them.
package protocol ClipReader: FrameReader {
    var frameCount: Int { get }
    /// Frames per second as the file states them; 0 when it does not.
    var frameRate: Double { get }
    /// What does not stop the file from being used; more may come of frames that are asked for.
    var notes: [String] { get }

    func frame(at index: Int) throws(MediaError) -> DecodedFrame
}
