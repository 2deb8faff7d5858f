import CPerceptMedia

extension StillImage {
    /// Walks the RIFF chunks (RFC 9649); of an animation the first frame is rewritten as a file of its own, since
    /// FFmpeg decodes none. Of other files it is given what decides the picture: it refuses one for a damaged remark.
    static func parseWebP(_ reader: ByteReader) throws(MediaError.Fault) -> StillImage {
        var reader = reader
        reader.littleEndian = true
        let end = try reader.uint32(4) + 8
        try reader.require(0..<end)
        var image = StillImage(codec: AV_CODEC_ID_WEBP, bytes: reader.bytes, width: 0, height: 0)
        var canvas: (width: Int, height: Int)?
        var offset = 12
        var hasPixels = false
        var remark = OrientationRemark()
        var frames = 0
        var pixels: [Range<Int>] = []
        while offset + 8 <= end {
            let (payload, length) = (offset + 8, try reader.uint32(offset + 4))
            try reader.require(payload..<(payload + length))
            if reader.has("ANMF", at: offset) { frames += 1 }
            if reader.has("VP8X", at: offset) {
                canvas = (try reader.uint24(payload + 4) + 1, try reader.uint24(payload + 7) + 1)
            } else if reader.has("EXIF", at: offset) {
                remark.readExif(Array(reader.bytes[payload..<(payload + length)]))
            } else if reader.has("XMP ", at: offset) {
                remark.readXMP(reader.bytes[payload..<(payload + length)])
            } else if reader.has("ANMF", at: offset), !hasPixels, let canvas {
                hasPixels = true
                try image.takeFrame(reader, payload..<(payload + length), canvas: canvas)
            } else if !hasPixels {
                hasPixels = try image.readBitstreamHeader(reader, chunk: offset)
                if hasPixels || reader.has("ALPH", at: offset) { pixels.append(offset..<payload + length) }
            }
            offset = payload + length + length % 2
        }
        guard hasPixels else { throw .corrupt("a WebP without a picture") }
        image.take(remark)
        image.bytesPerPixel = image.alpha == .straight || image.isLossless ? 9 : 4
        if frames > 1 { image.notes.append("the first frame of an animation") }
        if frames == 0 {
            if let canvas, canvas != (image.width, image.height) {
                throw .corrupt(
                    "a WebP of \(canvas.width) x \(canvas.height) pixels that holds \(image.width) x \(image.height)")
            }
            let hasAlpha = image.alpha == .straight
            image.makeFile(pixels.flatMap { reader.bytes[$0] + ($0.count % 2 == 0 ? [] : [0]) }, hasAlpha: hasAlpha)
        }
        return image
    }

    /// Notes size and alpha from a VP8, VP8L or ALPH chunk; true when it holds the picture.
    private mutating func readBitstreamHeader(
        _ reader: ByteReader, chunk: Int
    ) throws(MediaError.Fault) -> Bool {
        let payload = chunk + 8
        if reader.has("ALPH", at: chunk) {
            alpha = .straight
            return false
        }
        if reader.has("VP8L", at: chunk) {
            let header = try reader.uint32(payload + 1)
            (width, height) = (header & 0x3FFF + 1, header >> 14 & 0x3FFF + 1)
            alpha = header >> 28 & 1 != 0 ? .straight : .ignored
            isLossless = true
            return true
        }
        guard reader.has("VP8 ", at: chunk) else { return false }
        (width, height) = (try reader.uint16(payload + 6) & 0x3FFF, try reader.uint16(payload + 8) & 0x3FFF)
        return true
    }

    /// Makes `bytes` a still WebP of the animation frame in `range`. What a smaller frame leaves free is transparent.
    private mutating func takeFrame(
        _ reader: ByteReader, _ range: Range<Int>, canvas: (width: Int, height: Int)
    ) throws(MediaError.Fault) {
        let (x, y) = (2 * (try reader.uint24(range.lowerBound)), 2 * (try reader.uint24(range.lowerBound + 3)))
        let (right, bottom) = (try reader.uint24(range.lowerBound + 6), try reader.uint24(range.lowerBound + 9))
        var offset = range.lowerBound + 16
        while offset + 8 <= range.upperBound, try !readBitstreamHeader(reader, chunk: offset) {
            let length = try reader.uint32(offset + 4)
            offset += 8 + length + length % 2
        }
        guard offset + 8 <= range.upperBound, width == right + 1, height == bottom + 1,
            x + width <= canvas.width, y + height <= canvas.height
        else { throw .corrupt("an animated WebP whose first frame has no picture or lies outside the canvas") }
        let hasAlpha = alpha == .straight
        if (width, height) != canvas {
            self.canvas = (x, y, canvas.width, canvas.height)
            alpha = .straight
        }
        makeFile(Array(reader.bytes[(range.lowerBound + 16)..<range.upperBound]), hasAlpha: hasAlpha)
    }

    /// Makes `bytes` a still WebP of chunks that hold the picture.
    private mutating func makeFile(_ chunks: [UInt8], hasAlpha: Bool) {
        var file: [UInt8] = Array("WEBPVP8X".utf8) + [10, 0, 0, 0, hasAlpha ? 0x10 : 0, 0, 0, 0]
        for side in [width - 1, height - 1] { file += (0..<3).map { UInt8(truncatingIfNeeded: side >> (8 * $0)) } }
        file += chunks
        bytes = Array("RIFF".utf8) + (0..<4).map { UInt8(truncatingIfNeeded: file.count >> (8 * $0)) } + file
    }
}
