/// How numbers lie in device memory. Arithmetic is always f32.
package enum StorageType: UInt32, Sendable, Hashable, CaseIterable, CustomStringConvertible {
    // The raw values are the type constants of `Shaders/include/storage.glsl`.
    case f32 = 0
    case f16 = 1
    case bf16 = 2

    package var byteCount: Int { self == .f32 ? 4 : 2 }

    package var description: String {
        switch self {
        case .f32: "f32"
        case .f16: "f16"
        case .bf16: "bf16"
        }
    }

    /// Half the distance between neighbouring numbers, relative; f16's is doubled, since GLSL leaves the rounding of
    /// `packHalf2x16` to the driver.
    package var roundoff: Double {
        switch self {
        case .f32: 0x1p-24
        case .f16: 0x1p-10
        case .bf16: 0x1p-8
        }
    }
}

extension Int {
    package func dividedRoundingUp(by divisor: Int) -> Int { (self + divisor - 1) / divisor }
    package func roundedUp(to multiple: Int) -> Int { dividedRoundingUp(by: multiple) * multiple }
}
