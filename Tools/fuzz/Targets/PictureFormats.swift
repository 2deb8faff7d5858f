/// PNG: chunks with a length before and a checksum behind.
struct PNGFormat: PartedFormat {
    private static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

    func parts(_ bytes: [UInt8]) -> [Part]? {
        guard bytes.starts(with: Self.signature) else { return nil }
        var parts: [Part] = []
        var place = 8
        while place + 12 <= bytes.count {
            let length = bytes.number(at: place, 4, bigEndian: true)
            guard place + 12 + length <= bytes.count else { break }
            parts.append(Part(bytes[place + 4..<place + 8], bytes[place + 8..<place + 8 + length]))
            place += 12 + length
        }
        return parts
    }

    func bytes(_ parts: [Part]) -> [UInt8] {
        var bytes = Self.signature
        for part in parts {
            bytes.append(number: part.body.count, 4, bigEndian: true)
            bytes += part.kind + part.body
            bytes.append(number: CRC32.of(part.kind + part.body), 4, bigEndian: true)
        }
        return bytes
    }
}

/// JPEG: segments with a length; what follows a scan's header is a part of its own, up to the next marker.
struct JPEGFormat: PartedFormat {
    func parts(_ bytes: [UInt8]) -> [Part]? {
        guard bytes.starts(with: [0xFF, 0xD8]) else { return nil }
        var parts: [Part] = []
        var place = 2
        while place + 4 <= bytes.count {
            guard bytes[place] == 0xFF else {
                // The data of a scan, or stray bytes.
                var end = place
                while end < bytes.count, !isMarker(bytes, end) { end += 1 }
                parts.append(Part([0], bytes[place..<end]))
                place = end
                continue
            }
            let kind = bytes[place + 1]
            if kind == 0xFF || kind == 0xD9 || (0xD0...0xD8).contains(kind) || kind <= 1 {
                parts.append(Part([1], bytes[place..<place + 2]))
                place += 2
                continue
            }
            let length = bytes.number(at: place + 2, 2, bigEndian: true)
            guard length >= 2, place + 2 + length <= bytes.count else { break }
            parts.append(Part([kind], bytes[place + 4..<place + 2 + length]))
            place += 2 + length
        }
        parts.append(Part([0], bytes[place...]))
        return parts
    }

    private func isMarker(_ bytes: [UInt8], _ place: Int) -> Bool {
        guard place + 1 < bytes.count, bytes[place] == 0xFF else { return false }
        return bytes[place + 1] > 1 && !(0xD0...0xD7).contains(bytes[place + 1]) && bytes[place + 1] != 0xFF
    }

    func bytes(_ parts: [Part]) -> [UInt8] {
        var bytes: [UInt8] = [0xFF, 0xD8]
        for part in parts {
            let kind = part.kind.first ?? 0
            if kind > 1 {
                let body = part.body.prefix(65533)
                bytes += [0xFF, kind]
                bytes.append(number: body.count + 2, 2, bigEndian: true)
                bytes += body
            } else {
                bytes += part.body
            }
        }
        return bytes
    }
}

/// RIFF (WebP, AVI): chunks with a length, padded to even places; lists of them are a file within the file.
struct RIFFFormat: PartedFormat {
    let containers: Set<[UInt8]> = [Array("LIST".utf8)]

    func parts(_ bytes: [UInt8]) -> [Part]? {
        guard bytes.count >= 12, bytes.starts(with: "RIFF".utf8) else { return nil }
        return [Part("form".utf8, bytes[8..<12])] + chunks(bytes, from: 12)
    }

    private func chunks(_ bytes: [UInt8], from start: Int) -> [Part] {
        var parts: [Part] = []
        var place = start
        while place + 8 <= bytes.count {
            let length = min(bytes.number(at: place + 4, 4, bigEndian: false), bytes.count - place - 8)
            parts.append(Part(bytes[place..<place + 4], bytes[place + 8..<place + 8 + length]))
            place += 8 + length + length % 2
        }
        return parts
    }

    func bytes(_ parts: [Part]) -> [UInt8] {
        var body: [UInt8] = []
        for part in parts {
            if part.kind == Array("form".utf8) { body += part.body } else { write(part, &body) }
        }
        var bytes = Array("RIFF".utf8)
        bytes.append(number: body.count, 4, bigEndian: false)
        return bytes + body
    }

    private func write(_ part: Part, _ bytes: inout [UInt8]) {
        bytes += part.kind
        bytes.append(number: part.body.count, 4, bigEndian: false)
        bytes += part.body
        if part.body.count % 2 != 0 { bytes.append(0) }
    }

