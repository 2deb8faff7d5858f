/// Numbers read from untrusted bytes: an offset outside the bytes is a `.corrupt` fault, never a trap.
struct ByteReader {
    let bytes: [UInt8]
    var littleEndian = false

    func byte(_ offset: Int) throws(MediaError.Fault) -> Int {
        guard bytes.indices.contains(offset) else { throw .corrupt("ends early, at byte \(bytes.count)") }
        return Int(bytes[offset])
    }

    func uint16(_ offset: Int) throws(MediaError.Fault) -> Int {
        let (first, second) = (try byte(offset), try byte(offset + 1))
        return littleEndian ? second << 8 | first : first << 8 | second
    }

    func uint24(_ offset: Int) throws(MediaError.Fault) -> Int {
        let (rest, last) = (try uint16(offset), try byte(offset + 2))
        return littleEndian ? last << 16 | rest : rest << 8 | last
    }

    func uint32(_ offset: Int) throws(MediaError.Fault) -> Int {
        let (first, second) = (try uint16(offset), try uint16(offset + 2))
        return littleEndian ? second << 16 | first : first << 16 | second
    }

    func int32(_ offset: Int) throws(MediaError.Fault) -> Int {
        Int(Int32(truncatingIfNeeded: try uint32(offset)))
    }

    /// True when the ASCII `text` stands at `offset`.
    func has(_ text: StaticString, at offset: Int) -> Bool {
        let count = text.utf8CodeUnitCount
        guard offset >= 0, offset + count <= bytes.count else { return false }
        return (0..<count).allSatisfy { bytes[offset + $0] == text.utf8Start[$0] }
    }

    /// Fails unless `range` lies within the bytes.
    func require(_ range: Range<Int>) throws(MediaError.Fault) {
        guard range.lowerBound >= 0, range.upperBound <= bytes.count else {
            throw .corrupt("ends early: \(range.upperBound - bytes.count) bytes are missing")
        }
    }
}
