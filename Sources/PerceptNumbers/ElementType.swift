/// How one element of a stored tensor is encoded. All encodings are little endian.
package enum ElementType: String, Sendable, Hashable, CaseIterable {
    case f64, f32, f16, bf16, i64, i32, i16, i8, u8, bool

    /// A row of the table of encodings.
    private struct Row {
        let size: Int
        /// Added to the magnitude of an element that is NaN or infinite, it carries into the sign: the lowest bit of the
        /// exponent. Nil where every element is a number.
        var carry: UInt64?
    }

    private var row: Row {
        switch self {
        case .f64: Row(size: 8, carry: 1 << 52)
        case .f32: Row(size: 4, carry: 1 << 23)
        case .f16: Row(size: 2, carry: 1 << 10)
        case .bf16: Row(size: 2, carry: 1 << 7)
        case .i64: Row(size: 8)
        case .i32: Row(size: 4)
        case .i16: Row(size: 2)
        case .i8, .u8, .bool: Row(size: 1)
        }
    }

    /// Size of one element in bytes.
    package var size: Int { row.size }

    /// Whether elements are numbers with fractions, as weights are.
    package var isFloatingPoint: Bool { row.carry != nil }

    /// The name the safetensors format gives this type.
    package var safetensorsName: String {
        self == .bool ? "BOOL" : rawValue.uppercased()
    }

    package init?(safetensorsName name: String) {
        guard let type = Self.allCases.first(where: { $0.safetensorsName == name }) else { return nil }
        self = type
    }

    /// Whether none of `count` consecutive elements is NaN or infinite.
    package func areFinite(_ source: UnsafeRawPointer, count: Int) -> Bool {
        guard let carry = row.carry else { return true }
        return switch size {
        case 8: carriesNone(source, count, carry)
        case 4: carriesNone(source, count, UInt32(carry))
        default: carriesNone(source, count, UInt16(carry))
        }
    }
}

/// Looks for elements that carry into their sign without a branch, so that the loop becomes vector code.
@inline(__always)
private func carriesNone<Word: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(
    _ source: UnsafeRawPointer, _ count: Int, _ carry: Word
) -> Bool {
    let size = MemoryLayout<Word>.size
    let sign: Word = 1 << (Word.bitWidth - 1)
    var carried: Word = 0
    for index in 0..<count {
        let bits = source.loadUnaligned(fromByteOffset: index &* size, as: Word.self)
        carried |= (bits & ~sign) &+ carry
    }
    return carried & sign == 0
}
