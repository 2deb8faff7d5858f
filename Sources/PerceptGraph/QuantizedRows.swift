/// Rows of a matrix to quantised rows and back: pure functions, the same result everywhere.
package enum QuantizedRows {
    /// The rows of a matrix, one after the other.
    package static func encode(rows values: [Float], columns: Int, format: QuantizedFormat) -> [UInt8] {
        precondition(columns > 0 && values.count % columns == 0)
        let rowBytes = format.rowByteCount(columns: columns)
        var bytes = [UInt8](repeating: 0, count: values.count / columns * rowBytes)
        values.withUnsafeBufferPointer { values in
            bytes.withUnsafeMutableBytes { bytes in
                for row in 0..<values.count / columns {
                    encode(
                        UnsafeBufferPointer(rebasing: values[row * columns..<(row + 1) * columns]), format: format,
                        to: UnsafeMutableRawBufferPointer(rebasing: bytes[row * rowBytes..<(row + 1) * rowBytes]))
                }
            }
        }
        return bytes
    }

    /// What the kernels read, bit for bit.
    package static func decode(rows bytes: [UInt8], columns: Int, format: QuantizedFormat) -> [Float] {
        let rowBytes = format.rowByteCount(columns: columns)
        precondition(columns > 0 && bytes.count % rowBytes == 0)
        return bytes.withUnsafeBytes { bytes in
            var values: [Float] = []
            values.reserveCapacity(bytes.count / rowBytes * columns)
            for start in stride(from: 0, to: bytes.count, by: rowBytes) {
                let halves = start + format.codeByteCount(columns: columns)
                func half(_ index: Int) -> Float {
                    Float(Float16(bitPattern: bytes.load(fromByteOffset: halves + 2 * index, as: UInt16.self)))
                }
                for column in 0..<columns {
                    let group = column / QuantizedFormat.groupSize
                    switch format {
                    case .q8:
                        let code = bytes.load(fromByteOffset: start + column, as: Int8.self)
                        values.append(Float(code) * (half(group) / 128))
                    case .q4:
                        let code = (bytes[start + column / 2] >> UInt8(column % 2 * 4)) & 15
                        values.append(half(2 * group + 1) + Float(code) * (half(2 * group) / 16))
                    }
                }
            }
            return values
        }
    }

    /// Encodes one row into its bytes, all of which are written.
    package static func encode(
        _ row: UnsafeBufferPointer<Float>, format: QuantizedFormat, to bytes: UnsafeMutableRawBufferPointer
    ) {
        precondition(bytes.count == format.rowByteCount(columns: row.count))
        let size = QuantizedFormat.groupSize
        let halves = format.codeByteCount(columns: row.count)
        let groups = format.groups(columns: row.count)
        for group in 0..<groups {
            let first = group * size
            let count = min(size, row.count - first)
            var x = Elements()
            // A partial group is fitted as if it went on by repeating itself.
            if count == size {
                for index in 0..<size { x[index] = row[first + index] }
            } else {
                for index in 0..<size { x[index] = row[first + index % count] }
            }
            switch format {
            case .q8:
                let fitted = FittedQ8(x)
                var codes = lowBytes(fitted.codes)
                for index in count..<size { codes[index] = 0 }
                bytes.storeBytes(of: codes, toByteOffset: first, as: SIMD32<UInt8>.self)
                bytes.storeBytes(of: fitted.scale.bitPattern, toByteOffset: halves + 2 * group, as: UInt16.self)
            case .q4:
                let fitted = FittedQ4(x)
                var codes = lowBytes(fitted.codes)
                for index in count..<size { codes[index] = 0 }
                let packed = codes.evenHalf | (codes.oddHalf &<< 4)
                bytes.storeBytes(of: packed, toByteOffset: first / 2, as: SIMD16<UInt8>.self)
                bytes.storeBytes(of: fitted.scale.bitPattern, toByteOffset: halves + 4 * group, as: UInt16.self)
                bytes.storeBytes(of: fitted.minimum.bitPattern, toByteOffset: halves + 4 * group + 2, as: UInt16.self)
            }
        }
        let end = halves + 2 * format.halvesPerGroup * groups
        UnsafeMutableRawBufferPointer(rebasing: bytes[end...]).initializeMemory(as: UInt8.self, repeating: 0)
    }
}

private typealias Elements = SIMD32<Float>

