/// A piece of a file that its format gives a name and a length.
package struct Part: Sendable, Hashable {
    package var kind: [UInt8]
    package var body: [UInt8]

    init(_ kind: some Sequence<UInt8>, _ body: some Sequence<UInt8>) {
        self.kind = Array(kind)
        self.body = Array(body)
    }
}

/// A format that is a row of parts, whose lengths and checksums are worked out when it is written.
package protocol PartedFormat: Sendable {
    /// Nil where the bytes are none of this format.
    func parts(_ bytes: [UInt8]) -> [Part]?
    func bytes(_ parts: [Part]) -> [UInt8]

    /// Kinds of parts that are made of parts.
    var containers: Set<[UInt8]> { get }
    /// The parts of such a part.
    func inner(of part: Part) -> [Part]?
    /// The body of `part` with other parts in it.
    func outer(_ part: Part, _ inner: [Part]) -> [UInt8]
}

extension PartedFormat {
    package var containers: Set<[UInt8]> { [] }
    package func inner(of part: Part) -> [Part]? { nil }
    package func outer(_ part: Part, _ inner: [Part]) -> [UInt8] { part.body }
}

/// Formats that are told apart by their bytes.
struct AnyOf: PartedFormat {
    let formats: [any PartedFormat]

    // The first part of all carries which of them it was.
    func parts(_ bytes: [UInt8]) -> [Part]? {
        for (index, format) in formats.enumerated() {
            if let parts = format.parts(bytes), !parts.isEmpty {
                return parts.map { Part([UInt8(index)] + $0.kind, $0.body) }
            }
        }
        return nil
    }

    func bytes(_ parts: [Part]) -> [UInt8] {
        guard let index = parts.first?.kind.first, Int(index) < formats.count else { return [] }
        return formats[Int(index)].bytes(parts.map { Part($0.kind.dropFirst(), $0.body) })
    }

    var containers: Set<[UInt8]> {
        var all: Set<[UInt8]> = []
        for (index, format) in formats.enumerated() { all.formUnion(format.containers.map { [UInt8(index)] + $0 }) }
        return all
    }

    func inner(of part: Part) -> [Part]? {
        guard let index = part.kind.first, Int(index) < formats.count else { return nil }
        return formats[Int(index)].inner(of: Part(part.kind.dropFirst(), part.body))?.map {
            Part([index] + $0.kind, $0.body)
        }
    }

    func outer(_ part: Part, _ inner: [Part]) -> [UInt8] {
        guard let index = part.kind.first, Int(index) < formats.count else { return part.body }
        return formats[Int(index)].outer(
            Part(part.kind.dropFirst(), part.body), inner.map { Part($0.kind.dropFirst(), $0.body) })
    }
}

extension [UInt8] {
    /// An unsigned number of `width` bytes.
    func number(at place: Int, _ width: Int, bigEndian: Bool) -> Int {
        var value = 0
        for index in 0..<width {
            value |= Int(self[place + (bigEndian ? width - 1 - index : index)]) << (8 * index)
        }
        return value
    }

    mutating func append(number value: Int, _ width: Int, bigEndian: Bool) {
        for index in 0..<width {
            append(UInt8(truncatingIfNeeded: value >> (8 * (bigEndian ? width - 1 - index : index))))
        }
    }
}

/// The checksum of PNG and zip (ISO/IEC 3309).
enum CRC32 {
    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 != 0 ? 0xEDB8_8320 ^ value >> 1 : value >> 1 }
    }

    static func of(_ bytes: [UInt8]) -> Int {
        var value: UInt32 = .max
        for byte in bytes { value = table[Int((value ^ UInt32(byte)) & 0xFF)] ^ value >> 8 }
        return Int(~value)
    }
}
