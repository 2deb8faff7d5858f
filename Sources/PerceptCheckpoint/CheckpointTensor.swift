package import PerceptNumbers

/// A tensor as a model sees it: a name, a shape, and elements that stay where they are until copied.
///
/// The elements are one block of a file or several stacked along the first dimension, each with its own strides, so
/// that a transposed, split or reordered matrix of another naming is a view, not a copy. A block may have more sides
/// than the tensor: in row-major order its elements are the tensor's.
///
/// As a matrix, a tensor of rank two or more has `shape[0]` rows and the remaining sides flattened as columns; a
/// vector or scalar is one row.
///
/// A matrix may be stored in quantised rows, each a string of bytes on its own (``QuantizedFormat``): rows can then be
/// taken, stacked and reordered as of any other, columns cannot.
package struct CheckpointTensor: Sendable {
    package let name: String
    /// Of what the file holds: bytes, where rows are quantised.
    package let elementType: ElementType
    package let shape: [Int]
    /// Number of elements.
    package let count: Int
    /// The format of the rows; nil where the file holds element by element.
    package let quantization: QuantizedFormat?
    /// What keeps the elements from being read, such as `the element type 'F8_E4M3'`; nil where nothing does. Such a tensor
    /// has a name and a shape, and no elements here.
    package let foreign: String?
    let blocks: [StridedBlock]

    init(name: String, block: StridedBlock) {
        self.name = name
        elementType = block.elementType
        shape = block.shape
        count = block.count
        quantization = nil
        foreign = nil
        blocks = [block]
    }

    /// A tensor that is there and not read.
    init(name: String, shape: [Int], in file: MappedFile, foreign: String) {
        self.name = name
        self.shape = shape
        self.foreign = foreign
        elementType = .u8
        count = 0
        quantization = nil
        blocks = [StridedBlock(emptyIn: file)]
    }

    private init(
        name: String, shape: [Int], quantization: QuantizedFormat?, foreign: String? = nil, blocks: [StridedBlock]
    ) {
        self.name = name
        self.shape = shape
        self.quantization = quantization
        self.foreign = foreign
        elementType = blocks[0].elementType
        // A block of quantised rows counts bytes.
        count = quantization == nil ? blocks.reduce(0) { $0 + $1.count } : shape.reduce(1, *)
        self.blocks = blocks
    }

    /// - Throws: ``CheckpointError/unsupported(file:feature:)`` where the elements are not read.
    package func requireReadable() throws(CheckpointError) {
        guard let foreign else { return }
        throw .unsupported(file: file, feature: "\(foreign) of tensor '\(name)'")
    }

    /// Rows of the matrix view.
    package var rows: Int { shape.count < 2 ? 1 : shape[0] }

    /// Columns of the matrix view.
    package var columns: Int { shape.count < 2 ? count : count / max(shape[0], 1) }

    /// The file the elements lie in (the first, if they lie in several).
    package var file: String { blocks[0].file.path }

    /// Bytes of one stored row.
    package var storedRowByteCount: Int {
        quantization?.rowByteCount(columns: columns) ?? columns * elementType.size
    }

    /// The same elements under another name.
    package func renamed(_ name: String) -> CheckpointTensor {
        CheckpointTensor(name: name, shape: shape, quantization: quantization, foreign: foreign, blocks: blocks)
    }

    /// The matrix of `shape` whose quantised rows are those of this matrix of bytes; nil where it is not one of the right
    /// type and shape for that.
    func quantized(_ format: QuantizedFormat, shape: [Int]) -> CheckpointTensor? {
        guard elementType == .u8, quantization == nil, foreign == nil, shape.count == 2,
            self.shape == [shape[0], format.rowByteCount(columns: shape[1])]
        else { return nil }
        return CheckpointTensor(name: name, shape: shape, quantization: format, blocks: blocks)
    }

    /// The same elements with sides of length one inserted or dropped.
    ///
    /// - Throws: ``CheckpointError/shape(file:name:expected:found:)`` when `newShape` asks for more than that.
    package func reshaped(_ newShape: [Int]) throws(CheckpointError) -> CheckpointTensor {
        if newShape == shape { return self }
        try requireReadable()
        guard quantization == nil, blocks.count == 1, let block = blocks[0].reshaped(newShape) else {
            throw .shape(file: file, name: name, expected: newShape, found: shape)
        }
        return CheckpointTensor(name: name, shape: newShape, quantization: nil, blocks: [block])
    }

    /// The matrix with rows and columns exchanged; no element moves.
    ///
    /// - Throws: ``CheckpointError/shape(file:name:expected:found:)`` when this is not a matrix in one piece.
    package func transposed() throws(CheckpointError) -> CheckpointTensor {
        try requireReadable()
        guard quantization == nil else {
            throw .unsupported(file: file, feature: "the transpose of quantised rows (tensor '\(name)')")
        }
        guard shape.count == 2, blocks.count == 1, blocks[0].shape == shape else {
            throw .shape(file: file, name: name, expected: [-1, -1], found: shape)
        }
        return CheckpointTensor(
            name: name, shape: shape.reversed(), quantization: nil, blocks: [blocks[0].transposed()])
    }

    /// The matrix with the rows of every group of `size` in another order: those of its first and of its second half in
    /// turn (0, size / 2, 1, size / 2 + 1, …); no element moves.
    ///
    /// - Throws: ``CheckpointError/shape(file:name:expected:found:)`` when this is not a matrix in one piece, or not one
    ///   of whole groups.
    package func interleavingHalves(of size: Int) throws(CheckpointError) -> CheckpointTensor {
        try exchangingRows(of: size, 2)
    }

    /// The matrix that ``interleavingHalves(of:)`` makes this one of: in every group of `size` rows the even ones, then
    /// the odd ones.
    ///
    /// - Throws: as that.
    package func separatingHalves(of size: Int) throws(CheckpointError) -> CheckpointTensor {
        try exchangingRows(of: size, size / 2)
    }

    /// The matrix with every group of `size` rows, seen as `parts` of equal length, transposed: all first rows of the
    /// parts, then all second ones.
    private func exchangingRows(of size: Int, _ parts: Int) throws(CheckpointError) -> CheckpointTensor {
        try requireReadable()
        guard shape.count == 2, blocks.count == 1, size > 0, size.isMultiple(of: 2), shape[0].isMultiple(of: size),
            let block = blocks[0].exchangingRows(of: size, parts)
        else {
            throw .shape(file: file, name: name, expected: [-1, -1], found: shape)
        }
        return CheckpointTensor(name: name, shape: shape, quantization: quantization, blocks: [block])
    }

    /// This tensor with `next` below it (first dimension), which must agree in the other sides and in type.
    package func stacked(on next: CheckpointTensor, name: String) throws(CheckpointError) -> CheckpointTensor {
        try requireReadable()
        try next.requireReadable()
        guard let side = shape.first, let nextSide = next.shape.first, shape.dropFirst() == next.shape.dropFirst()
        else {
            throw .shape(file: next.file, name: next.name, expected: shape, found: next.shape)
        }
        let (sum, overflow) = side.addingReportingOverflow(nextSide)
        let newShape = [sum] + shape.dropFirst()
        guard !overflow, elementCount(newShape) != nil else {
            throw .malformed(
                file: next.file,
                reason: "tensors '\(self.name)' and '\(next.name)' of shape \(next.shape) are too large together")
        }
        guard elementType == next.elementType, quantization == next.quantization else {
            throw .malformed(
                file: next.file,
                reason: "tensor '\(next.name)' is \(next.storedType), its sibling '\(self.name)' is \(storedType)")
        }
        return CheckpointTensor(
            name: name, shape: newShape, quantization: quantization, blocks: blocks + next.blocks)
    }

    /// What the file holds, in a word.
    package var storedType: String { foreign ?? quantization?.description ?? elementType.rawValue }
}
