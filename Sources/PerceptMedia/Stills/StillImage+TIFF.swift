import CPerceptMedia

extension StillImage {
    /// Reads the first directory of a TIFF.
    ///
    /// What is decoded are files of the picture's own tags and data: FFmpeg's decoder refuses a picture for remarks that it
    /// has no use for, and leaves tiles and JPEG black without a word.
    static func parseTIFF(_ reader: ByteReader) throws(MediaError.Fault) -> StillImage {
        let directory = try TIFFDirectory(reader.bytes)
        let picture = try TIFFPicture(directory, reader)
        var image = StillImage(codec: AV_CODEC_ID_TIFF, bytes: [], width: picture.width, height: picture.height)
        try checkSize(width: image.width, height: image.height)
        image.bytesPerPixel = picture.samples * (picture.bits + 15) / 8 + 1
        image.isIndexed = picture.photometric == 3 || picture.bits == 1
        image.isGray = picture.photometric < 2
        if picture.photometric == 5 {
            image.alpha = .straight
            image.components = .inks
        } else if picture.samples == 2 || picture.samples == 4 {
            switch picture.extraSamples.first {
            case 1: image.alpha = .premultiplied
            case 2, nil, 999: image.alpha = .straight
            default: image.alpha = .ignored
            }
        }
        if picture.isWholeForFFmpeg {
            image.bytes = picture.file(
                width: picture.width, height: picture.height, rows: picture.partHeight, picture.parts)
        } else {
            image.tiles = try picture.tiles()
        }
        var remark = OrientationRemark()
        if let xmp = try? directory.bytes(700) { remark.readXMP(xmp) }
        image.orientation = directory.orientation ?? remark.value ?? 1
        let pages = countPages(directory)
        if pages > 1 { image.notes.append("the first of \(pages == 1000 ? "many" : "\(pages)") pages") }
        return image
    }

    /// Pages in all, up to 1,000; smaller versions of a page do not count.
    private static func countPages(_ first: TIFFDirectory) -> Int {
        var (pages, seen) = (1, 1)
        // Directories can lie over each other, so that each has as many entries as the file has room for.
        var entriesLeft = 1 << 18
        var directory = first
        while seen < 1000, entriesLeft > 0, let next = directory.next, let following = try? first.directory(at: next) {
            directory = following
            entriesLeft -= following.entryCount
            seen += 1
            if let kind = try? directory.values(254)?.first, kind & 1 != 0 { continue }
            pages += 1
        }
        return seen == 1000 || entriesLeft <= 0 ? 1000 : pages
    }
}

/// A picture of a TIFF file, as its tags describe it.
private struct TIFFPicture {
    private static let compressions = [
        1: "", 2: "CCITT", 3: "CCITT", 4: "CCITT", 5: "LZW", 7: "JPEG", 8: "Deflate", 32773: "PackBits",
        32946: "Deflate",
    ]
    private static let unsupported = [
        6: "JPEG of the kind before 1995", 34661: "JBIG", 34712: "JPEG 2000", 33003: "JPEG 2000", 33005: "JPEG 2000",
        34887: "LERC", 34892: "lossy JPEG of raw pictures", 34925: "LZMA", 50000: "Zstandard", 50001: "WebP",
        50002: "JPEG XL", 52546: "JPEG XL", 32809: "ThunderScan", 32766: "NeXT",
    ]
    private static let mostTiles = 1 << 15

    let width: Int
    let height: Int
    let bits: Int
    let samples: Int
    let photometric: Int
    let compression: Int
    let extraSamples: [Int]
    let isPlanar: Bool
    /// Nil for strips, which are as wide as the picture.
    private let tileWidth: Int?
    /// Rows of a tile or strip.
    let partHeight: Int
    /// Where the tiles or strips are.
    let parts: [Range<Int>]
    /// Further tags that the pixels depend on: orders of bits, kinds of fax, a prediction, a palette.
    private let coding: [(tag: Int, values: [Int])]
    private let directory: TIFFDirectory
    private let reader: ByteReader

