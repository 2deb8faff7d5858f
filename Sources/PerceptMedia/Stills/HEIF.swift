/// What a HEIF file says of its picture (ISO/IEC 23008-12): AVIF, HEIC and their kin.
struct HEIF {
    /// A coded picture or a part of one, or what is put together from others.
    struct Item {
        /// Four characters, such as `av01`, `hvc1` or `grid`.
        var type = ""
        /// Where its bytes are: in the file, or in the box `idat` of the file's description.
        var extents: [Range<Int>] = []
        /// The properties that hold for it, in their order.
        var properties: [Property] = []
        /// The items that it is put together from.
        var parts: [Int] = []
    }

    /// A box that describes an item.
    struct Property {
        let type: String
        let range: Range<Int>
    }

    let reader: ByteReader
    private(set) var items: [Int: Item] = [:]
    private(set) var primary = 0
    /// The box `idat`.
    private var embedded: Range<Int>?
    /// Items whose colours are multiplied by their opacity.
    private(set) var premultiplied: Set<Int> = []

    /// Reads the description; nil for files that have none, or none of a picture.
    init?(_ reader: ByteReader) throws(MediaError.Fault) {
        guard reader.has("ftyp", at: 4) else { return nil }
        self.reader = reader
        var meta: Range<Int>?
        try ISOBox.walk(reader, 0..<reader.bytes.count) { type, range in
            if type == "meta", meta == nil, range.count > 4 { meta = range.lowerBound + 4..<range.upperBound }
        }
        guard let meta else { return nil }
        var boxes: [String: Range<Int>] = [:]
        try ISOBox.walk(reader, meta) { type, range in boxes[type] = range }
        guard let primaryBox = boxes["pitm"], let information = boxes["iinf"], let locations = boxes["iloc"] else {
            return nil
        }
        embedded = boxes["idat"]
        let isWide = try reader.byte(primaryBox.lowerBound) > 0
        primary = isWide ? try reader.uint32(primaryBox.lowerBound + 4) : try reader.uint16(primaryBox.lowerBound + 4)
        try readInformation(information)
        try readLocations(locations)
        if let properties = boxes["iprp"] { try readProperties(properties) }
        if let references = boxes["iref"] { try readReferences(references) }
    }

    private mutating func readInformation(_ range: Range<Int>) throws(MediaError.Fault) {
        let start = range.lowerBound + (try reader.byte(range.lowerBound) == 0 ? 6 : 8)
        guard start <= range.upperBound else { throw .corrupt("a list of items that is too short") }
        let reader = reader
        var found: [(id: Int, type: String)] = []
        try ISOBox.walk(reader, start..<range.upperBound) { (type, range) throws(MediaError.Fault) in
            guard type == "infe" else { return }
            let version = try reader.byte(range.lowerBound)
            guard version >= 2 else { return }
            let id = version == 2 ? try reader.uint16(range.lowerBound + 4) : try reader.uint32(range.lowerBound + 4)
            found.append((id, try reader.fourCharacters(range.lowerBound + (version == 2 ? 8 : 10))))
        }
        for (id, type) in found { items[id, default: Item()].type = type }
    }

    private mutating func readLocations(_ range: Range<Int>) throws(MediaError.Fault) {
        var offset = range.lowerBound
        func next(_ count: Int) throws(MediaError.Fault) -> Int {
            defer { offset += count }
            switch count {
            case 0: return 0
            case 1: return try reader.byte(offset)
            case 2: return try reader.uint16(offset)
            case 4: return try reader.uint32(offset)
            case 8:
                guard try reader.uint32(offset) == 0 else { throw .corrupt("an item beyond the end of the file") }
                return try reader.uint32(offset + 4)
            default: throw .corrupt("numbers of \(count) bytes in the list of places")
            }
        }
        let version = try next(4) >> 24
        let sizes = try next(2)
        let (offsetSize, lengthSize, baseSize) = (sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15)
        let indexSize = version == 0 ? 0 : sizes & 15
        for _ in 0..<(try next(version < 2 ? 2 : 4)) {
            let id = try next(version < 2 ? 2 : 4)
            let method = version == 0 ? 0 : try next(2) & 15
            let isElsewhere = try next(2) != 0
            let base = try next(baseSize)
            var extents: [Range<Int>] = []
            let count = try next(2)
            guard count < 2 || offsetSize + lengthSize > 0 else {
                throw .corrupt("an item of the same part again and again")
            }
            for _ in 0..<count {
                guard offset <= range.upperBound else { throw .corrupt("a list of places that is too short") }
                _ = try next(indexSize)
                let start = base + (try next(offsetSize))
                let length = try next(lengthSize)
                if method == 1 {
                    guard let embedded else { throw .corrupt("an item in a box that is missing") }
                    extents.append(embedded.lowerBound + start..<embedded.lowerBound + start + length)
                } else {
                    // A length of zero means all there is.
                    let end = length == 0 ? max(start, reader.bytes.count) : start + length
                    extents.append(start..<end)
                }
            }
            if method < 2, !isElsewhere { items[id, default: Item()].extents = extents }
        }
    }

