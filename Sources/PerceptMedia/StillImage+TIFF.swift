import CPerceptMedia

extension StillImage {
    /// Reads the first directory of a TIFF (TIFF 6.0, section 2).
    static func parseTIFF(_ reader: ByteReader) throws(MediaError.Fault) -> StillImage {
        let directory = try TIFFDirectory(reader.bytes)
        guard let width = try directory.values(256)?.first, let height = try directory.values(257)?.first else {
            throw .corrupt("a TIFF that states no size")
        }
        var image = StillImage(codec: AV_CODEC_ID_TIFF, bytes: reader.bytes, width: width, height: height)
        image.orientation = directory.orientation
        let bits = try directory.values(258)?.first ?? 1
        let photometric = try directory.values(262)?.first ?? 0
        guard photometric != 5 else { throw .unsupported("CMYK TIFF") }
        image.isIndexed = photometric == 3 || bits == 1
        let samples = try directory.values(277)?.first ?? 1
        if samples == 2 || samples == 4 {
            switch try directory.values(338)?.first {
            case 1: image.alpha = .premultiplied
            case 2, nil: image.alpha = .straight
            default: image.alpha = .ignored
            }
        }
        if let offsets = try directory.values(273), let counts = try directory.values(279) {
            for (offset, count) in zip(offsets, counts) { try reader.require(offset..<(offset + count)) }
        }
        return image
    }
}

/// The first directory of a TIFF structure, as TIFF files and Exif blocks hold it.
struct TIFFDirectory {
    private let reader: ByteReader
    /// Byte offset of each tag's entry.
    private var entries: [Int: Int] = [:]

    init(_ bytes: [UInt8]) throws(MediaError.Fault) {
        var reader = ByteReader(bytes: bytes)
        guard reader.has("II", at: 0) || reader.has("MM", at: 0) else { throw .corrupt("no TIFF byte order") }
        reader.littleEndian = reader.has("II", at: 0)
        self.reader = reader
        let start = try reader.uint32(4)
        for index in 0..<(try reader.uint16(start)) {
            let entry = start + 2 + 12 * index
            entries[try reader.uint16(entry)] = entry
        }
    }

    /// A tag's values when they are unsigned 8-, 16- or 32-bit numbers; nil when the tag is absent.
    func values(_ tag: Int) throws(MediaError.Fault) -> [Int]? {
        guard let entry = entries[tag] else { return nil }
        let count = try reader.uint32(entry + 4)
        let size: Int
        switch try reader.uint16(entry + 2) {
        case 1: size = 1
        case 3: size = 2
        case 4: size = 4
        case let type: throw .unsupported("type \(type) of TIFF tag \(tag)")
        }
        let start = size * count <= 4 ? entry + 8 : try reader.uint32(entry + 8)
        try reader.require(start..<(start + size * count))
        var values: [Int] = []
        values.reserveCapacity(count)
        for offset in stride(from: start, to: start + size * count, by: size) {
            switch size {
            case 1: values.append(try reader.byte(offset))
            case 2: values.append(try reader.uint16(offset))
            default: values.append(try reader.uint32(offset))
            }
        }
        return values
    }

    /// Tag 274, or 1 when it is absent or none of 1...8.
    var orientation: Int {
        guard let value = try? values(274)?.first, (1...8).contains(value) else { return 1 }
        return value
    }
}

/// The orientation in an Exif block, with or without its `Exif` prefix; 1 when there is none that makes sense,
/// since a damaged remark about a picture does not make the picture unreadable.
func exifOrientation(_ bytes: [UInt8]) -> Int {
    let prefixed = ByteReader(bytes: bytes).has("Exif\0\0", at: 0)
    return (try? TIFFDirectory(prefixed ? Array(bytes.dropFirst(6)) : bytes))?.orientation ?? 1
}
