// Conversions between encodings of files and storage types, rounding to nearest, ties to even: integer work on the bits
// without branches, as in `HalfBits.swift`.

/// The largest finite value of IEEE half precision.
private let largestHalf: Float = 65504

/// bfloat16 bits of single-precision bits. NaN stays NaN, with the top of its payload.
@inline(__always)
private func brainBits(_ single: UInt32) -> UInt16 {
    let rounded = (single &+ 0x7FFF &+ ((single >> 16) & 1)) >> 16
    let nan = (single >> 16) | 0x40
    return UInt16(truncatingIfNeeded: single & 0x7FFF_FFFF > 0x7F80_0000 ? nan : rounded)
}

/// Single-precision bits of bfloat16 bits; exact.
@inline(__always)
private func singleBits(brain: UInt16) -> UInt32 { UInt32(brain) << 16 }

/// Whether single-precision bits are a finite value beyond ±65504, as 0 or 1.
@inline(__always)
private func exceedsHalf(_ single: UInt32) -> UInt32 {
    let magnitude = single & 0x7FFF_FFFF
    return magnitude > largestHalf.bitPattern && magnitude < 0x7F80_0000 ? 1 : 0
}

/// `value` in single precision with the last bit set when inexact ("round to odd"), so that rounding the result
/// again to half or bfloat16 gives what rounding `value` once would.
private func roundedToOdd(_ value: Double) -> Float {
    let nearest = Float(value)
    guard Double(nearest) != value, !value.isNaN else { return nearest }
    let towardZero =
        nearest.magnitude > Float.greatestFiniteMagnitude || Double(nearest).magnitude > value.magnitude
        ? nearest.bitPattern &- 1 : nearest.bitPattern
    return Float(bitPattern: towardZero | 1)
}

extension ElementType {
    /// Converts `count` consecutive elements of this type at `source` to `type` at `destination`.
    ///
    /// - Returns: whether a conversion to f16 met a finite value beyond ±65504.
    package func convert(
        _ source: UnsafeRawPointer, count: Int, to destination: UnsafeMutableRawPointer, as type: StorageType
    ) -> Bool {
        if self == type.elementType {
            destination.copyMemory(from: source, byteCount: count * size)
            return false
        }
        switch self {
        case .f32: return narrow(source, UInt32.self, count, destination, type) { $0 }
        case .f16: return narrow(source, UInt16.self, count, destination, type) { singleBits(half: $0) }
        case .bf16: return narrow(source, UInt16.self, count, destination, type) { singleBits(brain: $0) }
        case .f64: return round(source, UInt64.self, count, destination, type) { Double(bitPattern: $0) }
        case .i64: return round(source, Int64.self, count, destination, type) { Double($0) }
        case .i32: return round(source, Int32.self, count, destination, type) { Double($0) }
        case .i16: return round(source, Int16.self, count, destination, type) { Double($0) }
        case .i8: return round(source, Int8.self, count, destination, type) { Double($0) }
        case .u8: return round(source, UInt8.self, count, destination, type) { Double($0) }
        case .bool: return round(source, UInt8.self, count, destination, type) { $0 == 0 ? 0 : 1 }
        }
    }
}

extension UnsafeMutableRawPointer {
    /// Stores one element in a storage type, rounded to nearest even.
    package func storeRounded(_ value: Float, at index: Int, as type: StorageType) {
        switch type {
        case .f32: storeBytes(of: value, toByteOffset: index * 4, as: Float.self)
        case .f16: storeBytes(of: halfBits(value.bitPattern), toByteOffset: index * 2, as: UInt16.self)
        case .bf16: storeBytes(of: brainBits(value.bitPattern), toByteOffset: index * 2, as: UInt16.self)
        }
    }
}

/// Converts elements that widen exactly to the single-precision bits `bits` gives.
@inline(__always)
private func narrow<Element: BitwiseCopyable & FixedWidthInteger>(
    _ source: UnsafeRawPointer, _: Element.Type, _ count: Int, _ destination: UnsafeMutableRawPointer,
    _ type: StorageType, _ bits: (Element) -> UInt32
) -> Bool {
    let size = MemoryLayout<Element>.size
    var exceeded: UInt32 = 0
    switch type {
    case .f32:
        for index in 0..<count {
            let element = source.loadUnaligned(fromByteOffset: index &* size, as: Element.self)
            destination.storeBytes(of: bits(element), toByteOffset: index &* 4, as: UInt32.self)
        }
    case .f16:
        for index in 0..<count {
            let single = bits(source.loadUnaligned(fromByteOffset: index &* size, as: Element.self))
            exceeded |= exceedsHalf(single)
            destination.storeBytes(of: halfBits(single), toByteOffset: index &* 2, as: UInt16.self)
        }
    case .bf16:
        for index in 0..<count {
            let single = bits(source.loadUnaligned(fromByteOffset: index &* size, as: Element.self))
            destination.storeBytes(of: brainBits(single), toByteOffset: index &* 2, as: UInt16.self)
        }
    }
    return exceeded != 0
}

/// Converts elements that need double precision; rare in checkpoints, so written plainly.
@inline(__always)
private func round<Element: BitwiseCopyable>(
    _ source: UnsafeRawPointer, _: Element.Type, _ count: Int, _ destination: UnsafeMutableRawPointer,
    _ type: StorageType, _ widen: (Element) -> Double
) -> Bool {
    var exceeded = false
    for index in 0..<count {
        let value = widen(source.loadUnaligned(fromByteOffset: index * MemoryLayout<Element>.size, as: Element.self))
        switch type {
        case .f32:
            destination.storeBytes(of: Float(value).bitPattern, toByteOffset: index * 4, as: UInt32.self)
        case .f16:
            exceeded = exceeded || (value.isFinite && value.magnitude > Double(largestHalf))
            let half = halfBits(roundedToOdd(value).bitPattern)
            destination.storeBytes(of: half, toByteOffset: index * 2, as: UInt16.self)
        case .bf16:
            let brain = brainBits(roundedToOdd(value).bitPattern)
            destination.storeBytes(of: brain, toByteOffset: index * 2, as: UInt16.self)
        }
    }
    return exceeded
}
