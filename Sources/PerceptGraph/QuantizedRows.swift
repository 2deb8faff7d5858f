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
        let rows = bytes.count / rowBytes
        return [Float](unsafeUninitializedCapacity: rows * columns) { values, initialized in
            bytes.withUnsafeBytes { bytes in
                for row in 0..<rows {
                    decode(
                        UnsafeRawBufferPointer(rebasing: bytes[row * rowBytes..<(row + 1) * rowBytes]), format: format,
                        to: UnsafeMutableBufferPointer(rebasing: values[row * columns..<(row + 1) * columns]))
                }
            }
            initialized = rows * columns
        }
    }

    /// Decodes one row from its bytes, which start on an even address, into all of `row`.
    package static func decode(
        _ bytes: UnsafeRawBufferPointer, format: QuantizedFormat, to row: UnsafeMutableBufferPointer<Float>
    ) {
        precondition(bytes.count == format.rowByteCount(columns: row.count))
        let size = QuantizedFormat.groupSize
        let halves = format.codeByteCount(columns: row.count)
        func half(_ index: Int) -> Float {
            Float(Float16(bitPattern: bytes.load(fromByteOffset: halves + 2 * index, as: UInt16.self)))
        }
        for group in 0..<format.groups(columns: row.count) {
            let columns = group * size..<min((group + 1) * size, row.count)
            switch format {
            case .q8:
                let step = half(group) / 128
                for column in columns {
                    row[column] = Float(bytes.load(fromByteOffset: column, as: Int8.self)) * step
                }
            case .q4:
                let (step, base) = (half(2 * group) / 16, half(2 * group + 1))
                for column in columns {
                    row[column] = base + Float((bytes[column / 2] >> UInt8(column % 2 * 4)) & 15) * step
                }
            }
        }
    }

    /// Whether all groups of the rows could be encoded: those that could not have numbers that are not finite.
    package static func areFinite(_ bytes: UnsafeRawBufferPointer, columns: Int, format: QuantizedFormat) -> Bool {
        let rowBytes = format.rowByteCount(columns: columns)
        let halves = format.codeByteCount(columns: columns)
        let count = format.groups(columns: columns) * format.halvesPerGroup
        for row in stride(from: 0, to: bytes.count, by: rowBytes) {
            for index in 0..<count {
                let bits = bytes.load(fromByteOffset: row + halves + 2 * index, as: UInt16.self)
                if bits & 0x7c00 == 0x7c00 { return false }
            }
        }
        return true
    }

    /// Encodes one row into its bytes, all of which are written.
    package static func encode(
        _ row: UnsafeBufferPointer<Float>, format: QuantizedFormat, to bytes: UnsafeMutableRawBufferPointer
    ) {
        precondition(bytes.count == format.rowByteCount(columns: row.count))
        let size = QuantizedFormat.groupSize
        let halves = format.codeByteCount(columns: row.count)
        let groups = format.groups(columns: row.count)
        withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * size) { scratch in
            let x = UnsafeMutableBufferPointer(rebasing: scratch[..<size])
            let codes = UnsafeMutableBufferPointer(rebasing: scratch[size...])
            for group in 0..<groups {
                let first = group * size
                let count = min(size, row.count - first)
                // A partial group is fitted as if it went on by repeating itself.
                for index in 0..<size { x[index] = row[first + (index < count ? index : index % count)] }
                let fitted = format == .q8 ? FittedGroup(q8: x) : FittedGroup(q4: x)
                fitted.code(x, format, to: codes)
                for index in count..<size { codes[index] = 0 }
                switch format {
                case .q8:
                    for index in 0..<size { bytes[first + index] = UInt8(bitPattern: Int8(codes[index])) }
                    bytes.storeBytes(of: fitted.scale.bitPattern, toByteOffset: halves + 2 * group, as: UInt16.self)
                case .q4:
                    for index in 0..<size / 2 {
                        bytes[first / 2 + index] = UInt8(codes[2 * index]) | UInt8(codes[2 * index + 1]) << 4
                    }
                    let place = halves + 4 * group
                    bytes.storeBytes(of: fitted.scale.bitPattern, toByteOffset: place, as: UInt16.self)
                    bytes.storeBytes(of: fitted.minimum.bitPattern, toByteOffset: place + 2, as: UInt16.self)
                }
            }
        }
        let end = halves + 2 * format.halvesPerGroup * groups
        UnsafeMutableRawBufferPointer(rebasing: bytes[end...]).initializeMemory(as: UInt8.self, repeating: 0)
    }
}

