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

    /// Whether the codes of a group are signed bytes or become such, which devices multiply four at a time.
    package var hasWholeCodes: Bool { if case .quantized(let format) = self { format.hasWholeCodes } else { false } }

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