    func inner(of part: Part) -> [Part]? {
        guard containers.contains(part.kind), part.body.count >= 12 else { return nil }
        return chunks(part.body, from: 4)
    }

    func outer(_ part: Part, _ inner: [Part]) -> [UInt8] {
        var bytes = Array(part.body.prefix(4))
        for part in inner { write(part, &bytes) }
        return bytes
    }
}

/// GIF: blocks that begin with a byte of their kind; sub-blocks stay as they are.
struct GIFFormat: PartedFormat {
    func parts(_ bytes: [UInt8]) -> [Part]? {
        guard bytes.count > 13, bytes.starts(with: "GIF8".utf8) else { return nil }
        var place = 13
        if bytes[10] & 0x80 != 0 { place += 3 << (Int(bytes[10] & 7) + 1) }
        guard place <= bytes.count else { return nil }
        var parts = [Part([0], bytes[..<place])]
        while place < bytes.count {
            let start = place
            switch bytes[place] {
            case 0x21: place += 2
            case 0x2C where place + 10 < bytes.count:
                let flags = bytes[place + 9]
                place += 11 + (flags & 0x80 != 0 ? 3 << (Int(flags & 7) + 1) : 0)
            default: place = bytes.count
            }
            while place < bytes.count, bytes[place] != 0 { place += Int(bytes[place]) + 1 }
            place = min(place + 1, bytes.count)
            parts.append(Part([1], bytes[start..<place]))
        }
        return parts
    }

    func bytes(_ parts: [Part]) -> [UInt8] { parts.flatMap(\.body) }
}

/// TIFF: the header, the entries of all directories one by one, and what lies between. Nothing moves; an entry that is
/// put in another's place takes its place.
struct TIFFFormat: PartedFormat {
    func parts(_ bytes: [UInt8]) -> [Part]? {
        let isBig = bytes.starts(with: "MM\0*".utf8)
        guard isBig || bytes.starts(with: "II*\0".utf8), bytes.count > 16 else { return nil }
        var cuts: Set<Int> = [0, 8]
        var directory = bytes.number(at: 4, 4, bigEndian: isBig)
        for _ in 0..<8 where directory >= 8 && directory + 2 < bytes.count {
            let count = bytes.number(at: directory, 2, bigEndian: isBig)
            let end = directory + 2 + 12 * count
            guard end + 4 <= bytes.count else { break }
            for index in 0...count { cuts.insert(directory + 2 + 12 * index) }
            cuts.formUnion([directory, end + 4])
            directory = bytes.number(at: end, 4, bigEndian: isBig)
        }
        let places = cuts.sorted() + [bytes.count]
        return zip(places, places.dropFirst()).map { Part($1 - $0 == 12 ? [12] : [0], bytes[$0..<$1]) }
    }

    func bytes(_ parts: [Part]) -> [UInt8] { parts.flatMap(\.body) }
}

/// ISO base media files (AVIF, HEIC, MP4): boxes with a length, some of which are made of boxes.
struct BoxFormat: PartedFormat {
    let containers = Set(
        [
            "moov", "trak", "mdia", "minf", "stbl", "meta", "iprp", "ipco", "moof", "traf", "edts", "dinf", "mvex",
            "udta",
        ]
        .map { Array($0.utf8) })

    func parts(_ bytes: [UInt8]) -> [Part]? {
        guard bytes.count >= 16, bytes[4..<8].elementsEqual("ftyp".utf8) else { return nil }
        return boxes(bytes, from: 0)
    }

    private func boxes(_ bytes: [UInt8], from start: Int) -> [Part] {
        var parts: [Part] = []
        var place = start
        while place + 8 <= bytes.count {
            let stated = bytes.number(at: place, 4, bigEndian: true)
            let length = stated >= 8 ? min(stated, bytes.count - place) : bytes.count - place
            parts.append(Part(bytes[place + 4..<place + 8], bytes[place + 8..<place + length]))
            place += length
        }
        return parts
    }

    private func write(_ parts: [Part]) -> [UInt8] {
        var bytes: [UInt8] = []
        for part in parts {
            bytes.append(number: part.body.count + 8, 4, bigEndian: true)
            bytes += part.kind + part.body
        }
        return bytes
    }

    func bytes(_ parts: [Part]) -> [UInt8] { write(parts) }

    /// A `meta` box begins with a version.
    private func head(_ part: Part) -> Int { part.kind == Array("meta".utf8) ? 4 : 0 }

    func inner(of part: Part) -> [Part]? {
        guard containers.contains(part.kind), part.body.count >= head(part) + 8 else { return nil }
        return boxes(part.body, from: head(part))
    }

    func outer(_ part: Part, _ inner: [Part]) -> [UInt8] { Array(part.body.prefix(head(part))) + write(inner) }
}
