/// How one element of a stored tensor is encoded. All encodings are little endian.
package enum ElementType: String, Sendable, Hashable, CaseIterable {
    case f64, f32, f16, bf16, i64, i32, i16, i8, u8, bool

    /// Size of one element in bytes.
    package var size: Int {
        switch self {
        case .f64, .i64: 8
        case .f32, .i32: 4
        case .f16, .bf16, .i16: 2
        case .i8, .u8, .bool: 1
        }
    }

    /// Whether elements are numbers with fractions, as weights are.
    package var isFloatingPoint: Bool { [.f64, .f32, .f16, .bf16].contains(self) }

    /// The name the safetensors format gives this type.
    package var safetensorsName: String {
        self == .bool ? "BOOL" : rawValue.uppercased()
    }

    init?(safetensorsName name: String) {
        guard let type = Self.allCases.first(where: { $0.safetensorsName == name }) else { return nil }
        self = type
    }
}

/// What weights become on their way to a device.
package enum WeightFormat: String, Sendable, Hashable, CaseIterable {
    case f32, f16, bf16

    /// Size of one element in bytes.
    package var size: Int { self == .f32 ? 4 : 2 }

    /// The stored type with the same bits.
    package var elementType: ElementType {
        switch self {
        case .f32: .f32
        case .f16: .f16
        case .bf16: .bf16
        }
    }
}

/// The number of elements of `shape`, or nil if it has a negative side or more elements than an `Int` counts.
///
/// A side of zero is left out of that second rule: the strides of a tensor without elements are products of its other
/// sides.
func elementCount(_ shape: [Int]) -> Int? {
    var count = 1
    for side in shape {
        guard side >= 0 else { return nil }
        let (product, overflow) = count.multipliedReportingOverflow(by: max(side, 1))
        if overflow { return nil }
        count = product
    }
    return shape.contains(0) ? 0 : count
}
