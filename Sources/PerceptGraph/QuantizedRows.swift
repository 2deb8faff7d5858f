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
        withUnsafeTemporaryAllocation(of: Lanes.self, capacity: FittedGroups.workspaceCount) { workspace in
            guard let x = workspace.baseAddress else { return }
            for first in stride(from: 0, to: groups, by: 4) {
                gather(row, from: first, to: x)
                let fitted = format == .q8 ? FittedGroups(q8: x) : FittedGroups(q4: x)
                for lane in 0..<min(4, groups - first) {
                    let (group, place) = (first + lane, halves + 2 * format.halvesPerGroup * (first + lane))
                    let scale = UInt16(truncatingIfNeeded: fitted.scale.bits[lane])
                    bytes.storeBytes(of: scale, toByteOffset: place, as: UInt16.self)
                    if format == .q4 {
                        let minimum = UInt16(truncatingIfNeeded: fitted.minimum.bits[lane])
                        bytes.storeBytes(of: minimum, toByteOffset: place + 2, as: UInt16.self)
                    }
                    let columns = group * size..<min((group + 1) * size, row.count)
                    writeCodes(
                        UnsafeBufferPointer(rebasing: row[columns]), scale: fitted.scale.values[lane],
                        minimum: fitted.minimum.values[lane], format,
                        to: bytes[group * size * format.bitsPerCode / 8..<(group + 1) * size * format.bitsPerCode / 8])
                }
            }
        }
        let end = halves + 2 * format.halvesPerGroup * groups
        UnsafeMutableRawBufferPointer(rebasing: bytes[end...]).initializeMemory(as: UInt8.self, repeating: 0)
    }

    /// Puts the elements of four groups side by side: element i of all of them to place i.
    ///
    /// A partial group is fitted as if it went on by repeating itself; behind the last, lanes repeat that.
    private static func gather(
        _ row: UnsafeBufferPointer<Float>, from first: Int, to x: UnsafeMutablePointer<Lanes>
    ) {
        let size = QuantizedFormat.groupSize
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
        _ group: UnsafeBufferPointer<Float>, scale: Float, minimum: Float, _ format: QuantizedFormat,
        to bytes: Slice<UnsafeMutableRawBufferPointer>
    ) {
        let bytes = UnsafeMutableRawBufferPointer(rebasing: bytes)
        let step = scale / (format == .q8 ? 128 : 16)
        let inverse = step > 0 ? 1 / step : 0
        guard step.isFinite else {
            bytes.initializeMemory(as: UInt8.self, repeating: 0)
            return
        }
        for start in stride(from: 0, to: QuantizedFormat.groupSize, by: 4) {
            var x = Lanes(repeating: minimum)
            if start + 4 <= group.count {
                x = UnsafeRawBufferPointer(group).loadUnaligned(
                    fromByteOffset: start * MemoryLayout<Float>.stride, as: Lanes.self)
            } else {
                // Behind the last element stands what has code zero.
                for index in start..<max(start, group.count) { x[index - start] = group[index] }
            }
            let distances = (x - minimum) * inverse
            let low: Float = format == .q8 ? -127 : 0
            let high: Float = format == .q8 ? 127 : 15
            // f32 of this size holds a whole number in its lowest bits, a negative one as its two's complement.
            let codes = unsafeBitCast(
                levels(distances, from: low, to: high) + shiftToUnits, to: SIMD4<UInt32>.self)
            switch format {
            case .q8:
                bytes.storeBytes(
                    of: SIMD4<UInt8>(truncatingIfNeeded: codes), toByteOffset: start, as: SIMD4<UInt8>.self)
            case .q4:
                bytes[start / 2] = UInt8(truncatingIfNeeded: codes[0] & 15 | codes[1] << 4)
                bytes[start / 2 + 1] = UInt8(truncatingIfNeeded: codes[2] & 15 | codes[3] << 4)
            }
        }
    }
}
