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
            let colors = (0..<count).map { index in reader.bytes[(start + entry * index)...].prefix(3).map(Int.init) }
            // A palette of greys in order makes the pixels plain grey for Pillow, or black and white when there are two.
            let levels = count == 2 ? [0, 255] : Array(0..<count)
            image.isGray = colors == levels.map { [$0, $0, $0] }
            image.isIndexed = count == 2 || !image.isGray
        }
        return image
    }
}
