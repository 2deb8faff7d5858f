/// How elements of a row lie quantised: in groups of 32, each with numbers of its own that its codes count in.
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
    // The raw values are type constants of `Shaders/include/format.glsl`, which reads the rows.
    case q8 = 3
    case q4 = 4

    /// The table of formats.
    var row: any RowFormat.Type {
        switch self {
        case .q8: SignedBytes.self
        case .q4: Nibbles.self
        }
    }

    /// - Returns: nil for a name that no format has.
    package init?(name: String) {
        guard let format = Self.allCases.first(where: { $0.description == name }) else { return nil }
        self = format
    }

    package var description: String { row.name }

    /// Elements of a group.
    package static let groupSize = 32

    package var bitsPerCode: Int { row.bitsPerCode }

    /// f16 numbers of a group.
    package var halvesPerGroup: Int { row.halvesPerGroup }

    /// Whether codes are whole numbers that a signed byte holds.
    package var hasWholeCodes: Bool { row.hasWholeCodes }

    package func groups(columns: Int) -> Int { columns.dividedRoundingUp(by: Self.groupSize) }

    /// Bytes of a row's codes, behind which the f16 numbers begin.
    package func codeByteCount(columns: Int) -> Int { groups(columns: columns) * Self.groupSize * bitsPerCode / 8 }

    package func rowByteCount(columns: Int) -> Int {
        (codeByteCount(columns: columns) + groups(columns: columns) * halvesPerGroup * 2).roundedUp(to: 16)
    }
}
