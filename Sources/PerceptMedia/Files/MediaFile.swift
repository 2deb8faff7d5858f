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
            let start = ByteReader(bytes: try readStart(path, limit: 256))
            if StillImage.Format(start) != nil { return .image }
            if let stranger = stranger(start) { throw .unsupported(stranger) }
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

    /// What a file is that stands where a picture should, and in which FFmpeg would find one or nothing.
    static func stranger(_ start: ByteReader) -> String? {
        if start.has("%PDF-", at: 0) { return "a PDF document, whose pages are no pictures" }
        if start.has("version https://git-lfs", at: 0) {
            return "a pointer of Git LFS instead of the file; `git lfs pull` fetches it"
        }
        let text = start.bytes.prefix(256).drop { $0 <= 0x20 || $0 == 0xEF || $0 == 0xBB || $0 == 0xBF }
        let word = String(decoding: text.prefix(14), as: UTF8.self).lowercased()
        if word.hasPrefix("<!doctype html") || word.hasPrefix("<html") { return "a web page instead of a picture" }
        if word.hasPrefix("<svg") || word.hasPrefix("<?xml") {
            return "a text such as SVG, which is drawn and not decoded"
        }
        return nil
    }
}

/// Frames of a file, with what is known of all of them.
package protocol ClipReader: FrameReader {
    var frameCount: Int { get }
    /// Frames per second as the file states them; 0 when it does not.
    var frameRate: Double { get }
}
