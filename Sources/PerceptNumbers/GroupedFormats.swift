/// Formats whose codes count in numbers of their group, and what they differ in.
///
/// A row is the codes of whole groups, then the f16 numbers of all groups, filled up with zeros.
protocol GroupedFormat: RowFormat {
    /// The least code and the largest one.
    static var range: (low: Float, high: Float) { get }
    /// Steps of a scale.
    static var steps: Float { get }

    /// The numbers of four groups.
    ///
    /// - Parameter x: element i of four groups at place i, with ``FittedGroups/workspaceCount`` vectors in all.
    static func fit(_ x: UnsafeMutablePointer<Lanes>) -> FittedGroups

    /// Stores the codes of four elements from element `start` of a group on.
    ///
    /// - Parameter codes: whole numbers in their lowest bits, negative ones as their two's complement.
    static func store(_ codes: SIMD4<UInt32>, at start: Int, to bytes: UnsafeMutableRawBufferPointer)

    /// The code of an element of the row that begins with `bytes`.
    static func code(_ bytes: UnsafeRawBufferPointer, _ column: Int) -> Float
}

extension GroupedFormat {
    static var hasWholeCodes: Bool { true }

    private static var size: Int { QuantizedFormat.groupSize }
    private static var codeBytes: Int { size * bitsPerCode / 8 }

    private static func groups(_ columns: Int) -> Int { columns.dividedRoundingUp(by: size) }

    static func decode(_ bytes: UnsafeRawBufferPointer, to row: UnsafeMutableBufferPointer<Float>) {
        let halves = groups(row.count) * codeBytes
        func half(_ index: Int) -> Float {
            Float(Float16(bitPattern: bytes.load(fromByteOffset: halves + 2 * index, as: UInt16.self)))
        }
        for group in 0..<groups(row.count) {
            let columns = group * size..<min((group + 1) * size, row.count)
            let step = half(halvesPerGroup * group) / steps
            if halvesPerGroup == 1 {
                for column in columns { row[column] = code(bytes, column) * step }
            } else {
                let base = half(halvesPerGroup * group + 1)
                for column in columns { row[column] = base + code(bytes, column) * step }
            }
        }
    }

    static func isFinite(_ bytes: UnsafeRawBufferPointer, columns: Int) -> Bool {
        let halves = groups(columns) * codeBytes
        return (0..<groups(columns) * halvesPerGroup).allSatisfy { index in
            bytes.load(fromByteOffset: halves + 2 * index, as: UInt16.self) & 0x7c00 != 0x7c00
        }
    }

    static func encode(_ row: UnsafeBufferPointer<Float>, to bytes: UnsafeMutableRawBufferPointer) {
        let groups = groups(row.count)
        let halves = groups * codeBytes
        withUnsafeTemporaryAllocation(of: Lanes.self, capacity: FittedGroups.workspaceCount) { workspace in
            guard let x = workspace.baseAddress else { return }
            for first in stride(from: 0, to: groups, by: 4) {
                gather(row, from: first, to: x)
                let fitted = fit(x)
                for lane in 0..<min(4, groups - first) {
                    let (group, place) = (first + lane, halves + 2 * halvesPerGroup * (first + lane))
                    let scale = UInt16(truncatingIfNeeded: fitted.scale.bits[lane])
                    bytes.storeBytes(of: scale, toByteOffset: place, as: UInt16.self)
                    if halvesPerGroup == 2 {
                        let minimum = UInt16(truncatingIfNeeded: fitted.minimum.bits[lane])
                        bytes.storeBytes(of: minimum, toByteOffset: place + 2, as: UInt16.self)
                    }
                    let columns = group * size..<min((group + 1) * size, row.count)
                    writeCodes(
                        UnsafeBufferPointer(rebasing: row[columns]), scale: fitted.scale.values[lane],
                        minimum: fitted.minimum.values[lane], to: bytes[group * codeBytes..<(group + 1) * codeBytes])
                }
            }
        }
        let end = halves + 2 * halvesPerGroup * groups
        UnsafeMutableRawBufferPointer(rebasing: bytes[end...]).initializeMemory(as: UInt8.self, repeating: 0)
    }

