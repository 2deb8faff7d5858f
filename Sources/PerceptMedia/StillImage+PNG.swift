import CPerceptMedia

extension StillImage {
    /// Walks the chunks up to IEND (PNG specification, third edition, section 5).
    static func parsePNG(_ reader: ByteReader) throws(MediaError.Fault) -> StillImage {
        guard reader.has("IHDR", at: 12) else { throw .corrupt("the PNG does not begin with its header") }
        var image = StillImage(
            codec: AV_CODEC_ID_PNG, bytes: reader.bytes, width: try reader.uint32(16), height: try reader.uint32(20))
        let depth = try reader.byte(24)
        switch try reader.byte(25) {
        case 0: image.isIndexed = depth == 1
        case 3: image.isIndexed = true
        case 4, 6: image.alpha = .straight
        default: break
        }
        var offset = 8
        var hasPixels = false
        while !reader.has("IEND", at: offset + 4) {
            let length = try reader.uint32(offset)
            try reader.require(offset..<(offset + 12 + length))
            if reader.has("IDAT", at: offset + 4) { hasPixels = true }
            if reader.has("eXIf", at: offset + 4) {
                image.orientation = exifOrientation(Array(reader.bytes[(offset + 8)..<(offset + 8 + length)]))
            }
            offset += 12 + length
        }
        try reader.require(offset..<(offset + 12))
        guard hasPixels else { throw .corrupt("a PNG without a picture") }
        return image
    }
}
