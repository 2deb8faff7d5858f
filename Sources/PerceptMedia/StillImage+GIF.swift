import CPerceptMedia

extension StillImage {
    /// Walks the blocks to the end of the first frame (GIF89a specification), which is all that is decoded.
    static func parseGIF(_ reader: ByteReader) throws(MediaError.Fault) -> StillImage {
        var reader = reader
        reader.littleEndian = true
        var bytes = reader.bytes
        let flags = try reader.byte(10)
        var palette: (offset: Int, count: Int)?
        var offset = 13
        if flags & 0x80 != 0 {
            palette = (offset, 2 << (flags & 7))
            offset += 3 * (2 << (flags & 7))
        }
        while true {
            switch try reader.byte(offset) {
            case 0x21:
                // Pillow keeps the colour of transparent pixels, FFmpeg does not: the flag is taken away.
                if try reader.byte(offset + 1) == 0xF9, try reader.byte(offset + 2) == 4 {
                    try reader.require(offset..<(offset + 8))
                    bytes[offset + 3] &= 0xFE
                }
                offset = try endOfSubBlocks(reader, from: offset + 2)
            case 0x2C:
                let local = try reader.byte(offset + 9)
                var data = offset + 10
                if local & 0x80 != 0 {
                    palette = (data, 2 << (local & 7))
                    data += 3 * (2 << (local & 7))
                }
                let end = try endOfSubBlocks(reader, from: data + 1)
                bytes.removeLast(bytes.count - end)
                bytes.append(0x3B)
                var image = StillImage(
                    codec: AV_CODEC_ID_GIF, bytes: bytes, width: try reader.uint16(6), height: try reader.uint16(8))
                // A palette of greys in order, or none, makes the pixels plain grey for Pillow.
                image.isGray = true
                if let palette {
                    try reader.require(palette.offset..<(palette.offset + 3 * palette.count))
                    image.isGray = (0..<3 * palette.count).allSatisfy { Int(bytes[palette.offset + $0]) == $0 / 3 }
                }
                image.isIndexed = !image.isGray
                return image
            case 0x3B: throw .corrupt("a GIF without a picture")
            default: throw .corrupt("no GIF block at byte \(offset)")
            }
        }
    }

    private static func endOfSubBlocks(_ reader: ByteReader, from start: Int) throws(MediaError.Fault) -> Int {
        var offset = start
        while true {
            let length = try reader.byte(offset)
            offset += 1 + length
            if length == 0 { return offset }
        }
    }
}