    /// Puts the elements of four groups side by side: element i of all of them to place i.
    ///
    /// A partial group is fitted as if it went on by repeating itself; behind the last, lanes repeat that.
    private static func gather(
        _ row: UnsafeBufferPointer<Float>, from first: Int, to x: UnsafeMutablePointer<Lanes>
    ) {
        let elements = UnsafeMutableRawPointer(x).assumingMemoryBound(to: Float.self)
        for lane in 0..<4 {
            var start = (first + lane) * size
            if start >= row.count { start = (row.count - 1) / size * size }
            let count = min(size, row.count - start)
            if count == size {
                for index in 0..<size { elements[4 * index + lane] = row[start + index] }
            } else {
                for index in 0..<size { elements[4 * index + lane] = row[start + index % count] }
            }
        }
    }

    /// Writes the nearest codes of a group, and zeros behind them.
    private static func writeCodes(
        _ group: UnsafeBufferPointer<Float>, scale: Float, minimum: Float,
        to bytes: Slice<UnsafeMutableRawBufferPointer>
    ) {
        let bytes = UnsafeMutableRawBufferPointer(rebasing: bytes)
        let step = scale / steps
        let inverse = step > 0 ? 1 / step : 0
        guard step.isFinite else {
            bytes.initializeMemory(as: UInt8.self, repeating: 0)
            return
        }
        for start in stride(from: 0, to: size, by: 4) {
            var x = Lanes(repeating: minimum)
            if start + 4 <= group.count {
                x = UnsafeRawBufferPointer(group).loadUnaligned(
                    fromByteOffset: start * MemoryLayout<Float>.stride, as: Lanes.self)
            } else {
                // Behind the last element stands what has code zero.
                for index in start..<max(start, group.count) { x[index - start] = group[index] }
            }
            let distances = (x - minimum) * inverse
            // f32 of this size holds a whole number in its lowest bits, a negative one as its two's complement.
            let codes = unsafeBitCast(
                levels(distances, from: range.low, to: range.high) + shiftToUnits, to: SIMD4<UInt32>.self)
            store(codes, at: start, to: bytes)
        }
    }
}

enum SignedBytes: GroupedFormat {
    static var name: String { "q8" }
    static var bitsPerCode: Int { 8 }
    static var halvesPerGroup: Int { 1 }
    static var range: (low: Float, high: Float) { (-127, 127) }
    static var steps: Float { 128 }

    static func fit(_ x: UnsafeMutablePointer<Lanes>) -> FittedGroups { FittedGroups(q8: x) }

    static func store(_ codes: SIMD4<UInt32>, at start: Int, to bytes: UnsafeMutableRawBufferPointer) {
        bytes.storeBytes(of: SIMD4<UInt8>(truncatingIfNeeded: codes), toByteOffset: start, as: SIMD4<UInt8>.self)
    }

    static func code(_ bytes: UnsafeRawBufferPointer, _ column: Int) -> Float {
        Float(bytes.load(fromByteOffset: column, as: Int8.self))
    }
}

enum Nibbles: GroupedFormat {
    static var name: String { "q4" }
    static var bitsPerCode: Int { 4 }
    static var halvesPerGroup: Int { 2 }
    static var range: (low: Float, high: Float) { (0, 15) }
    static var steps: Float { 16 }

    static func fit(_ x: UnsafeMutablePointer<Lanes>) -> FittedGroups { FittedGroups(q4: x) }

    static func store(_ codes: SIMD4<UInt32>, at start: Int, to bytes: UnsafeMutableRawBufferPointer) {
        bytes[start / 2] = UInt8(truncatingIfNeeded: codes[0] & 15 | codes[1] << 4)
        bytes[start / 2 + 1] = UInt8(truncatingIfNeeded: codes[2] & 15 | codes[3] << 4)
    }

    static func code(_ bytes: UnsafeRawBufferPointer, _ column: Int) -> Float {
        Float((bytes[column / 2] >> UInt8(column % 2 * 4)) & 15)
    }
}
