package import PerceptNumbers

// What the file holds of a tensor, row by row: where it lies, as it is, or in a format that devices take.
extension CheckpointTensor {
    /// Calls `body` with the stored bytes if they are all elements in row-major order; returns nil otherwise.
    package func withContiguousBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result? {
        guard blocks.count == 1, blocks[0].isContiguous else { return nil }
        let start = blocks[0].offset
        return try body(
            UnsafeRawBufferPointer(rebasing: blocks[0].file.bytes[start..<start + blocks[0].count * elementType.size]))
    }

    /// Rows of the matrix view where the file holds them in one piece, as ``copyStoredRows(_:to:)`` copies them; nil
    /// otherwise.
    ///
    /// - Returns: the bytes, which live as long as `file`.
    /// - Throws: ``CheckpointError/truncated(file:needed:found:)`` if the file shrank since it was opened,
    ///   ``CheckpointError/malformed(file:reason:)`` if the bytes are not those that the file's checksum is of.
    package func mappedRows(
        _ rows: Range<Int>
    ) throws(CheckpointError) -> (bytes: UnsafeRawBufferPointer, file: MappedFile)? {
        let size = elementType.size
        let elements = storedElements(of: rows)
        var first = 0
        for block in blocks {
            let range = first..<first + block.count
            if block.isContiguous, range.lowerBound <= elements.lowerBound, elements.upperBound <= range.upperBound {
                try block.requireIntact()
                let start = block.offset + (elements.lowerBound - first) * size
                let bytes = block.file.bytes[start..<start + elements.count * size]
                return (UnsafeRawBufferPointer(rebasing: bytes), block.file)
            }
            first = range.upperBound
        }
        return nil
    }

    /// Copies rows of the matrix view as they are stored: elements of ``elementType``, or quantised rows.
    ///
    /// Safe to call from several threads at once.
    ///
    /// - Parameter destination: room for `rows.count * storedRowByteCount` bytes.
    /// - Throws: ``CheckpointError/truncated(file:needed:found:)`` if the file shrank since it was opened,
    ///   ``CheckpointError/malformed(file:reason:)`` if the bytes are not those that the file's checksum is of.
    package func copyStoredRows(
        _ rows: Range<Int>, to destination: UnsafeMutableRawPointer
    ) throws(CheckpointError) {
        precondition(rows.lowerBound >= 0 && rows.upperBound <= self.rows)
        for block in blocks { try block.requireIntact() }
        let elements = storedElements(of: rows)
        forEachBlock(of: elements) { block, local, start in
            block.copy(local, to: destination + start * elementType.size)
        }
    }

    /// What the blocks count: elements of ``elementType``.
    private func storedElements(of rows: Range<Int>) -> Range<Int> {
        let width = storedRowByteCount / elementType.size
        return rows.lowerBound * width..<rows.upperBound * width
    }

    /// Converts rows of the matrix view to `type`, rounding to nearest even; NaN and infinities are kept.
    ///
    /// Quantised rows are decoded. Safe to call from several threads at once. Nothing but a buffer of 8 KiB, or of a
    /// quantised row and its elements, is allocated.
    ///
    /// - Parameters:
    ///   - rows: which rows, within `0..<self.rows`.
    ///   - type: what to write.
    ///   - destination: where row `rows.lowerBound` begins; room for `rows.count * rowStride` elements.
    ///   - rowStride: distance between rows in elements, at least ``columns``; the padding is zeroed.
    /// - Returns: whether a conversion to f16 met a finite value beyond ±65504. Values from 65520 up became infinite,
    ///   so the tensor is better kept in bf16.
    /// - Throws: ``CheckpointError/truncated(file:needed:found:)`` if the file shrank since it was opened,
    ///   ``CheckpointError/malformed(file:reason:)`` if the bytes are not those that the file's checksum is of.
    package func copyRows(
        _ rows: Range<Int>, as type: StorageType, to destination: UnsafeMutableRawPointer, rowStride: Int
    ) throws(CheckpointError) -> Bool {
        let columns = columns
        precondition(rows.lowerBound >= 0 && rows.upperBound <= self.rows && rowStride >= columns)
        for block in blocks { try block.requireIntact() }
        if let quantization {
            return decode(rows, quantization, as: type, to: destination, rowStride: rowStride)
        }
        if rowStride == columns {
            return convert(rows.lowerBound * columns..<rows.upperBound * columns, to: destination, as: type)
        }
        var exceeded = false
        for (index, row) in rows.enumerated() {
            let target = destination + index * rowStride * type.byteCount
            exceeded = convert(row * columns..<(row + 1) * columns, to: target, as: type) || exceeded
            (target + columns * type.byteCount).initializeMemory(
                as: UInt8.self, repeating: 0, count: (rowStride - columns) * type.byteCount)
        }
        return exceeded
    }

