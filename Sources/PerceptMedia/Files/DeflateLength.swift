/// How many bytes compressed data unpacks to (RFC 1950, RFC 1951), without unpacking it.
///
/// FFmpeg's TIFF decoder takes a strip that unpacks to too little for success and shows whatever lay in memory before.
struct DeflateLength {
    private let bytes: ArraySlice<UInt8>
    private var position: Int
    private var held: UInt64 = 0
    private var heldBits = 0
    private var length = 0

    /// The length of a zlib stream, counted no further than to a limit; nil where it is damaged before.
    static func unpacked(_ bytes: ArraySlice<UInt8>, limit: Int) -> Int? {
        guard bytes.count > 2, bytes[bytes.startIndex] & 15 == 8 else { return nil }
        var counter = DeflateLength(bytes)
        while counter.length < limit {
            guard let isLast = counter.bits(1), let kind = counter.bits(2) else { return nil }
            switch kind {
            case 0: guard counter.skipStored() else { return nil }
            case 1: guard counter.skipCoded(Self.fixed.lengths, Self.fixed.distances, limit) else { return nil }
            case 2:
                guard let (lengths, distances) = counter.readCodes(),
                    counter.skipCoded(lengths, distances, limit)
                else { return nil }
            default: return nil
            }
            if isLast == 1 { break }
        }
        return counter.length
    }

    private init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        position = bytes.startIndex + 2
    }

    /// A prefix code: how many codes there are of each length, and the symbols in their order.
    private struct Code {
        var counts = [Int](repeating: 0, count: 16)
        var symbols: [Int] = []
        /// For each nine bits that may come next: the symbol and the length of the code they begin with, of 4 bits; 0 for longer
        /// codes.
        var short = [UInt16](repeating: 0, count: 512)

        init(_ lengths: some Collection<Int>) {
            for length in lengths { counts[length] += 1 }
            counts[0] = 0
            for length in 1...15 where counts[length] > 0 {
                symbols += lengths.enumerated().lazy.filter { $0.element == length }.map(\.offset)
            }
            var (code, index) = (0, 0)
            for length in 1...9 {
                for symbol in symbols[index..<(index + counts[length])] {
                    // Codes come with their highest bit first.
                    let reversed = (0..<length).reduce(0) { $0 | (code >> $1 & 1) << (length - 1 - $1) }
                    for rest in stride(from: reversed, to: 512, by: 1 << length) {
                        short[rest] = UInt16(symbol << 4 | length)
                    }
                    code += 1
                }
                index += counts[length]
                code <<= 1
            }
        }
    }

    /// Holds at least 32 bits, as long as there are any.
    private mutating func fill() {
        while heldBits <= 56, position < bytes.endIndex {
            held |= UInt64(bytes[position]) << UInt64(heldBits)
            position += 1
            heldBits += 8
        }
    }

    private mutating func bits(_ count: Int) -> Int? {
        if heldBits < count { fill() }
        guard heldBits >= count else { return nil }
        let value = held & (1 << UInt64(count) - 1)
        held >>= UInt64(count)
        heldBits -= count
        return Int(value)
    }

    private mutating func symbol(_ code: borrowing Code) -> Int? {
        if heldBits < 15 { fill() }
        let short = Int(code.short[Int(held & 511)])
        if short > 0, short & 15 <= heldBits {
            held >>= UInt64(short & 15)
            heldBits -= short & 15
            return short >> 4
        }
        var (value, first, index) = (0, 0, 0)
        for length in 1...15 {
            guard let bit = bits(1) else { return nil }
            value |= bit
            let count = code.counts[length]
            if value - count < first { return code.symbols[index + value - first] }
            index += count
            first = (first + count) << 1
            value <<= 1
        }
        return nil
    }

    private mutating func skipStored() -> Bool {
        // Whole bytes that were read ahead are given back.
        position -= heldBits / 8
        held = 0
        heldBits = 0
        guard position + 4 <= bytes.endIndex else { return false }
        let count = Int(bytes[position]) | Int(bytes[position + 1]) << 8
        position += 4 + count
        length += count
        return position <= bytes.endIndex
    }

    private mutating func skipCoded(_ lengths: Code, _ distances: Code, _ limit: Int) -> Bool {
        while length < limit {
            guard let symbol = symbol(lengths) else { return false }
            if symbol == 256 { return true }
            guard symbol > 256 else {
                length += 1
                continue
            }
            guard symbol < 286, let more = bits(Self.lengthBits[symbol - 257]), let distance = self.symbol(distances),
                distance < 30, bits(distance < 4 ? 0 : distance / 2 - 1) != nil
            else { return false }
            length += Self.lengthBases[symbol - 257] + more
        }
        return true
    }

    private mutating func readCodes() -> (lengths: Code, distances: Code)? {
        guard let lengths = bits(5), let distances = bits(5), let codes = bits(4) else { return nil }
        var small = [Int](repeating: 0, count: 19)
        let order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
        for index in 0..<codes + 4 {
            guard let length = bits(3) else { return nil }
            small[order[index]] = length
        }
        let code = Code(small)
        var all: [Int] = []
        let count = lengths + 257 + distances + 1
        while all.count < count {
            guard let symbol = symbol(code) else { return nil }
            switch symbol {
            case 0...15: all.append(symbol)
            case 16:
                guard let last = all.last, let more = bits(2) else { return nil }
                all += Array(repeating: last, count: 3 + more)
            default:
                guard let more = bits(symbol == 17 ? 3 : 7) else { return nil }
                all += Array(repeating: 0, count: (symbol == 17 ? 3 : 11) + more)
            }
        }
        guard all.count == count else { return nil }
        return (Code(all[..<(lengths + 257)]), Code(all[(lengths + 257)...]))
    }

    private static let fixed = (
        lengths: Code((0..<288).map { $0 < 144 ? 8 : $0 < 256 ? 9 : $0 < 280 ? 7 : 8 }),
        distances: Code(Array(repeating: 5, count: 30))
    )
    private static let lengthBits = [
        0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
    ]
    private static let lengthBases = [
        3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227,
        258,
    ]
}
