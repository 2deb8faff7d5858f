/// The codes of a JPEG (ITU-T T.81, annex C), to find where coded blocks end.
struct JPEGHuffmanTables {
    /// More than any block takes: 64 codes of 16 bits with values of 15, and what is read ahead.
    static let mostBytesInBlock = 512

    struct Table {
        /// For each byte that may come next: the length of the code it begins with, and its symbol; 0 for longer codes.
        var short = [(length: UInt8, symbol: UInt8)](repeating: (0, 0), count: 256)
        /// For each length: one more than the last code, aligned to 16 bits, and the symbol's index less its code.
        var limits = [Int](repeating: 0, count: 17)
        var bases = [Int](repeating: 0, count: 17)
        var symbols: [UInt8]

        init(counts: [Int], symbols: [UInt8]) {
            self.symbols = symbols
            var (code, index) = (0, 0)
            for length in 1...16 {
                bases[length] = index - code
                for _ in 0..<counts[length - 1] {
                    if length <= 8 {
                        for rest in 0..<(1 << (8 - length)) {
                            let byte = code << (8 - length) | rest
                            if byte < 256 { short[byte] = (UInt8(length), symbols[index]) }
                        }
                    }
                    code += 1
                    index += 1
                }
                limits[length] = code << (16 - length)
                code <<= 1
            }
        }
    }

    /// Classes 0 (DC) and 1 (AC), four of each. Frames of MJPEG may leave the usual ones out.
    private var tables: [[Table?]] = [Self.usual.dc, Self.usual.ac]

    /// Reads a segment that defines tables; those after something senseless stay as they were.
    mutating func define(_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) {
        var offset = range.lowerBound
        while offset + 17 <= range.upperBound {
            let (kind, number) = (Int(bytes[offset] >> 4), Int(bytes[offset] & 15))
            let counts = (1...16).map { Int(bytes[offset + $0]) }
            let total = counts.reduce(0, +)
            guard kind < 2, number < 4, total <= 256, offset + 17 + total <= range.upperBound else { return }
            tables[kind][number] = Table(counts: counts, symbols: Array(bytes[offset + 17..<offset + 17 + total]))
            offset += 17 + total
        }
    }

    /// How many bytes a number of units take, each made of blocks coded by these tables; nil where the data ends before
    /// or holds what is no code.
    func end(of blocks: [(dc: Int, ac: Int)], times units: Int, _ data: UnstuffedBits) -> Int? {
        let coding = blocks.map { (tables[0][$0.dc], tables[1][$0.ac]) }
        let bits = data.count * 8
        return data.bytes.withUnsafeBufferPointer { bytes -> Int? in
            var position = 0
            for _ in 0..<units {
                for case let (dc, ac) in coding {
                    guard let dc, let ac, Self.skipBlock(bytes, &position, dc, ac), position <= bits else { return nil }
                }
            }
            return (position + 7) / 8
        }
    }

    private static func skipBlock(
        _ bytes: UnsafeBufferPointer<UInt8>, _ position: inout Int, _ dc: borrowing Table, _ ac: borrowing Table
    ) -> Bool {
        guard let size = symbol(bytes, &position, dc), size <= 16 else { return false }
        position += Int(size)
        var index = 1
        while index < 64 {
            guard let coefficient = symbol(bytes, &position, ac) else { return false }
            let (run, size) = (Int(coefficient >> 4), Int(coefficient & 15))
            if size == 0 && run < 15 { return true }
            index += run + 1
            position += size
        }
        return index == 64
    }

    private static func symbol(
        _ bytes: UnsafeBufferPointer<UInt8>, _ position: inout Int, _ table: borrowing Table
    ) -> UInt8? {
        let start = position >> 3
        let three = Int(bytes[start]) << 16 | Int(bytes[start + 1]) << 8 | Int(bytes[start + 2])
        let next = three >> (8 - position & 7) & 0xFFFF
        let short = table.short[next >> 8]
        if short.length > 0 {
            position += Int(short.length)
            return short.symbol
        }
        for length in 9...16 where next < table.limits[length] {
            position += length
            let index = table.bases[length] + next >> (16 - length)
            return table.symbols.indices.contains(index) ? table.symbols[index] : nil
        }
        return nil
    }

    /// The tables that T.81 suggests (annex K.3), which files without tables of their own mean.
    private static let usual: (dc: [Table?], ac: [Table?]) = {
        let differences = Array(0...11 as ClosedRange<UInt8>)
        let luma = Table(counts: [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0], symbols: differences)
        let chroma = Table(counts: [0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0], symbols: differences)
        return ([luma, chroma, nil, nil], [usualLumaAC, usualChromaAC, nil, nil])
    }()
}
