/// A tensor as a model sees it: a name, a shape, and elements that stay where they are until copied.
///
/// The elements are one block of a file or several stacked along the first dimension, each with its own strides, so
/// that a transposed, split or reordered matrix of another naming is a view, not a copy. A block may have more sides
/// than the tensor: in row-major order its elements are the tensor's.
///
/// As a matrix, a tensor of rank two or more has `shape[0]` rows and the remaining sides flattened as columns; a
/// vector or scalar is one row.
package struct CheckpointTensor: Sendable {
    package let name: String
    package let elementType: ElementType
    package let shape: [Int]
    /// Number of elements.
    package let count: Int
    let blocks: [StridedBlock]

    init(name: String, block: StridedBlock) {
        self.name = name
        elementType = block.elementType
        shape = block.shape
        count = block.count
        blocks = [block]
    }

    private init(name: String, shape: [Int], blocks: [StridedBlock]) {
        self.name = name
        self.shape = shape
        elementType = blocks[0].elementType
        count = blocks.reduce(0) { $0 + $1.count }
        self.blocks = blocks
    }

    /// Rows of the matrix view.
    package var rows: Int { shape.count < 2 ? 1 : shape[0] }

    /// Columns of the matrix view.
    package var columns: Int { shape.count < 2 ? count : count / max(shape[0], 1) }

    /// The file the elements lie in (the first, if they lie in several).
    package var file: String { blocks[0].file.path }

    /// The same elements under another name.
    package func renamed(_ name: String) -> CheckpointTensor {
        CheckpointTensor(name: name, shape: shape, blocks: blocks)
    }

    /// The same elements with sides of length one inserted or dropped.
    ///
    /// - Throws: ``CheckpointError/shape(file:name:expected:found:)`` when `newShape` asks for more than that.
    package func reshaped(_ newShape: [Int]) throws(CheckpointError) -> CheckpointTensor {
        if newShape == shape { return self }
        guard blocks.count == 1, let block = blocks[0].reshaped(newShape) else {
            throw .shape(file: file, name: name, expected: newShape, found: shape)
        }
        return CheckpointTensor(name: name, shape: newShape, blocks: [block])
    }

    /// The matrix with rows and columns exchanged; no element moves.
    ///
    /// - Throws: ``CheckpointError/shape(file:name:expected:found:)`` when this is not a matrix in one piece.
    package func transposed() throws(CheckpointError) -> CheckpointTensor {
        guard shape.count == 2, blocks.count == 1, blocks[0].shape == shape else {
            throw .shape(file: file, name: name, expected: [-1, -1], found: shape)
        }
        return CheckpointTensor(name: name, shape: shape.reversed(), blocks: [blocks[0].transposed()])
    }

    /// The matrix with the rows of every group of `size` in another order: those of its first and of its second half in
    /// turn (0, size / 2, 1, size / 2 + 1, …); no element moves.
    ///
    /// - Throws: ``CheckpointError/shape(file:name:expected:found:)`` when this is not a matrix in one piece, or not one
    ///   of whole groups.
    package func interleavingHalves(of size: Int) throws(CheckpointError) -> CheckpointTensor {
        guard shape.count == 2, blocks.count == 1, blocks[0].shape == shape, size > 0, size.isMultiple(of: 2),
            shape[0].isMultiple(of: size)
        else {
            throw .shape(file: file, name: name, expected: [-1, -1], found: shape)
        }
        return CheckpointTensor(name: name, shape: shape, blocks: [blocks[0].interleavingHalves(of: size)])
    }

    /// This tensor with `next` below it (first dimension), which must agree in the other sides and in type.
    package func stacked(on next: CheckpointTensor, name: String) throws(CheckpointError) -> CheckpointTensor {
        guard let side = shape.first, let nextSide = next.shape.first, shape.dropFirst() == next.shape.dropFirst()
        else {
            throw .shape(file: next.file, name: next.name, expected: shape, found: next.shape)
        }
        guard elementType == next.elementType else {
            throw .malformed(
                file: next.file,
                reason: "tensor '\(next.name)' is \(next.elementType), its sibling '\(self.name)' is \(elementType)")
        }
        return CheckpointTensor(
            name: name, shape: [side + nextSide] + shape.dropFirst(), blocks: blocks + next.blocks)
    }

    /// Calls `body` with the stored bytes if they are all elements in row-major order; returns nil otherwise.
    package func withContiguousBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result? {
        guard blocks.count == 1, blocks[0].isContiguous else { return nil }
        let start = blocks[0].offset
        return try body(
            UnsafeRawBufferPointer(rebasing: blocks[0].file.bytes[start..<start + count * elementType.size]))
    }

    /// Rows of the matrix view where the file holds them in `format`, row-major and in one piece; nil otherwise.
    ///
    /// - Returns: the bytes, which live as long as `file`.
    /// - Throws: ``CheckpointError/truncated(file:needed:found:)`` if the file shrank since it was opened.
    package func mappedRows(
        _ rows: Range<Int>, as format: WeightFormat
    ) throws(CheckpointError) -> (bytes: UnsafeRawBufferPointer, file: MappedFile)? {
        guard elementType == format.elementType else { return nil }
        let elements = rows.lowerBound * columns..<rows.upperBound * columns
        var first = 0
        for block in blocks {
            let range = first..<first + block.count
            if block.isContiguous, range.lowerBound <= elements.lowerBound, elements.upperBound <= range.upperBound {
                try block.file.requireIntact()
                let start = block.offset + (elements.lowerBound - first) * format.size
                let bytes = block.file.bytes[start..<start + elements.count * format.size]
                return (UnsafeRawBufferPointer(rebasing: bytes), block.file)
            }
            first = range.upperBound
        }
        return nil
    }

    /// Converts rows of the matrix view to `format`, rounding to nearest even; NaN and infinities are kept.
    ///
    /// Safe to call from several threads at once. Nothing but a buffer of 8 KiB is allocated.
    ///
    /// - Parameters:
    ///   - rows: which rows, within `0..<self.rows`.
    ///   - format: what to write.
    ///   - destination: where row `rows.lowerBound` begins; room for `rows.count * rowStride` elements.
    ///   - rowStride: distance between rows in elements, at least ``columns``; the padding is zeroed.
    /// - Returns: whether a conversion to f16 met a finite value beyond ±65504. Values from 65520 up became infinite,
    ///   so the tensor is better kept in bf16.
    /// - Throws: ``CheckpointError/truncated(file:needed:found:)`` if the file shrank since it was opened.
    package func copyRows(
        _ rows: Range<Int>, as format: WeightFormat, to destination: UnsafeMutableRawPointer, rowStride: Int
    ) throws(CheckpointError) -> Bool {
        let columns = columns
        precondition(rows.lowerBound >= 0 && rows.upperBound <= self.rows && rowStride >= columns)
        for block in blocks { try block.file.requireIntact() }
        if rowStride == columns {
            return convert(rows.lowerBound * columns..<rows.upperBound * columns, to: destination, format)
        }
        var exceeded = false
        for (index, row) in rows.enumerated() {
            let target = destination + index * rowStride * format.size
            exceeded = convert(row * columns..<(row + 1) * columns, to: target, format) || exceeded
            (target + columns * format.size).initializeMemory(
                as: UInt8.self, repeating: 0, count: (rowStride - columns) * format.size)
        }
        return exceeded
    }

    /// All elements in row-major order; meant for small tensors.
    ///
    /// - Throws: ``CheckpointError/truncated(file:needed:found:)`` if the file shrank since it was opened.
    package func values() throws(CheckpointError) -> [Float] { try values(0..<count) }

    /// One row of the matrix view.
    ///
    /// - Throws: as ``values()``.
    package func values(row: Int) throws(CheckpointError) -> [Float] {
        precondition((0..<rows).contains(row))
        return try values(row * columns..<(row + 1) * columns)
    }

    private func values(_ range: Range<Int>) throws(CheckpointError) -> [Float] {
        for block in blocks { try block.file.requireIntact() }
        return [Float](unsafeUninitializedCapacity: range.count) { buffer, initialized in
            if let base = buffer.baseAddress { _ = convert(range, to: base, .f32) }
            initialized = range.count
        }
    }

    /// Converts the elements `range` in row-major order, crossing from block to block.
    private func convert(_ range: Range<Int>, to destination: UnsafeMutableRawPointer, _ format: WeightFormat) -> Bool {
        var exceeded = false
        var blockStart = 0
        for block in blocks {
            let part = range.clamped(to: blockStart..<blockStart + block.count)
            if !part.isEmpty {
                let local = part.lowerBound - blockStart..<part.upperBound - blockStart
                let target = destination + (part.lowerBound - range.lowerBound) * format.size
                exceeded = block.convert(local, to: target, format) || exceeded
            }
            blockStart += block.count
        }
        return exceeded
    }
}
