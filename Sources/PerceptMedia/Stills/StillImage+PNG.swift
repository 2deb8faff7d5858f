import CPerceptMedia

extension StillImage {
    /// Walks the chunks up to IEND (PNG specification, third edition, section 5).
    ///
    /// What is decoded is a PNG of the chunks that decide the picture. FFmpeg unpacks texts and profiles too, of which a few
    /// hundred kilobytes make gigabytes, and refuses a picture for a remark that is damaged.
    static func parsePNG(_ reader: ByteReader) throws(MediaError.Fault) -> StillImage {
        guard reader.has("IHDR", at: 12) else {
            if reader.has("CgBI", at: 12) { throw .unsupported("a PNG in the private form of Apple's developer tools") }
            throw .corrupt("the PNG does not begin with its header")
        }
        var image = StillImage(
            codec: AV_CODEC_ID_PNG, bytes: [], width: try reader.uint32(16), height: try reader.uint32(20))
        let depth = try reader.byte(24)
        let isDeep = depth == 16
        switch try reader.byte(25) {
        case 0:
            image.isIndexed = depth == 1
            image.bytesPerPixel = isDeep ? 3 : 2
        case 3:
            image.isIndexed = true
            image.bytesPerPixel = 4
        case 4:
            image.alpha = .straight
            image.bytesPerPixel = isDeep ? 8 : 6
        case 6:
            image.alpha = .straight
            image.bytesPerPixel = isDeep ? 12 : 4
        default: image.bytesPerPixel = isDeep ? 9 : 3
        }
        image.bytes.reserveCapacity(reader.bytes.count)
        image.bytes += reader.bytes.prefix(8)
        var remark = OrientationRemark()
        var offset = 8
        var hasPixels = false
        var hasPalette = false
        while !reader.has("IEND", at: offset + 4) {
            let length = try reader.uint32(offset)
            let end = offset + 12 + length
            try reader.require(offset..<end)
            let payload = offset + 8..<offset + 8 + length
            if reader.has("PLTE", at: offset + 4), length > 0, !hasPixels { hasPalette = true }
            if reader.has("IDAT", at: offset + 4) { hasPixels = true }
            // Of transparency outside an alpha channel nothing is left in RGB.
            if reader.has("IHDR", at: offset + 4) || reader.has("IDAT", at: offset + 4)
                || image.isIndexed && reader.has("PLTE", at: offset + 4)
            {
                image.bytes += reader.bytes[offset..<end]
            } else if reader.has("eXIf", at: offset + 4) {
                remark.readExif(Array(reader.bytes[payload]))
            } else if reader.has("iTXtXML:com.adobe.xmp\0\0", at: offset + 4) {
                remark.readXMP(reader.bytes[payload])
            } else if reader.has("acTL", at: offset + 4), !hasPixels, length >= 4,
                try reader.uint32(payload.lowerBound) > 1
            {
                image.notes.append("the first frame of an animation")
            }
            offset = end
        }
        try reader.require(offset..<(offset + 12))
        guard hasPixels else { throw .corrupt("a PNG without a picture") }
        if try reader.byte(25) == 3, !hasPalette { throw .corrupt("a PNG without the palette that it needs") }
        image.bytes += reader.bytes[offset..<offset + 12]
        image.take(remark)
        return image
    }
}
