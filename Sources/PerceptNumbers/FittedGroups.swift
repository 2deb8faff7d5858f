/// One number of each of four groups that are fitted side by side, so that no step waits for the one before.
typealias Lanes = SIMD4<Float>

/// f16 numbers of four groups, as they are stored and as they are reckoned with.
struct Halves {
    /// In the low 16 bits of each.
    private(set) var bits: SIMD4<UInt32>
    private(set) var values: Lanes

    init(bits: SIMD4<UInt32>) {
        self.bits = bits
        values = singles(half: bits)
    }

    /// The nearest; infinite beyond the largest.
    @inline(__always)
    init(_ values: Lanes) { self.init(bits: halfBits(unsafeBitCast(values, to: SIMD4<UInt32>.self))) }

    /// The nearest that are not less than `values`, which are not negative.
    init(roundedUp values: Lanes) {
        let nearest = Halves(values)
        self.init(bits: nearest.bits.replacing(with: nearest.bits &+ 1, where: nearest.values .< values))
    }

    /// The nearest that are not more.
    init(roundedDown values: Lanes) {
        let nearest = Halves(values)
        let isPositive = (nearest.bits & 0x8000 .== 0) .& (nearest.bits .!= 0)
        // What is rounded to zero from below becomes the smallest negative number.
        let below = ((nearest.bits | 0x8000) &+ 1).replacing(with: nearest.bits &- 1, where: isPositive)
        self.init(bits: nearest.bits.replacing(with: below, where: nearest.values .> values))
    }

    var isFinite: SIMDMask<SIMD4<Int32>> { bits & 0x7c00 .!= 0x7c00 }

    /// Takes the numbers of `other` where the mask says so.
    @inline(__always)
    mutating func replace(with other: Halves, where mask: SIMDMask<SIMD4<Int32>>) {
        bits.replace(with: other.bits, where: mask)
        values.replace(with: other.values, where: mask)
    }
}

/// f32 has no fractions from 2²³ on: adding this and taking it away again rounds to whole numbers, ties to even.
let shiftToUnits: Float = 0x1.8p23

/// The nearest whole numbers held in a range, as compilers know the instructions for larger and smaller.
@inline(__always)
func levels(_ x: Lanes, from low: Float, to high: Float) -> Lanes {
    let least = Lanes(repeating: low)
    return levels(least.replacing(with: x, where: x .> least), to: high)
}

/// The same of what is not below the range.
@inline(__always)
private func levels(_ x: Lanes, to high: Float) -> Lanes {
    let most = Lanes(repeating: high)
    return (most.replacing(with: x, where: x .< most) + shiftToUnits) - shiftToUnits
}

/// The numbers that the codes of four groups count in.
struct FittedGroups {
    private(set) var scale: Halves
    private(set) var minimum: Halves

    private init(scale: Halves, minimum: Halves) {
        self.scale = scale
        self.minimum = minimum
    }

    /// Vectors of memory that fitting takes: the elements, and their distances from two points.
    static let workspaceCount = 3 * QuantizedFormat.groupSize

    /// Of groups that have no such numbers.
    private mutating func replaceWithNone(where mask: SIMDMask<SIMD4<Int32>>) {
        let none = Halves(bits: SIMD4(repeating: 0x7e00))
        scale.replace(with: none, where: mask)
        minimum.replace(with: none, where: mask)
    }

    /// The smallest scales whose codes come within half a step of every element.
    ///
    /// - Parameter x: element i of four groups at place i.
    init(q8 x: UnsafeMutablePointer<Lanes>) {
        var largest = Lanes.zero
        for index in 0..<QuantizedFormat.groupSize {
            let magnitude = unsafeBitCast(
                unsafeBitCast(x[index], to: SIMD4<UInt32>.self) & 0x7fff_ffff, to: Lanes.self)
            largest.replace(with: magnitude, where: magnitude .> largest)
        }
        var scale = Halves(largest * (128 / 127))
        // Rounded down, the scale may leave the largest further than half a step beyond the last code.
        let isShort = scale.values * (127.5 / 128) .< largest
        scale.replace(with: Halves(bits: scale.bits &+ 1), where: isShort)
        self.init(scale: scale, minimum: Halves(bits: .zero))
        replaceWithNone(where: .!(Self.areFinite(x) .& scale.isFinite))
    }

