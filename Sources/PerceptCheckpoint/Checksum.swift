import Synchronization

/// CRC-32 as zip archives have it (ISO 3309), sixteen bytes at a time (Intel, "slicing-by-8", 2006).
enum CRC32 {
    /// Table k holds what a byte does k bytes further on.
    private static let tables: [UInt32] = {
        var tables = [UInt32](repeating: 0, count: 16 * 256)
        for byte in 0..<256 {
            var value = UInt32(byte)
            for _ in 0..<8 { value = value & 1 == 0 ? value >> 1 : value >> 1 ^ 0xEDB8_8320 }
            tables[byte] = value
        }
        for index in 256..<tables.count {
            let before = tables[index - 256]
            tables[index] = before >> 8 ^ tables[Int(before & 0xFF)]
        }
        return tables
    }()

    static func of(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        guard let base = bytes.baseAddress else { return 0 }
        return tables.withUnsafeBufferPointer { tables in
            guard let table = tables.baseAddress else { return 0 }
            var crc = ~UInt32(0)
            var position = 0
            while position &+ 16 <= bytes.count {
                let low = base.loadUnaligned(fromByteOffset: position, as: UInt64.self).littleEndian ^ UInt64(crc)
                let high = base.loadUnaligned(fromByteOffset: position &+ 8, as: UInt64.self).littleEndian
                crc = fold(low, table + 8 * 256) ^ fold(high, table)
                position &+= 16
            }
            while position < bytes.count {
                let byte = base.load(fromByteOffset: position, as: UInt8.self)
                crc = crc >> 8 ^ table[Int(truncatingIfNeeded: (crc ^ UInt32(byte)) & 0xFF)]
                position &+= 1
            }
            return ~crc
        }
    }

    /// Eight bytes through the eight tables from `table` on, the first through the last.
    @inline(__always)
    private static func fold(_ word: UInt64, _ table: UnsafePointer<UInt32>) -> UInt32 {
        @inline(__always) func entry(_ byte: UInt64) -> UInt32 {
            table[Int(truncatingIfNeeded: (7 &- byte) &<< 8 | (word &>> (8 &* byte)) & 0xFF)]
        }
        return entry(0) ^ entry(1) ^ entry(2) ^ entry(3) ^ entry(4) ^ entry(5) ^ entry(6) ^ entry(7)
    }
}

/// What a file says of a range of its bytes, compared when they are first read: tensors that nobody asks for cost
/// nothing.
final class ContentCheck: Sendable {
    private enum State { case unknown, sound, damaged }

    private let range: Range<Int>
    private let checksum: UInt32
    /// What lies there, for messages.
    private let name: String
    private let state = Mutex(State.unknown)

    init(_ range: Range<Int>, checksum: UInt32, name: String) {
        self.range = range
        self.checksum = checksum
        self.name = name
    }

    /// - Throws: ``CheckpointError/malformed(file:reason:)`` where the bytes are not those that were written.
    func verify(_ file: MappedFile) throws(CheckpointError) {
        // Who else wants these bytes waits for the one comparison.
        let isSound = state.withLock { state in
            if state == .unknown {
                let bytes = UnsafeRawBufferPointer(rebasing: file.bytes[range])
                state = CRC32.of(bytes) == checksum ? .sound : .damaged
            }
            return state == .sound
        }
        guard isSound else {
            throw .malformed(
                file: file.path,
                reason: "the archive entry '\(name)' is damaged: its checksum is another than the archive states; "
                    + "fetch or copy the file again")
        }
    }
}
