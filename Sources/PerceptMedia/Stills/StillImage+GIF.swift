import CPerceptMedia

extension StillImage {
    /// Walks the blocks to the end of the first frame (GIF89a specification), which is all that is decoded, without
    /// remarks.
    static func parseGIF(_ reader: ByteReader) throws(MediaError.Fault) -> StillImage {
        var reader = reader
        reader.littleEndian = true
        let flags = try reader.byte(10)
        var palette: (offset: Int, count: Int)?
        var offset = 13
        var control: [UInt8] = []
        if flags & 0x80 != 0 {
            palette = (offset, 2 << (flags & 7))
            offset += 3 * (2 << (flags & 7))
        }
        let start = offset
        try reader.require(0..<start)
        while true {
            switch try reader.byte(offset) {
            case 0x21:
                // Pillow keeps the colour of transparent pixels, FFmpeg does not: the flag is taken away.
                if try reader.byte(offset + 1) == 0xF9, try reader.byte(offset + 2) == 4 {
                    try reader.require(offset..<(offset + 8))
                    control = Array(reader.bytes[offset..<offset + 8])
                    control[3] &= 0xFE
                    control[7] = 0
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
                let bytes = reader.bytes[..<start] + control + reader.bytes[offset..<end] + [0x3B]
                var image = StillImage(
                    codec: AV_CODEC_ID_GIF, bytes: Array(bytes), width: try reader.uint16(6),
                    height: try reader.uint16(8))
                // A palette of greys in order, or none, makes the pixels plain grey for Pillow.
                image.isGray = true
                if let palette {
                    try reader.require(palette.offset..<(palette.offset + 3 * palette.count))
                    image.isGray = (0..<3 * palette.count).allSatisfy {
                        Int(reader.bytes[palette.offset + $0]) == $0 / 3
                    }
                }
                image.isIndexed = !image.isGray
                if hasFrame(reader, after: end) { image.notes.append("the first frame of an animation") }
                return image
            case 0x3B: throw .corrupt("a GIF without a picture")
            default: throw .corrupt("no GIF block at byte \(offset)")
            }
        }
    }

    /// True when another frame begins behind the first; what comes there need not make sense.
    private static func hasFrame(_ reader: ByteReader, after start: Int) -> Bool {
        var offset = start
        while let kind = try? reader.byte(offset), kind == 0x21 {
            guard let end = try? endOfSubBlocks(reader, from: offset + 2) else { return false }
            offset = end
        }
        return (try? reader.byte(offset)) == 0x2C
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
