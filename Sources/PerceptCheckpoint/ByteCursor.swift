/// A position in untrusted bytes; every step is checked against the end.
struct ByteCursor {
    let bytes: UnsafeRawBufferPointer
    /// Where the bytes come from, for messages.
    let file: String
    private(set) var position: Int

    init(_ bytes: UnsafeRawBufferPointer, at position: Int = 0, file: String) {
        self.bytes = bytes
        self.position = position
        self.file = file
    }

    /// The next `count` bytes.
    mutating func take(_ count: Int) throws(CheckpointError) -> UnsafeRawBufferPointer {
        guard position >= 0, count >= 0, position <= bytes.count, count <= bytes.count - position else {
            throw .truncated(
                file: file, needed: position.addingReportingOverflow(count).partialValue, found: bytes.count)
        }
        defer { position += count }
        return UnsafeRawBufferPointer(rebasing: bytes[position..<position + count])
    }

    /// The next integer, little endian.
    mutating func integer<T: FixedWidthInteger & BitwiseCopyable>(_ type: T.Type) throws(CheckpointError) -> T {
        T(littleEndian: try take(MemoryLayout<T>.size).loadUnaligned(as: type))
    }

    /// The next unsigned integer of 64 bits as a size.
    mutating func size64() throws(CheckpointError) -> Int {
        let value = try integer(UInt64.self)
        guard let size = Int(exactly: value) else {
            throw .malformed(file: file, reason: "a size of \(value) bytes is out of range")
        }
        return size
    }

    /// The next `count` bytes as UTF-8 text.
    mutating func text(_ count: Int) throws(CheckpointError) -> String {
        guard let text = String(validating: try take(count), as: UTF8.self) else {
            throw .malformed(file: file, reason: "text at byte \(position - count) is not UTF-8")
        }
        return text
    }

    /// The bytes up to the next line feed, which is consumed, as text.
    mutating func line() throws(CheckpointError) -> String {
        guard let end = bytes[position...].firstIndex(of: UInt8(ascii: "\n")) else {
            throw .truncated(file: file, needed: bytes.count + 1, found: bytes.count)
        }
        let line = try text(end - position)
        position += 1
        return line
    }
}