    private func decode(
        _ rows: Range<Int>, _ quantization: QuantizedFormat, as type: StorageType,
        to destination: UnsafeMutableRawPointer, rowStride: Int
    ) -> Bool {
        let (columns, size) = (columns, storedRowByteCount)
        var exceeded = false
        withUnsafeTemporaryAllocation(byteCount: size, alignment: 16) { bytes in
            withUnsafeTemporaryAllocation(of: Float.self, capacity: columns) { values in
                guard let row = bytes.baseAddress, let base = UnsafeRawPointer(values.baseAddress) else { return }
                for (index, source) in rows.enumerated() {
                    forEachBlock(of: storedElements(of: source..<source + 1)) { block, local, start in
                        block.copy(local, to: row + start)
                    }
                    QuantizedRows.decode(UnsafeRawBufferPointer(bytes), format: quantization, to: values)
                    let target = destination + index * rowStride * type.byteCount
                    exceeded =
                        ElementType.f32.convert(base, count: columns, to: target, as: type) || exceeded
                    (target + columns * type.byteCount).initializeMemory(
                        as: UInt8.self, repeating: 0, count: (rowStride - columns) * type.byteCount)
                }
            }
        }
        return exceeded
    }

    /// All elements in row-major order; meant for small tensors.
    ///
    /// - Throws: ``CheckpointError/truncated(file:needed:found:)`` if the file shrank since it was opened,
    ///   ``CheckpointError/malformed(file:reason:)`` if the bytes are not those that the file's checksum is of.
    package func values() throws(CheckpointError) -> [Float] { try values(0..<rows) }

    /// One row of the matrix view.
    ///
    /// - Throws: as ``values()``.
    package func values(row: Int) throws(CheckpointError) -> [Float] {
        precondition((0..<rows).contains(row))
        return try values(row..<row + 1)
    }

    private func values(_ rows: Range<Int>) throws(CheckpointError) -> [Float] {
        var outcome = Result<Bool, CheckpointError>.success(false)
        let values = [Float](unsafeUninitializedCapacity: rows.count * columns) { buffer, initialized in
            guard let base = buffer.baseAddress else { return }
            outcome = Result { () throws(CheckpointError) in
                try copyRows(rows, as: .f32, to: base, rowStride: columns)
            }
            if case .success = outcome { initialized = rows.count * columns }
        }
        _ = try outcome.get()
        return values
    }

    /// Converts the elements `range` in row-major order, crossing from block to block.
    private func convert(_ range: Range<Int>, to destination: UnsafeMutableRawPointer, as type: StorageType) -> Bool {
        var exceeded = false
        forEachBlock(of: range) { block, local, start in
            exceeded = block.convert(local, to: destination + start * type.byteCount, as: type) || exceeded
        }
        return exceeded
    }

    /// The parts of a range of stored elements that lie in each block.
    ///
    /// - Parameter body: told the block, the part as the block counts, and where the part starts within `range`.
    private func forEachBlock(of range: Range<Int>, _ body: (StridedBlock, Range<Int>, Int) -> Void) {
        var blockStart = 0
        for block in blocks {
            let part = range.clamped(to: blockStart..<blockStart + block.count)
            if !part.isEmpty {
                body(
                    block, part.lowerBound - blockStart..<part.upperBound - blockStart,
                    part.lowerBound - range.lowerBound)
            }
            blockStart += block.count
        }
    }
}