    private mutating func readProperties(_ range: Range<Int>) throws(MediaError.Fault) {
        let reader = reader
        var properties: [Property] = []
        var associations: [Range<Int>] = []
        try ISOBox.walk(reader, range) { (type, range) throws(MediaError.Fault) in
            if type == "ipco" {
                try ISOBox.walk(reader, range) { type, range in properties.append(Property(type: type, range: range)) }
            } else if type == "ipma" {
                associations.append(range)
            }
        }
        for range in associations {
            let version = try reader.byte(range.lowerBound)
            let isWide = try reader.uint32(range.lowerBound) & 1 != 0
            var offset = range.lowerBound + 8
            for _ in 0..<(try reader.uint32(range.lowerBound + 4)) {
                guard offset < range.upperBound else { throw .corrupt("a list of properties that is too short") }
                let id = version == 0 ? try reader.uint16(offset) : try reader.uint32(offset)
                offset += version == 0 ? 2 : 4
                let count = try reader.byte(offset)
                offset += 1
                for _ in 0..<count {
                    let index = isWide ? try reader.uint16(offset) & 0x7FFF : try reader.byte(offset) & 0x7F
                    offset += isWide ? 2 : 1
                    guard index > 0, index <= properties.count, items[id]?.properties.count ?? 0 < 64 else { continue }
                    items[id]?.properties.append(properties[index - 1])
                }
            }
        }
    }

    private mutating func readReferences(_ range: Range<Int>) throws(MediaError.Fault) {
        let reader = reader
        guard range.count >= 4 else { throw .corrupt("a list of references that is too short") }
        let isWide = try reader.byte(range.lowerBound) > 0
        var references: [(type: String, from: Int, to: [Int])] = []
        try ISOBox.walk(reader, range.lowerBound + 4..<range.upperBound) { (type, range) throws(MediaError.Fault) in
            let size = isWide ? 4 : 2
            func id(_ index: Int) throws(MediaError.Fault) -> Int {
                let offset = range.lowerBound + (index < 0 ? 0 : size + 2 + size * index)
                return isWide ? try reader.uint32(offset) : try reader.uint16(offset)
            }
            var targets: [Int] = []
            let count = try reader.uint16(range.lowerBound + size)
            guard size + 2 + size * count <= range.count else {
                throw .corrupt("a list of references that is too short")
            }
            for index in 0..<count { targets.append(try id(index)) }
            references.append((type, try id(-1), targets))
        }
        for reference in references {
            if reference.type == "dimg" { items[reference.from]?.parts = reference.to }
            if reference.type == "prem" { premultiplied.insert(reference.from) }
        }
    }

    /// An item's bytes, together no more than the file has.
    func bytes(of item: Item) throws(MediaError.Fault) -> [UInt8] {
        var total = 0
        for extent in item.extents {
            try reader.require(extent)
            total += extent.count
        }
        guard total > 0, total <= reader.bytes.count else { throw .corrupt("an item of \(total) bytes") }
        return item.extents.flatMap { reader.bytes[$0] }
    }

    /// The bytes of an item's first property of a type.
    func property(_ type: String, of item: Item) -> Range<Int>? {
        item.properties.first { $0.type == type }?.range
    }
}

extension ByteReader {
    /// Four bytes as text, such as a box's type.
    func fourCharacters(_ offset: Int) throws(MediaError.Fault) -> String {
        try require(offset..<(offset + 4))
        return String(decoding: bytes[offset..<(offset + 4)], as: UTF8.self)
    }
}