    init(_ directory: TIFFDirectory, _ reader: ByteReader) throws(MediaError.Fault) {
        func value(_ tag: Int) throws(MediaError.Fault) -> Int? { try directory.values(tag)?.first }
        guard let width = try value(256), let height = try value(257) else {
            throw .corrupt("a TIFF that states no size")
        }
        try StillImage.checkSize(width: width, height: height)
        self.directory = directory
        self.reader = reader
        self.width = width
        self.height = height
        let depths = try directory.values(258) ?? [1]
        samples = try value(277) ?? 1
        bits = depths.first ?? 1
        photometric = try value(262) ?? 0
        compression = try value(259) ?? 1
        extraSamples = try directory.values(338) ?? []
        isPlanar = try value(284) == 2 && samples > 1
        tileWidth = try value(322)
        let rows = try tileWidth != nil ? value(323) ?? 0 : min(value(278) ?? height, height)
        partHeight = rows == 0 && tileWidth == nil ? height : rows
        let format = try value(339) ?? 1
        try Self.checkKind(
            photometric, compression, samples, bits, format: format, isEven: depths.allSatisfy { $0 == depths.first })
        var coding: [(tag: Int, values: [Int])] = []
        for tag in [266, 292, 293, 317, 320] {
            if let values = try directory.values(tag), !values.isEmpty { coding.append((tag, values)) }
        }
        self.coding = coding
        if photometric == 3 {
            let colors = try directory.values(320)?.count ?? 0
            guard colors >= 3 << bits else {
                throw .corrupt("a TIFF without the palette that it needs")
            }
        }
        let offsets = try directory.values(tileWidth != nil ? 324 : 273)
        let counts = try directory.values(tileWidth != nil ? 325 : 279)
        guard let offsets, !offsets.isEmpty else { throw .corrupt("a TIFF without a picture") }
        guard partHeight > 0, tileWidth ?? 1 > 0 else { throw .corrupt("a TIFF of tiles without pixels") }
        // Tiles go over the picture's edge by less than one.
        guard tileWidth ?? width < 2 * width + 4096, partHeight < 2 * height + 4096 else {
            throw .unsupported("a TIFF of tiles that are larger than the picture")
        }
        let (across, down) = (1 + (width - 1) / (tileWidth ?? width), 1 + (height - 1) / partHeight)
        let (parts, overflow) = across.multipliedReportingOverflow(by: down * (isPlanar ? samples : 1))
        guard !overflow, offsets.count >= parts, counts?.count ?? parts >= parts else {
            throw .corrupt(
                "\(min(offsets.count, counts?.count ?? offsets.count)) of \(parts) strips or tiles are there")
        }
        guard counts != nil || parts == 1 else { throw .corrupt("a TIFF that does not state how long its strips are") }
        var places: [Range<Int>] = []
        for index in 0..<parts {
            let end = counts.map { offsets[index] + $0[index] } ?? max(reader.bytes.count, offsets[index])
            try reader.require(offsets[index]..<end)
            guard end > offsets[index] else { throw .unsupported("TIFF with strips or tiles that are left out") }
            places.append(offsets[index]..<end)
        }
        // Small files could otherwise have large ones in them, the same bytes over and over.
        guard places.reduce(0, { $0 + $1.count }) <= 4 * reader.bytes.count else {
            throw .unsupported("TIFF whose strips or tiles share their bytes")
        }
        self.parts = places
        try checkLengths()
    }

    private static func checkKind(
        _ photometric: Int, _ compression: Int, _ samples: Int, _ bits: Int, format: Int, isEven: Bool
    ) throws(MediaError.Fault) {
        guard compressions[compression] != nil else {
            throw .unsupported("TIFF compressed with \(unsupported[compression] ?? "method \(compression)")")
        }
        switch format {
        case 1, 4: break
        case 2: throw .unsupported("TIFF of signed samples")
        case 3: throw .unsupported("TIFF of \(bits)-bit floating-point samples")
        default: throw .unsupported("TIFF of samples of kind \(format)")
        }
        guard isEven else { throw .unsupported("TIFF of samples of different depths") }
        let isKnown =
            switch photometric {
            case 0, 1, 4: samples == 1 && [1, 2, 4, 8, 16].contains(bits) || samples == 2 && [8, 16].contains(bits)
            case 2: (samples == 3 || samples == 4) && [8, 16].contains(bits)
            case 3: samples == 1 && [1, 2, 4, 8].contains(bits)
            case 5: samples == 4 && [8, 16].contains(bits)
            case 6: samples == 3 && bits == 8
            default: false
            }
        let colors = [
            0: "grey", 1: "grey", 2: "RGB", 3: "palette", 4: "mask", 5: "CMYK", 6: "Y'CbCr", 8: "L*a*b*", 9: "L*a*b*",
            10: "L*a*b*", 32803: "raw sensor", 34892: "raw sensor",
        ]
        let color = colors[photometric] ?? "unknown"
        guard isKnown else { throw .unsupported("\(color) TIFF of \(samples) samples of \(bits) bits") }
        if compression == 7, photometric == 3 || photometric == 5 || bits != 8 || samples == 2 || samples == 4 {
            throw .unsupported("\(color) TIFF of \(samples) samples of \(bits) bits compressed with JPEG")
        }
        if photometric == 6 && compression != 7 { throw .unsupported("Y'CbCr TIFF that is not compressed with JPEG") }
    }

    /// Strips and tiles must have all their bytes, which FFmpeg does not always miss.
    private func checkLengths() throws(MediaError.Fault) {
        let isDeflate = compression == 8 || compression == 32946
        guard compression == 1 || isDeflate else { return }
        let row = ((tileWidth ?? width) * (isPlanar ? 1 : samples) * bits + 7) / 8
        for (index, part) in parts.enumerated() {
            let first = index % (1 + (height - 1) / partHeight) * partHeight
            let rows = tileWidth != nil ? partHeight : min(partHeight, height - first)
            let length = isDeflate ? DeflateLength.unpacked(reader.bytes[part], limit: row * rows) : part.count
            guard let length else { throw .corrupt("a strip or tile that cannot be unpacked") }
            guard length >= row * rows else {
                throw .corrupt("a strip or tile of \(part.count) bytes is too short")
            }
        }
    }

