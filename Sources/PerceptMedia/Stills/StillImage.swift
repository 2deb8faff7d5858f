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

    /// What the components of a JPEG are where they are neither grey nor Y'CbCr.
    enum Components {
        case rgb
        case cmyk
        case ycck
        /// Four inks, not inverted, that a decoder takes for RGB and alpha.
        case inks
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
    var components: Components?
    /// Where the picture lies on a larger canvas (the first frame of an animation).
    var canvas: (x: Int, y: Int, width: Int, height: Int)?
    /// What does not keep the picture from being used, a sentence each without its end.
    var notes: [String] = []
    /// Where the picture is decoded in parts, instead of from `bytes`.
    var tiles: Tiles?
    /// What decoding takes at its worst, with what comes of it.
    var bytesPerPixel = 8
    var isLossless = false

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
        case .pnm: image = try parsePNM(reader)
        case .qoi: image = try parseQOI(reader)
        case .jpeg2000: image = try parseJPEG2000(reader)
        case .jpegXL: image = try parseJPEGXL(reader)
        case nil: return nil
        }
        try checkSize(width: image.width, height: image.height)
        try checkPlausibility(
            width: image.width, height: image.height, bytesPerPixel: image.bytesPerPixel, of: bytes.count)
        if let canvas = image.canvas { try checkSize(width: canvas.width, height: canvas.height) }
        return image
    }

    /// FFmpeg takes fewer pixels than a frame may have: it wants room beside them, in rows of 8 bytes a pixel that are
    /// counted by 31 bits.
    static func checkSize(width: Int, height: Int) throws(MediaError.Fault) {
        guard width > 0, height > 0 else { throw .corrupt("its size is \(width) x \(height)") }
        let row = width.multipliedReportingOverflow(by: 8)
        let area = (row.partialValue &+ 1024).multipliedReportingOverflow(by: height &+ 128)
        guard !row.overflow, !area.overflow, area.partialValue < Int32.max,
            width * height <= DecodedFrame.maximumPixels
        else { throw .tooLarge(width: width, height: height) }
    }

    /// A few hundred kilobytes of a repeated byte can state a picture that takes gigabytes to decode. A picture of which
    /// there is anything to see has more bytes.
    static func checkPlausibility(
        width: Int, height: Int, bytesPerPixel: Int, of bytes: Int
    ) throws(MediaError.Fault) {
        guard bytes < smallFile, width * height * bytesPerPixel > mostMemoryOfSmallFile else { return }
        throw .unsupported("\(width) x \(height) pixels in a file of \(bytes) bytes")
    }

    private static let smallFile = 1 << 20
    private static let mostMemoryOfSmallFile = 400 << 20

    /// The formats that are walked here.
    enum Format {
        case jpeg, png, gif, webp, bmp, tiff, pnm, qoi, jpeg2000, jpegXL

        init?(_ reader: ByteReader) {
            if reader.bytes.starts(with: [0xFF, 0xD8]) {
                self = .jpeg
            } else if reader.bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) {
                self = .png
            } else if reader.has("GIF87a", at: 0) || reader.has("GIF89a", at: 0) {
                self = .gif
            } else if reader.has("RIFF", at: 0) && reader.has("WEBP", at: 8) {
                self = .webp
            } else if reader.has("BM", at: 0) && reader.bytes.count > 18 && reader.bytes[15...17] == [0, 0, 0] {
                self = .bmp
            } else if [[0x49, 0x49, 42, 0], [0x4D, 0x4D, 0, 42], [0x49, 0x49, 43, 0], [0x4D, 0x4D, 0, 43]]
                .contains(where: { reader.bytes.starts(with: $0 as [UInt8]) })
            {
                self = .tiff
            } else if reader.bytes.count > 2, reader.bytes[0] == UInt8(ascii: "P"),
                (0x31...0x37).contains(reader.bytes[1]),
                reader.bytes[2] == 0x20 || (0x09...0x0D).contains(reader.bytes[2])
            {
                self = .pnm
            } else if reader.has("qoif", at: 0) {
                self = .qoi
            } else if reader.has("jP  ", at: 4) || reader.bytes.starts(with: [0xFF, 0x4F, 0xFF, 0x51]) {
                self = .jpeg2000
            } else if reader.has("JXL ", at: 4) || reader.bytes.starts(with: [0xFF, 0x0A]) {
                self = .jpegXL
            } else {
                return nil
            }
        }
    }
}