    /// Of nine ways to lay sixteen levels over a group, each improved once by least squares, those with the smallest sum of
    /// squared errors.
    ///
    /// - Parameter x: element i of four groups at place i, with ``workspaceCount`` vectors in all.
    init(q4 x: UnsafeMutablePointer<Lanes>) {
        let size = QuantizedFormat.groupSize
        var (low, high) = (x[0], x[0])
        for index in 1..<size {
            low.replace(with: x[index], where: x[index] .< low)
            high.replace(with: x[index], where: x[index] .>= high)
        }
        // Levels from end to end: every element is within half a step of one.
        let lowest = Halves(roundedDown: low)
        self.init(scale: Halves(roundedUp: (high - lowest.values) * (16 / 15)), minimum: lowest)
        let areRepresentable = Self.areFinite(x) .& minimum.isFinite .& scale.isFinite
        let range = high - low
        var error = squaredErrors(x)
        let mean = Self.sum { x[$0] } / 32
        let (fromLow, fromMean) = (x + size, x + 2 * size)
        for index in 0..<size {
            fromLow[index] = x[index] - low
            fromMean[index] = x[index] - mean
        }
        for quarter in -4...4 {
            // Codes for steps a little wider or narrower, and the best line through what they stand for.
            let factor = (15 + Float(quarter) / 4) / range
            var (codes, squares) = (Lanes.zero, Lanes.zero)
            var products = (Lanes.zero, Lanes.zero, Lanes.zero, Lanes.zero)
            @inline(__always)
            func add(_ index: Int, to product: inout Lanes) {
                // No distance is negative.
                let code = levels(fromLow[index] * factor, to: 15)
                // Whole numbers, exact in any order.
                codes += code
                squares += code * code
                product += code * fromMean[index]
            }
            for index in stride(from: 0, to: size, by: 4) {
                add(index, to: &products.0)
                add(index + 1, to: &products.1)
                add(index + 2, to: &products.2)
                add(index + 3, to: &products.3)
            }
            let meanCode = codes / 32
            let spread = squares - codes * meanCode
            let step = ((products.0 + products.1) + (products.2 + products.3)) / spread
            let candidate = FittedGroups(scale: Halves(16 * step), minimum: Halves(mean - step * meanCode))
            let found = candidate.squaredErrors(x)
            let isBetter =
                (found .< error) .& (range .> 0x1p-100) .& (spread .> 0) .& (candidate.scale.values .> 0)
                .& candidate.scale.isFinite .& candidate.minimum.isFinite
            scale.replace(with: candidate.scale, where: isBetter)
            minimum.replace(with: candidate.minimum, where: isBetter)
            error.replace(with: found, where: isBetter)
        }
        replaceWithNone(where: .!areRepresentable)
    }

    @inline(__always)
    private func squaredErrors(_ x: UnsafeMutablePointer<Lanes>) -> Lanes {
        let (step, base) = (scale.values / 16, minimum.values)
        let inverse = Lanes.zero.replacing(with: 1 / step, where: step .> 0)
        return Self.sum { index in
            let error = x[index] - (base + levels((x[index] - base) * inverse, from: 0, to: 15) * step)
            return error * error
        }
    }

    /// x - x is zero of what is finite only.
    private static func areFinite(_ x: UnsafeMutablePointer<Lanes>) -> SIMDMask<SIMD4<Int32>> {
        sum { x[$0] - x[$0] } .== 0
    }

    /// Sums over the groups, each in four parts.
    @inline(__always)
    private static func sum(_ term: (Int) -> Lanes) -> Lanes {
        var (a, b, c, d) = (Lanes.zero, Lanes.zero, Lanes.zero, Lanes.zero)
        for index in stride(from: 0, to: QuantizedFormat.groupSize, by: 4) {
            a += term(index)
            b += term(index + 1)
            c += term(index + 2)
            d += term(index + 3)
        }
        return (a + b) + (c + d)
    }
}
