/// A directory of a TIFF structure, as TIFF files and Exif blocks hold it (TIFF 6.0, section 2), or a BigTIFF file with its
/// wider numbers.
struct TIFFDirectory {
    private let reader: ByteReader
    let isBig: Bool
    /// Byte offset of each tag's entry.
    private var entries: [Int: Int] = [:]
    /// Where the next directory is; nil behind the last.
    private(set) var next: Int?

    var littleEndian: Bool { reader.littleEndian }

    /// How many entries were read.
    private(set) var entryCount = 0

    /// Reads the first directory, as far as the bytes go.
    init(_ bytes: [UInt8]) throws(MediaError.Fault) {
        var reader = ByteReader(bytes: bytes)
        guard reader.has("II", at: 0) || reader.has("MM", at: 0) else { throw .corrupt("no TIFF byte order") }
        reader.littleEndian = reader.has("II", at: 0)
        let isBig = try reader.uint16(2) == 43
        let start = isBig ? try reader.uint64(8) : try reader.uint32(4)
        try self.init(reader, isBig: isBig, at: start)
    }

    /// Reads another directory of the same file.
    func directory(at start: Int) throws(MediaError.Fault) -> TIFFDirectory {
        try TIFFDirectory(reader, isBig: isBig, at: start)
    }

    private init(_ reader: ByteReader, isBig: Bool, at start: Int) throws(MediaError.Fault) {
        self.reader = reader
        self.isBig = isBig
        let count = isBig ? try reader.uint64(start) : try reader.uint16(start)
        let (first, size) = (start + (isBig ? 8 : 2), isBig ? 20 : 12)
        for index in 0..<min(count, 1 << 16) {
            let entry = first + size * index
            guard entry + size <= reader.bytes.count else { return }
            entries[try reader.uint16(entry)] = entry
            entryCount += 1
        }
        let end = first + size * min(count, 1 << 16)
        guard end + (isBig ? 8 : 4) <= reader.bytes.count else { return }
        let following = isBig ? try reader.uint64(end) : try reader.uint32(end)
        if following != 0 { next = following }
    }

    /// A tag's values when they are unsigned 8-, 16- or 32-bit numbers, in BigTIFF also of 64 bits; nil when the tag is
    /// absent.
    func values(_ tag: Int) throws(MediaError.Fault) -> [Int]? {
        guard let (range, size) = try place(tag) else { return nil }
        var values: [Int] = []
        values.reserveCapacity(range.count / size)
        for offset in stride(from: range.lowerBound, to: range.upperBound, by: size) {
            switch size {
            case 1: values.append(try reader.byte(offset))
            case 2: values.append(try reader.uint16(offset))
            case 4: values.append(try reader.uint32(offset))
            default: values.append(try reader.uint64(offset))
            }
        }
        return values
    }

    /// Where a tag's bytes are; nil when it is absent.
    func bytes(_ tag: Int) throws(MediaError.Fault) -> ArraySlice<UInt8>? {
        try place(tag).map { reader.bytes[$0.range] }
    }

    private func place(_ tag: Int) throws(MediaError.Fault) -> (range: Range<Int>, size: Int)? {
        guard let entry = entries[tag] else { return nil }
        let count = isBig ? try reader.uint64(entry + 4) : try reader.uint32(entry + 4)
        let size: Int
        switch try reader.uint16(entry + 2) {
        case 1, 2, 7: size = 1
        case 3: size = 2
        case 4, 13: size = 4
        case 16, 18: size = 8
        case let type: throw .unsupported("type \(type) of TIFF tag \(tag)")
        }
        guard count <= reader.bytes.count else { throw .corrupt("TIFF tag \(tag) has \(count) values") }
        let field = entry + (isBig ? 12 : 8)
        let isInside = size * count <= (isBig ? 8 : 4)
        let start = isInside ? field : isBig ? try reader.uint64(field) : try reader.uint32(field)
        try reader.require(start..<(start + size * count))
        return (start..<(start + size * count), size)
    }

    /// Tag 274; nil when it is absent or none of 1...8.
    var orientation: Int? {
        guard let value = try? values(274)?.first, (1...8).contains(value) else { return nil }
        return value
    }
}

extension ByteReader {
    /// A 64-bit number, which must lie below 2⁴⁸: more than any file has bytes.
    func uint64(_ offset: Int) throws(MediaError.Fault) -> Int {
        let (first, second) = (try uint32(offset), try uint32(offset + 4))
        let (low, high) = littleEndian ? (first, second) : (second, first)
        guard high < 1 << 16 else { throw .corrupt("a place beyond the end of the file") }
        return high << 32 | low
    }
}
