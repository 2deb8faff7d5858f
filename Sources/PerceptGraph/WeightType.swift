/// How a weight's rows lie in device memory: as activations do, or quantised. Those of a decoder's cache lie likewise.
package enum WeightType: Sendable, Hashable, CaseIterable, CustomStringConvertible {
    case plain(StorageType)
    case quantized(QuantizedFormat)

    package static let q8 = WeightType.quantized(.q8)
    package static let q4 = WeightType.quantized(.q4)

    package static var allCases: [WeightType] {
        StorageType.allCases.map { .plain($0) } + QuantizedFormat.allCases.map { .quantized($0) }
    }

    package var isPlain: Bool { if case .plain = self { true } else { false } }

    /// Bytes of a row, from its start to that of the next.
    package func rowByteCount(columns: Int) -> Int {
        switch self {
        case .plain(let type): columns.roundedUp(to: 8) * type.byteCount
        case .quantized(let format): format.rowByteCount(columns: columns)
        }
    }

    /// The type constant of the kernels.
    package var constant: UInt32 {
        switch self {
        case .plain(let type): type.rawValue
        case .quantized(let format): format.rawValue
        }
    }

    package var description: String {
        switch self {
        case .plain(let type): "\(type)"
        case .quantized(let format): "\(format)"
        }
    }
}

/// Elements in groups of 32 along a row, each with numbers of its own that its codes count in.
///
/// | | code | of a group | an element is |
/// |---|---|---|---|
/// | q8 | a signed byte, -127 ... 127 | scale | code · scale / 128 |
/// | q4 | four bits, 0 ... 15 | scale, minimum | minimum + code · scale / 16 |
///
/// Scale and minimum are f16. A scale is as wide as its group is, not one step: subnormal halves, which some devices take
/// for zero, are then left to groups of no weight. A group that has no such numbers, because an element is not finite or
/// too large (from 65 000 up; in q4 also where elements lie more than 61 000 apart), has NaN for a scale, hence elements.
///
/// A row is the codes of whole groups, then the f16 numbers of all groups, filled up with zeros to 16 bytes; codes behind
/// the last column are zero. Bytes and halves lie in 32-bit words from the low end up; element 2i of q4 is the low half of
/// byte i.
package enum QuantizedFormat: UInt32, Sendable, Hashable, CaseIterable, CustomStringConvertible {
    // The raw values are type constants of `Shaders/include/storage.glsl`.
    case q8 = 3
    case q4 = 4

    /// Elements of a group.
    package static let groupSize = 32

    package var bitsPerCode: Int { self == .q8 ? 8 : 4 }
    /// f16 numbers of a group.
    package var halvesPerGroup: Int { self == .q8 ? 1 : 2 }

    package func groups(columns: Int) -> Int { columns.dividedRoundingUp(by: Self.groupSize) }

    /// Bytes of a row's codes, behind which the f16 numbers begin.
    package func codeByteCount(columns: Int) -> Int { groups(columns: columns) * Self.groupSize * bitsPerCode / 8 }

    package func rowByteCount(columns: Int) -> Int {
        (codeByteCount(columns: columns) + groups(columns: columns) * halvesPerGroup * 2).roundedUp(to: 16)
    }

    package var description: String { self == .q8 ? "q8" : "q4" }
}
