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

    /// Encodes one row into its bytes, all of which are written.
    package static func encode(
        _ row: UnsafeBufferPointer<Float>, format: QuantizedFormat, to bytes: UnsafeMutableRawBufferPointer
    ) {
        precondition(bytes.count == format.rowByteCount(columns: row.count))
        format.row.encode(row, to: bytes)
    }

    /// Decodes one row from its bytes, which start on an even address, into all of `row`.
    package static func decode(
        _ bytes: UnsafeRawBufferPointer, format: QuantizedFormat, to row: UnsafeMutableBufferPointer<Float>
    ) {
        precondition(bytes.count == format.rowByteCount(columns: row.count))
        format.row.decode(bytes, to: row)
    }

    /// Whether everything in the rows could be encoded: what could not is not finite when it is decoded.
    package static func areFinite(_ bytes: UnsafeRawBufferPointer, columns: Int, format: QuantizedFormat) -> Bool {
        let rowBytes = format.rowByteCount(columns: columns)
        return stride(from: 0, to: bytes.count, by: rowBytes).allSatisfy { row in
            format.row.isFinite(
                UnsafeRawBufferPointer(rebasing: bytes[row..<row + rowBytes]), columns: columns)
        }
    }
}
