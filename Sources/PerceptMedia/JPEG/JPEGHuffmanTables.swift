/// The codes of a JPEG (ITU-T T.81, annex C), to find where coded blocks end.
struct JPEGHuffmanTables {
    /// More than any block takes: 64 codes of 16 bits with values of 15, and what is read ahead.
    static let mostBytesInBlock = 512

    /// Where the parts of a table are. All tables lie in one array, so that codes are looked up without counting references.
    private enum Part {
        /// For each byte that may come next: the length of the code it begins with times 256, and its symbol; 0 for longer
        /// codes.
        static let short = 0
        /// For each length: one more than the last code, aligned to 16 bits, and the symbol's index less its code.
        static let limits = 256
        static let bases = 273
        static let symbols = 290
        static let symbolCount = 546
        static let size = 547
    }

    /// Classes 0 (DC) and 1 (AC), four tables of each. Frames of MJPEG may leave the usual ones out.
    private var tables: [Int32] = Self.usual

    /// Reads a segment that defines tables; those after something senseless stay as they were.
    mutating func define(_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) {
        var offset = range.lowerBound
        while offset + 17 <= range.upperBound {
            let (kind, number) = (Int(bytes[offset] >> 4), Int(bytes[offset] & 15))
            let counts = (1...16).map { Int(bytes[offset + $0]) }
            let total = counts.reduce(0, +)
            guard kind < 2, number < 4, total <= 256, offset + 17 + total <= range.upperBound else { return }
            Self.define(&tables, 4 * kind + number, counts, Array(bytes[offset + 17..<offset + 17 + total]))
            offset += 17 + total
        }
    }

    private static func define(_ tables: inout [Int32], _ number: Int, _ counts: [Int], _ symbols: [UInt8]) {
        let start = number * Part.size
        for index in start..<start + Part.size { tables[index] = 0 }
        tables[start + Part.symbolCount] = Int32(symbols.count)
        for (index, symbol) in symbols.enumerated() { tables[start + Part.symbols + index] = Int32(symbol) }
        var (code, index) = (0, 0)
        for length in 1...16 {
            tables[start + Part.bases + length] = Int32(index - code)
            for _ in 0..<counts[length - 1] {
                if length <= 8 {
                    for rest in 0..<(1 << (8 - length)) {
                        let byte = code << (8 - length) | rest
                        if byte < 256 { tables[start + Part.short + byte] = Int32(length << 8) | Int32(symbols[index]) }
                    }
                }
                code += 1
                index += 1
            }
            tables[start + Part.limits + length] = Int32(code << (16 - length))
            code <<= 1
        }
    }

    /// How many bytes a number of units take, each made of blocks coded by these tables; nil where the data ends before
    /// or holds what is no code.
    func end(of blocks: [(dc: Int, ac: Int)], times units: Int, _ data: UnstuffedBits) -> Int? {
        let bits = data.count * 8
        return data.bytes.withUnsafeBufferPointer { bytes in
            tables.withUnsafeBufferPointer { tables -> Int? in
                var position = 0
                for _ in 0..<units {
                    for (dc, ac) in blocks {
                        let (dc, ac) = (dc * Part.size, (4 + ac) * Part.size)
                        guard Self.skipBlock(bytes, &position, tables, dc, ac), position <= bits else { return nil }
                    }
                }
                return (position + 7) / 8
            }
        }
    }

    private static func skipBlock(
        _ bytes: UnsafeBufferPointer<UInt8>, _ position: inout Int, _ tables: UnsafeBufferPointer<Int32>, _ dc: Int,
        _ ac: Int
    ) -> Bool {
        let size = symbol(bytes, &position, tables, dc)
        guard 0...16 ~= size else { return false }
        position += size
        var index = 1
        while index < 64 {
            let coefficient = symbol(bytes, &position, tables, ac)
            guard coefficient >= 0 else { return false }
            let (run, size) = (coefficient >> 4, coefficient & 15)
            if size == 0 && run < 15 { return true }
            index += run + 1
            position += size
        }
        return index == 64
    }

    /// The next symbol, by the table that begins at `table`; -1 where there is none.
    private static func symbol(
        _ bytes: UnsafeBufferPointer<UInt8>, _ position: inout Int, _ tables: UnsafeBufferPointer<Int32>, _ table: Int
    ) -> Int {
        let start = position >> 3
        let three = Int(bytes[start]) << 16 | Int(bytes[start + 1]) << 8 | Int(bytes[start + 2])
        let next = three >> (8 - position & 7) & 0xFFFF
        let short = Int(tables[table + Part.short + next >> 8])
        if short > 0 {
            position += short >> 8
            return short & 0xFF
        }
        for length in 9...16 where next < tables[table + Part.limits + length] {
            position += length
            let index = Int(tables[table + Part.bases + length]) + next >> (16 - length)
            guard index >= 0, index < tables[table + Part.symbolCount] else { return -1 }
            return Int(tables[table + Part.symbols + index])
        }
        return -1
    }

    /// The tables that T.81 suggests (annex K.3), which files without tables of their own mean.
    private static let usual: [Int32] = {
        let differences = Array(0...11 as ClosedRange<UInt8>)
        var tables = [Int32](repeating: 0, count: 8 * Part.size)
        define(&tables, 0, [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0], differences)
        define(&tables, 1, [0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0], differences)
        define(&tables, 4, usualLumaAC.counts, usualLumaAC.symbols)
        define(&tables, 5, usualChromaAC.counts, usualChromaAC.symbols)
        return tables
    }()
}
