import CPerceptMedia
import PerceptFrame

/// What a still image's container says, beyond what FFmpeg's decoders report: the pixel type that decides how Pillow
/// resizes, the orientation, and whether the file is whole (FFmpeg fills missing parts with grey).
struct StillImage {
    /// What is done with the fourth channel that the decoder delivers.
    enum Alpha {
        /// Kept, for a resize with premultiplied alpha.
        case straight
        /// Divided out of the colours first.
        case premultiplied
        /// Not a part of the picture: dropped.
        case ignored
    }

    /// How the four components of a JPEG become RGB.
    enum FourComponents {
        case cmyk
        case ycck
    }

    var codec: AVCodecID
    /// The bytes to decode: the file's, or those of its first frame.
    var bytes: [UInt8]
    var width: Int
    var height: Int
    var orientation = 1
    var alpha = Alpha.ignored
    /// True for palette and one-bit pixels, which Pillow resizes with nearest.
    var isIndexed = false
    /// True for palette pixels that Pillow takes as plain grey.
    var isGray = false
    var fourComponents: FourComponents?
    /// Where the picture lies on a larger canvas (the first frame of an animation).
    var canvas: (x: Int, y: Int, width: Int, height: Int)?

    /// Recognises a format by its first bytes; nil when it is none that is walked here.
    static func parse(_ bytes: [UInt8]) throws(MediaError.Fault) -> StillImage? {
        let reader = ByteReader(bytes: bytes)
        let image: StillImage
        switch Format(reader) {
        case .jpeg: image = try parseJPEG(reader)
        case .png: image = try parsePNG(reader)
        case .gif: image = try parseGIF(reader)
        case .webp: image = try parseWebP(reader)
        case .bmp: image = try parseBMP(reader)
        case .tiff: image = try parseTIFF(reader)
        case nil: return nil
        }
        try checkSize(width: image.width, height: image.height)
        if let canvas = image.canvas { try checkSize(width: canvas.width, height: canvas.height) }
        return image
    }

    static func checkSize(width: Int, height: Int) throws(MediaError.Fault) {
        guard width > 0, height > 0 else { throw .corrupt("its size is \(width) x \(height)") }
        let (pixels, overflow) = width.multipliedReportingOverflow(by: height)
        guard !overflow, pixels <= DecodedFrame.maximumPixels else { throw .tooLarge(width: width, height: height) }
    }

    /// The formats that are walked here.
    enum Format {
        case jpeg, png, gif, webp, bmp, tiff

        init?(_ reader: ByteReader) {
            if reader.bytes.starts(with: [0xFF, 0xD8, 0xFF]) {
                self = .jpeg
            } else if reader.bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) {
                self = .png
            } else if reader.has("GIF87a", at: 0) || reader.has("GIF89a", at: 0) {
                self = .gif
            } else if reader.has("RIFF", at: 0) && reader.has("WEBP", at: 8) {
                self = .webp
            } else if reader.has("BM", at: 0) && reader.bytes.count > 18 && reader.bytes[15...17] == [0, 0, 0] {
                self = .bmp
            } else if reader.bytes.starts(with: [0x49, 0x49, 42, 0]) || reader.bytes.starts(with: [0x4D, 0x4D, 0, 42]) {
                self = .tiff
            } else {
                return nil
            }
        }
    }
}