private typealias Elements = UnsafeMutableBufferPointer<Float>

/// The nearest whole number, ties to even, held in a range: f32 has no fractions beyond 2²³.
@inline(__always)
private func level(_ x: Float, from low: Float, to high: Float) -> Float {
    let held = x < low ? low : x > high ? high : x
    return (held + 0x1.8p23) - 0x1.8p23
}

/// A sum over a group, in four parts that a processor can take side by side.
@inline(__always)
private func sum(_ term: (Int) -> Float) -> Float {
    var (a, b, c, d): (Float, Float, Float, Float) = (0, 0, 0, 0)
    for index in stride(from: 0, to: QuantizedFormat.groupSize, by: 4) {
        a += term(index)
        b += term(index + 1)
        c += term(index + 2)
        d += term(index + 3)
    }
    return (a + b) + (c + d)
}

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

/// The numbers that a group's codes count in.
private struct FittedGroup {
    var scale: Float16 = 0
    var minimum: Float16 = 0

    private static let none = FittedGroup(scale: .nan, minimum: .nan)

    private init(scale: Float16, minimum: Float16) {
        self.scale = scale
        self.minimum = minimum
    }

    /// The smallest scale whose codes come within half a step of every element.
    init(q8 x: Elements) {
        var largest: Float = 0
        for value in x { largest = max(largest, abs(value)) }
        // x - x is zero of what is finite only.
        guard sum({ x[$0] - x[$0] }) == 0 else {
            self = .none
            return
        }
        guard largest > 0 else { return }
        scale = Float16(largest * (128 / 127))
        // Rounded down, the scale may leave the largest further than half a step beyond the last code.
        if Float(scale) * (127.5 / 128) < largest { scale = scale.nextUp }
        if !scale.isFinite { self = .none }
    }

    /// Of nine ways to lay sixteen levels over the group, each improved once by least squares, the one with the smallest
    /// sum of squared errors.
    init(q4 x: Elements) {
        var (low, high) = (x[0], x[0])
        for value in x { (low, high) = (min(low, value), max(high, value)) }
        guard sum({ x[$0] - x[$0] }) == 0 else {
            self = .none
            return
        }
        // Levels from end to end: every element is within half a step of one.
        minimum = Float16(roundedDown: low)
        scale = Float16(roundedUp: (high - Float(minimum)) * (16 / 15))
        guard minimum.isFinite, scale.isFinite else {
            self = .none
            return
        }
        let range = high - low
        guard range > 0x1p-100 else { return }
        var error = squaredError(x)
        let mean = sum { x[$0] } / 32
        for quarter in -4...4 {
            // Codes for steps a little wider or narrower, and the best line through what they stand for.
            let factor = (15 + Float(quarter) / 4) / range
            var (codes, squares): (Float, Float) = (0, 0)
            let products = sum {
                let code = level((x[$0] - low) * factor, from: 0, to: 15)
                // Whole numbers, exact in any order.
                codes += code
                squares += code * code
                return code * (x[$0] - mean)
            }
            let meanCode = codes / 32, spread = squares - codes * meanCode
            guard spread > 0 else { continue }
            let step = products / spread
            let candidate = FittedGroup(scale: Float16(16 * step), minimum: Float16(mean - step * meanCode))
            guard candidate.scale > 0, candidate.scale.isFinite, candidate.minimum.isFinite else { continue }
            let found = candidate.squaredError(x)
            if found < error { (self, error) = (candidate, found) }
        }
    }

    private func squaredError(_ x: Elements) -> Float {
        let (step, base) = (Float(scale) / 16, Float(minimum))
        let inverse = step > 0 ? 1 / step : 0
        return sum {
            let error = x[$0] - (base + level((x[$0] - base) * inverse, from: 0, to: 15) * step)
            return error * error
        }
    }

    /// The nearest codes.
    func code(_ x: Elements, _ format: QuantizedFormat, to codes: Elements) {
        let step = Float(scale) / (format == .q8 ? 128 : 16)
        let inverse = step > 0 ? 1 / step : 0
        guard step.isFinite else {
            codes.update(repeating: 0)
            return
        }
        let (base, low, high): (Float, Float, Float) = format == .q8 ? (0, -127, 127) : (Float(minimum), 0, 15)
        for index in codes.indices { codes[index] = level((x[index] - base) * inverse, from: low, to: high) }
    }
}
