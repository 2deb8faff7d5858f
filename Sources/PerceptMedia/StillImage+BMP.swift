import CPerceptMedia

extension StillImage {
    /// Reads the file and information headers of a Windows or OS/2 bitmap.
    static func parseBMP(_ reader: ByteReader) throws(MediaError.Fault) -> StillImage {
        var reader = reader
        reader.littleEndian = true
        let headerSize = try reader.uint32(14)
        let isOS2 = headerSize == 12
        let width = isOS2 ? try reader.uint16(18) : try reader.int32(18)
        let height = isOS2 ? try reader.uint16(20) : abs(try reader.int32(22))
        let bits = try reader.uint16(isOS2 ? 24 : 28)
        let compression = isOS2 ? 0 : try reader.uint32(30)
        try checkSize(width: width, height: height)
        let pixels = try reader.uint32(10)
        if compression == 0 || compression == 3 || compression == 6 {
            try reader.require(pixels..<(pixels + (width * bits + 31) / 32 * 4 * height))
        }
        var image = StillImage(codec: AV_CODEC_ID_BMP, bytes: reader.bytes, width: width, height: height)
        // Only a mask makes the fourth byte alpha; FFmpeg guesses from its values.
        if bits == 32, compression == 3 || compression == 6, headerSize >= 56, try reader.uint32(66) != 0 {
            image.alpha = .straight
        }
        if bits <= 8 {
            let entry = isOS2 ? 3 : 4
            let stated = isOS2 ? 0 : try reader.uint32(46)
            let count = stated == 0 ? 1 << bits : min(stated, 1 << bits)
            let start = 14 + headerSize
            try reader.require(start..<(start + entry * count))
            // A palette of greys in order makes the pixels plain grey for Pillow; with two entries they stay one-bit.
            image.isIndexed = !(0..<count).allSatisfy { index in
                (0..<3).allSatisfy { Int(reader.bytes[start + entry * index + $0]) == index }
            }
        }
        return image
    }
}
