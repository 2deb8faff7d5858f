// Conversions between bits of single and half precision, rounding to nearest, ties to even.
// Everything is integer work on the bits without branches, so that loops become vector code on every CPU: `Float16`
// costs a library call per element where the compiler may not assume the F16C instructions.

/// Half-precision bits of single-precision bits. NaN stays NaN, with the top of its payload.
@inline(__always)
func halfBits(_ single: UInt32) -> UInt16 {
    let sign = (single >> 16) & 0x8000
    let magnitude = single & 0x7FFF_FFFF
    // Normal results: rebias the exponent by -112, then round at bit 13; a carry into the exponent is right.
    let normal = (magnitude &- 0x3800_0000 &+ 0xFFF &+ ((magnitude >> 13) & 1)) >> 13
    // Subnormal results: adding 0.5 leaves the rounded multiple of 2^-24 in the low mantissa bits.
    let subnormal = (Float(bitPattern: magnitude) + 0.5).bitPattern &- 0x3F00_0000
    let nan = 0x7E00 | ((magnitude >> 13) & 0x3FF)
    let finite = magnitude < 0x3880_0000 ? subnormal : normal
    let special = magnitude > 0x7F80_0000 ? nan : 0x7C00
    // From 65520 up the result is infinity.
    return UInt16(truncatingIfNeeded: sign | (magnitude >= 0x477F_F000 ? special : finite))
}

/// Single-precision bits of half-precision bits; exact.
@inline(__always)
func singleBits(half: UInt16) -> UInt32 {
    let sign = UInt32(half & 0x8000) << 16
    let shifted = UInt32(half & 0x7FFF) << 13
    let exponent = shifted & 0x0F80_0000
    let normal = shifted &+ 0x3800_0000
    let special = normal &+ 0x3800_0000
    let subnormal = (Float(bitPattern: normal &+ 0x0080_0000) - Float(bitPattern: 0x3880_0000)).bitPattern
    return sign | (exponent == 0x0F80_0000 ? special : exponent == 0 ? subnormal : normal)
}

/// ``halfBits(_:)`` of four numbers, in the low halves of the result.
@inline(__always)
func halfBits(_ single: SIMD4<UInt32>) -> SIMD4<UInt32> {
    let magnitude = single & 0x7FFF_FFFF
    let normal = (magnitude &- 0x3800_0000 &+ 0xFFF &+ ((magnitude &>> 13) & 1)) &>> 13
    let subnormal = unsafeBitCast(unsafeBitCast(magnitude, to: SIMD4<Float>.self) + 0.5, to: SIMD4<UInt32>.self)
    var result = normal.replacing(with: subnormal &- 0x3F00_0000, where: magnitude .< 0x3880_0000)
    result.replace(with: 0x7C00, where: magnitude .>= 0x477F_F000)
    result.replace(with: 0x7E00 | ((magnitude &>> 13) & 0x3FF), where: magnitude .> 0x7F80_0000)
    return ((single &>> 16) & 0x8000) | result
}

/// ``singleBits(half:)`` of four numbers, as the numbers that they are.
@inline(__always)
func singles(half: SIMD4<UInt32>) -> SIMD4<Float> {
    func number(_ bits: SIMD4<UInt32>) -> SIMD4<Float> { unsafeBitCast(bits, to: SIMD4<Float>.self) }
    let shifted = (half & 0x7FFF) &<< 13
    let exponent = shifted & 0x0F80_0000
    let normal = shifted &+ 0x3800_0000
    let subnormal = number(normal &+ 0x0080_0000) - Float(bitPattern: 0x3880_0000)
    var bits = normal.replacing(with: unsafeBitCast(subnormal, to: SIMD4<UInt32>.self), where: exponent .== 0)
    bits.replace(with: normal &+ 0x3800_0000, where: exponent .== 0x0F80_0000)
    return number((half & 0x8000) &<< 16 | bits)
}
