import CPerceptMedia

extension StillImage {
    /// Reads the header of a QOI file.
    static func parseQOI(_ reader: ByteReader) throws(MediaError.Fault) -> StillImage {
        StillImage(
            codec: AV_CODEC_ID_QOI, bytes: reader.bytes, width: try reader.uint32(4), height: try reader.uint32(8))
    }

    /// Finds the size of a JPEG 2000 codestream, bare or in boxes (ISO/IEC 15444-1, annexes A.5 and I).
    static func parseJPEG2000(_ reader: ByteReader) throws(MediaError.Fault) -> StillImage {
        var start: Int?
        if reader.has("jP  ", at: 4) {
            try ISOBox.walk(reader, 0..<reader.bytes.count) { type, range in
                if type == "jp2c", start == nil { start = range.lowerBound }
            }
        } else {
            start = 0
        }
        guard let start, try reader.uint32(start) == 0xFF4F_FF51 else {
            throw .corrupt("a JPEG 2000 file without a picture")
        }
        let width = try reader.uint32(start + 8) - reader.uint32(start + 16)
        let height = try reader.uint32(start + 12) - reader.uint32(start + 20)
        var image = StillImage(codec: AV_CODEC_ID_JPEG2000, bytes: reader.bytes, width: width, height: height)
        // Samples of 32 bits, in two forms.
        image.bytesPerPixel = 10 * max(try reader.uint16(start + 40), 1)
        return image
    }

    /// Finds the size of a JPEG XL codestream, bare or in boxes (ISO/IEC 18181-1, annex D; 18181-2). It is decoded upright.
    static func parseJPEGXL(_ reader: ByteReader) throws(MediaError.Fault) -> StillImage {
        var start: Int? = reader.bytes.starts(with: [0xFF, 0x0A]) ? 0 : nil
        if start == nil {
            try ISOBox.walk(reader, 0..<reader.bytes.count) { type, range in
                guard start == nil else { return }
                if type == "jxlc" { start = range.lowerBound }
                if type == "jxlp" { start = range.lowerBound + 4 }
            }
        }
        guard let start, try reader.uint16(start) == 0xFF0A else {
            throw .corrupt("a JPEG XL file without a picture")
        }
        var bits = BitReader(reader, at: start + 2)
        var (width, height) = try bits.size()
        var isAnimation = false
        if try bits.next(1) == 0, try bits.next(1) == 1 {
            let orientation = try bits.next(3) + 1
            if orientation > 4 { (width, height) = (height, width) }
            if try bits.next(1) == 1 { _ = try bits.size() }
            // Of a preview the header would have to be read to know what follows.
            if try bits.next(1) == 0 { isAnimation = try bits.next(1) == 1 }
        }
        var image = StillImage(codec: AV_CODEC_ID_JPEGXL, bytes: reader.bytes, width: width, height: height)
        image.alpha = .straight
        image.bytesPerPixel = 32
        if isAnimation { image.notes.append("the first frame of an animation") }
        return image
    }
}

/// Bits, the lowest of each byte first.
private struct BitReader {
    private let reader: ByteReader
    private var offset: Int

    init(_ reader: ByteReader, at byte: Int) {
        self.reader = reader
        offset = 8 * byte
    }

    mutating func next(_ count: Int) throws(MediaError.Fault) -> Int {
        var value = 0
        for bit in 0..<count {
            value |= (try reader.byte(offset >> 3) >> (offset & 7) & 1) << bit
            offset += 1
        }
        return value
    }

    /// A size as JPEG XL codes it: the height, and the width by itself or as a ratio.
    mutating func size() throws(MediaError.Fault) -> (width: Int, height: Int) {
        let isSmall = try next(1) == 1
        let height = try side(isSmall)
        let ratios = [(1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1)]
        let ratio = try next(3)
        guard ratio > 0 else { return (try side(isSmall), height) }
        return (height * ratios[ratio - 1].0 / ratios[ratio - 1].1, height)
    }

    private mutating func side(_ isSmall: Bool) throws(MediaError.Fault) -> Int {
        if isSmall { return 8 * (try next(5) + 1) }
        return try next([9, 13, 18, 30][try next(2)]) + 1
    }
}

/// Boxes of the ISO base media file format, which several formats of pictures share.
enum ISOBox {
    /// Hands out boxes, by type and the range of what they hold. A box that goes beyond `range` ends at its end.
    static func walk(
        _ reader: ByteReader, _ range: Range<Int>, _ visit: (String, Range<Int>) throws(MediaError.Fault) -> Void
    ) throws(MediaError.Fault) {
        var offset = range.lowerBound
        while offset + 8 <= range.upperBound {
            var size = try reader.uint32(offset)
            var header = 8
            if size == 1 {
                guard try reader.uint32(offset + 8) == 0 else { throw .corrupt("a box of more than 4 GiB") }
                size = try reader.uint32(offset + 12)
                header = 16
            } else if size == 0 {
                size = range.upperBound - offset
            }
            guard size >= header else { throw .corrupt("a box of \(size) bytes") }
            let end = min(offset + size, range.upperBound)
            guard offset + header <= end else { return }
            try visit(try reader.fourCharacters(offset + 4), offset + header..<end)
            offset += size
        }
    }
}
