/// safetensors: the header, whose length stands before it, and the data.
struct SafetensorsFormat: PartedFormat {
    func parts(_ bytes: [UInt8]) -> [Part]? {
        guard bytes.count > 8 else { return nil }
        let length = bytes.number(at: 0, 7, bigEndian: false)
        guard bytes[7] == 0, length <= bytes.count - 8 else { return nil }
        let header = bytes[8..<8 + length]
        // Its lines are parts too, so that tensors can be left out, repeated and exchanged.
        var parts: [Part] = []
        var start = header.startIndex
        for index in header.indices where header[index] == UInt8(ascii: "}") {
            parts.append(Part([0], header[start...index]))
            start = index + 1
        }
        parts.append(Part([0], header[start...]))
        return parts + [Part([1], bytes[(8 + length)...])]
    }

    func bytes(_ parts: [Part]) -> [UInt8] {
        let header = parts.filter { $0.kind == [0] }.flatMap(\.body)
        var bytes: [UInt8] = []
        bytes.append(number: header.count, 8, bigEndian: false)
        return bytes + header + parts.filter { $0.kind == [1] }.flatMap(\.body)
    }
}

/// zip, stored: the entries, with offsets, sizes and checksums worked out. A part's kind is its name.
struct ZipFormat: PartedFormat {
    func parts(_ bytes: [UInt8]) -> [Part]? {
        guard bytes.starts(with: [0x50, 0x4B, 3, 4]) else { return nil }
        // The central directory says how long the entries are, which need not stand before them.
        guard let end = bytes.indices.dropLast(21).last(where: { bytes[$0...].starts(with: [0x50, 0x4B, 5, 6]) }) else {
            return nil
        }
        var place = bytes.number(at: end + 16, 4, bigEndian: false)
        var parts: [Part] = []
        while place + 46 <= end, bytes[place...].starts(with: [0x50, 0x4B, 1, 2]) {
            let size = bytes.number(at: place + 20, 4, bigEndian: false)
            let (name, extra, comment) = (
                bytes.number(at: place + 28, 2, bigEndian: false), bytes.number(at: place + 30, 2, bigEndian: false),
                bytes.number(at: place + 32, 2, bigEndian: false)
            )
            let local = bytes.number(at: place + 42, 4, bigEndian: false)
            guard place + 46 + name <= end, local + 30 <= end else { return nil }
            let data =
                local + 30 + bytes.number(at: local + 26, 2, bigEndian: false)
                + bytes.number(at: local + 28, 2, bigEndian: false)
            guard data + size <= end else { return nil }
            parts.append(Part(bytes[place + 46..<place + 46 + name], bytes[data..<data + size]))
            place += 46 + name + extra + comment
        }
        return parts
    }

    func bytes(_ parts: [Part]) -> [UInt8] {
        var (bytes, directory): ([UInt8], [UInt8]) = ([], [])
        for part in parts {
            let offset = bytes.count
            // Version, flags, method, time and date; then checksum, both sizes, and the lengths of name and extra field.
            var common: [UInt8] = [10, 0, 0, 0, 0, 0, 0, 0, 0, 0]
            common.append(number: CRC32.of(part.body), 4, bigEndian: false)
            common.append(number: part.body.count, 4, bigEndian: false)
            common.append(number: part.body.count, 4, bigEndian: false)
            common.append(number: part.kind.count, 2, bigEndian: false)
            common += [0, 0]
            bytes += [0x50, 0x4B, 3, 4] + common + part.kind + part.body
            directory += [0x50, 0x4B, 1, 2, 10, 0] + common + [UInt8](repeating: 0, count: 10)
            directory.append(number: offset, 4, bigEndian: false)
            directory += part.kind
        }
        let offset = bytes.count
        bytes += directory + [0x50, 0x4B, 5, 6, 0, 0, 0, 0]
        for _ in 0..<2 { bytes.append(number: parts.count, 2, bigEndian: false) }
        bytes.append(number: directory.count, 4, bigEndian: false)
        bytes.append(number: offset, 4, bigEndian: false)
        return bytes + [0, 0]
    }
}