    /// True for strips that FFmpeg decodes.
    var isWholeForFFmpeg: Bool { tileWidth == nil && compression != 7 }

    /// The tiles, or strips of JPEG, each as a file of its own.
    func tiles() throws(MediaError.Fault) -> StillImage.Tiles {
        guard !isPlanar else { throw .unsupported("TIFF of tiles, or of JPEG, with the colours apart") }
        guard parts.count <= Self.mostTiles else { throw .unsupported("a TIFF of \(parts.count) tiles") }
        let width = tileWidth ?? self.width
        try StillImage.checkSize(width: width, height: partHeight)
        let columns = 1 + (self.width - 1) / width
        let tables = try directory.bytes(347).map(Array.init) ?? []
        // All there can be takes 3 KiB, and every tile is read with it.
        guard tables.count <= 1 << 13 else { throw .unsupported("a TIFF with JPEG tables of \(tables.count) bytes") }
        return StillImage.Tiles(width: width, height: partHeight, columns: columns, count: parts.count) {
            (index) throws(MediaError.Fault) in
            if compression == 7 { return try jpeg(parts[index], tables) }
            return (AV_CODEC_ID_TIFF, file(width: width, height: partHeight, rows: partHeight, [parts[index]]))
        }
    }

    /// A strip or tile of JPEG, with the tables that all of them share.
    private func jpeg(_ part: Range<Int>, _ tables: [UInt8]) throws(MediaError.Fault) -> (AVCodecID, [UInt8]) {
        guard part.count > 2 else { throw .corrupt("a strip or tile of \(part.count) bytes") }
        var bytes: [UInt8] = [0xFF, 0xD8]
        if tables.count > 4 { bytes += tables[2..<tables.count - 2] }
        bytes += reader.bytes[part].dropFirst(2)
        let components: StillImage.Components? = photometric == 2 ? .rgb : nil
        let tile = try StillImage.parseJPEG(ByteReader(bytes: bytes), components: .some(components))
        // Coded in whole blocks, and no larger: a small picture would otherwise take as much as the largest.
        guard tile.width <= (tileWidth ?? width) + 64, tile.height <= partHeight + 64 else {
            throw .corrupt("a strip or tile of \(tile.width) x \(tile.height) pixels")
        }
        return (AV_CODEC_ID_MJPEG, tile.bytes)
    }

    /// A TIFF of strips with the tags that decide the picture.
    func file(width: Int, height: Int, rows: Int, _ strips: [Range<Int>]) -> [UInt8] {
        let little = directory.littleEndian
        func number(_ value: Int, _ count: Int) -> [UInt8] {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
            return little ? bytes : bytes.reversed()
        }
        var entries: [(tag: Int, values: [Int])] = [
            (256, [width]), (257, [height]), (258, Array(repeating: bits, count: samples)), (259, [compression]),
            // Inks are taken for RGB and something else, and so come out as they are.
            (262, [photometric == 5 ? 2 : photometric == 4 ? 1 : photometric]), (273, strips.map { _ in 0 }),
            (277, [samples]), (278, [rows]), (279, strips.map(\.count)), (284, [isPlanar ? 2 : 1]),
        ]
        entries += coding
        if samples == 2 || samples == 4 { entries.append((338, [2])) }
        entries.sort { $0.tag < $1.tag }
        let directoryEnd = 8 + 2 + 12 * entries.count + 4
        // FFmpeg wants each colour of a palette as 16 bits.
        let sizes = entries.map { $0.tag == 320 || $0.tag == 258 ? 2 : 4 }
        var end = directoryEnd
        var places: [Int] = []
        for (entry, size) in zip(entries, sizes) {
            places.append(end)
            if entry.values.count * size > 4 { end += entry.values.count * size }
        }
        var result: [UInt8] = little ? [0x49, 0x49, 42, 0] : [0x4D, 0x4D, 0, 42]
        result.reserveCapacity(end + strips.reduce(0) { $0 + $1.count })
        result += number(8, 4) + number(entries.count, 2)
        var offsets: [Int] = []
        var offset = end
        for strip in strips {
            offsets.append(offset)
            offset += strip.count
        }
        var outside: [UInt8] = []
        for (index, entry) in entries.enumerated() {
            let values = entry.tag == 273 ? offsets : entry.values
            let bytes = values.flatMap { number($0, sizes[index]) }
            result += number(entry.tag, 2) + number(sizes[index] == 2 ? 3 : 4, 2) + number(values.count, 4)
            if bytes.count > 4 {
                result += number(places[index], 4)
                outside += bytes
            } else {
                result += bytes + Array(repeating: 0, count: 4 - bytes.count)
            }
        }
        result += number(0, 4) + outside
        for strip in strips { result += reader.bytes[strip] }
        return result
    }
}
