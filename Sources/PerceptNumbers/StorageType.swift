/// How numbers lie in device memory, element by element. Arithmetic is always f32.
package enum StorageType: UInt32, Sendable, Hashable, CaseIterable, CustomStringConvertible {
    // The raw values are the type constants of `Shaders/include/storage.glsl`.
    case f32 = 0
    case f16 = 1
    case bf16 = 2

    /// A row of the table of storage types.
    private struct Row {
        let elementType: ElementType
        let roundoff: Double
        let towerError: Double
    }

    private var row: Row {
        switch self {
        case .f32: Row(elementType: .f32, roundoff: 0x1p-24, towerError: 1e-5)
        case .f16: Row(elementType: .f16, roundoff: 0x1p-10, towerError: 3e-3)
        case .bf16: Row(elementType: .bf16, roundoff: 0x1p-8, towerError: 2e-2)
        }
    }

    /// The elements of files with the same bits.
    package var elementType: ElementType { row.elementType }

    package var byteCount: Int { elementType.size }

    package var description: String { elementType.rawValue }

    /// Half the distance between neighbouring numbers, relative; f16's is doubled, since GLSL leaves the rounding of
    /// `packHalf2x16` to the driver.
    package var roundoff: Double { row.roundoff }

    /// What storing every activation in this type may cost a result, as a part of its largest element.
    package var towerError: Double { row.towerError }

    /// The numbers that bytes hold in this type.
    package func values(_ bytes: UnsafeRawBufferPointer) -> [Float] {
        let count = bytes.count / byteCount
        return [Float](unsafeUninitializedCapacity: count) { values, initialized in
            guard let source = bytes.baseAddress, let target = values.baseAddress else { return }
            _ = elementType.convert(source, count: count, to: target, as: .f32)
            initialized = count
        }
    }

    /// Whether a 32-bit word of memory, which holds one element or two, holds one that is NaN.
    package func isNaN(inWord bits: UInt32) -> Bool {
        switch self {
        case .f32: bits & 0x7fff_ffff > 0x7f80_0000
        case .f16: bits & 0x7fff > 0x7c00 || (bits >> 16) & 0x7fff > 0x7c00
        case .bf16: bits & 0x7fff > 0x7f80 || (bits >> 16) & 0x7fff > 0x7f80
        }
    }
}