/// The nearest whole numbers, ties to even, of numbers smaller than 2²²: beyond 2²³ f32 has no fractions.
@inline(__always)
private func rounded(_ x: Elements) -> Elements { (x + 0x1.8p23) - 0x1.8p23 }

/// The last byte of whole numbers, which `rounded`'s sum has in its mantissa.
@inline(__always)
private func lowBytes(_ x: Elements) -> SIMD32<UInt8> {
    SIMD32<UInt8>(truncatingIfNeeded: unsafeBitCast(x + 0x1.8p23, to: SIMD32<UInt32>.self))
}

@inline(__always)
private func clamped(_ x: Elements, _ range: ClosedRange<Float>) -> Elements {
    let low = x.replacing(with: range.lowerBound, where: x .< range.lowerBound)
    return low.replacing(with: range.upperBound, where: low .> range.upperBound)
}

/// Whether all elements are finite: x - x is zero only then.
@inline(__always)
private func areFinite(_ x: Elements) -> Bool { all((x - x) .== 0) }

extension Float16 {
    /// The nearest half that is not less; infinite beyond the largest.
    fileprivate init(roundedUp value: Float) {
        let nearest = Float16(value)
        self = Float(nearest) < value ? nearest.nextUp : nearest
    }

    /// The nearest half that is not more.
    fileprivate init(roundedDown value: Float) {
        let nearest = Float16(value)
        self = Float(nearest) > value ? nearest.nextDown : nearest
    }
}

/// A group in q8: the smallest scale whose codes come within half a step of every element.
private struct FittedQ8 {
    var scale: Float16 = 0
    var codes = Elements(repeating: 0)

    init(_ x: Elements) {
        guard areFinite(x) else {
            scale = .nan
            return
        }
        let largest = max(x.max(), -x.min())
        guard largest > 0 else { return }
        scale = Float16(largest * (128 / 127))
        // Rounded down, the scale may leave the largest further than half a step beyond the last code.
        if Float(scale) * (127.5 / 128) < largest { scale = scale.nextUp }
        guard scale.isFinite else {
            scale = .nan
            return
        }
        codes = clamped(rounded(x * (128 / Float(scale))), -127...127)
    }
}

/// A group in q4: of nine ways to lay sixteen levels over the group, each improved once by least squares, the one with
/// the smallest sum of squared errors.
private struct FittedQ4 {
    var scale: Float16 = 0
    var minimum: Float16 = 0
    var codes = Elements(repeating: 0)

    init(_ x: Elements) {
        let (low, high) = (x.min(), x.max())
        guard areFinite(x) else {
            (scale, minimum) = (.nan, .nan)
            return
        }
        // Levels from end to end: every element is within half a step of one.
        minimum = Float16(roundedDown: low)
        scale = Float16(roundedUp: (high - Float(minimum)) * (16 / 15))
        guard minimum.isFinite, scale.isFinite else {
            (scale, minimum) = (.nan, .nan)
            return
        }
        var error = fit(x)
        let range = high - low
        guard range > 0x1p-100 else { return }
        let mean = x.sum() / 32
        let centred = x - mean
        for eighth in -8...8 where eighth % 2 == 0 {
            // Codes for steps a little wider or narrower, and the best line through what they stand for.
            let levels = 15 + Float(eighth) / 8
            let codes = clamped(rounded((x - low) * (levels / range)), 0...15)
            let meanCode = codes.sum() / 32
            let fromMean = codes - meanCode
            let spread = (fromMean * fromMean).sum()
            guard spread > 0 else { continue }
            let step = (fromMean * centred).sum() / spread
            var candidate = self
            candidate.scale = Float16(16 * step)
            candidate.minimum = Float16(mean - step * meanCode)
            guard candidate.scale > 0, candidate.scale.isFinite, candidate.minimum.isFinite else { continue }
            let found = candidate.fit(x)
            if found < error { (self, error) = (candidate, found) }
        }
    }

    /// Takes the nearest codes; gives the sum of squared errors.
    @inline(__always)
    private mutating func fit(_ x: Elements) -> Float {
        let (step, base) = (Float(scale) / 16, Float(minimum))
        codes = step > 0 ? clamped(rounded((x - base) * (1 / step)), 0...15) : Elements(repeating: 0)
        let error = x - (base + codes * step)
        return (error * error).sum()
    }
}
