import PerceptNumbers

/// Elements of one mapped file, addressed by a stride per dimension.
struct StridedBlock: Sendable {
    let file: MappedFile
    let elementType: ElementType
    /// Where the element with all indices zero lies, in bytes from the start of the file.
    let offset: Int
    let shape: [Int]
    /// Distance between neighbours of each dimension, in elements; never negative.
    let strides: [Int]
    /// Number of elements.
    let count: Int
    /// What the file says of the bytes; nil where it says nothing.
    let check: ContentCheck?

    /// Checks the block against its file.
    ///
    /// - Parameter available: bytes from `offset` on that belong to the tensor.
    /// - Returns: nil when the sizes overflow or an element would lie outside.
    init?(
        file: MappedFile, elementType: ElementType, offset: Int, shape: [Int], strides: [Int], available: Int,
        check: ContentCheck? = nil
    ) {
        guard shape.count == strides.count, strides.allSatisfy({ $0 >= 0 }), offset >= 0, available >= 0,
            offset <= file.count, available <= file.count - offset, let count = elementCount(shape)
        else { return nil }
        if count > 0 {
            var last = 0
            for (side, stride) in zip(shape, strides) {
                let (span, overflow) = (side - 1).multipliedReportingOverflow(by: stride)
                let (sum, carry) = last.addingReportingOverflow(span)
                if overflow || carry { return nil }
                last = sum
            }
            guard last < available / elementType.size else { return nil }
        }
        self.file = file
        self.elementType = elementType
        self.offset = offset
        self.shape = shape
        self.strides = strides
        self.count = count
        self.check = check
    }

    /// No bytes of a file.
    init(emptyIn file: MappedFile) {
        self.file = file
        elementType = .u8
        offset = 0
        shape = [0]
        strides = [1]
        count = 0
        check = nil
    }

    private init(_ block: StridedBlock, shape: [Int], strides: [Int]) {
        file = block.file
        elementType = block.elementType
        offset = block.offset
        count = block.count
        check = block.check
        self.shape = shape
        self.strides = strides
    }

    /// Checks that the bytes are still there and are those that were written.
    func requireIntact() throws(CheckpointError) {
        try file.requireIntact()
        try check?.verify(file)
    }

    /// Row-major strides of `shape`, which ``elementCount(_:)`` must have found sound.
    static func contiguousStrides(_ shape: [Int]) -> [Int] {
        var strides = Array(repeating: 1, count: shape.count)
        for index in shape.indices.dropLast().reversed() {
            strides[index] = strides[index + 1] * max(shape[index + 1], 1)
        }
        return strides
    }

    /// Whether the elements lie one after another in row-major order.
    var isContiguous: Bool {
        var expected = 1
        for (side, stride) in zip(shape, strides).reversed() where side != 1 {
            if stride != expected { return false }
            expected *= side
        }
        return true
    }

    /// The matrix with rows and columns exchanged.
    func transposed() -> StridedBlock {
        StridedBlock(self, shape: shape.reversed(), strides: strides.reversed())
    }

    /// The matrix as [groups, size / parts, parts, columns]: its rows as [groups, parts, size / parts], with the last two
    /// exchanged. Nil where the block is neither a matrix with elements nor already such rows the other way round.
    func exchangingRows(of size: Int, _ parts: Int) -> StridedBlock? {
        let length = size / parts
        guard count > 0 else { return nil }
        if shape.count == 4 {
            guard shape[1] == parts, shape[2] == length else { return nil }
            return StridedBlock(
                self, shape: [shape[0], length, parts, shape[3]],
                strides: [strides[0], strides[2], strides[1], strides[3]])
        }
        guard shape.count == 2 else { return nil }
        // The distance of the last row fits; that of a group after the last need not.
        let stride = strides[0]
        let (group, overflow) = size.multipliedReportingOverflow(by: stride)
        if overflow { return nil }
        return StridedBlock(
            self, shape: [shape[0] / size, length, parts, shape[1]],
            strides: [group, stride, length * stride, strides[1]])
    }

    /// The same elements with other sides of length one; nil if `newShape` differs in more than those.
    func reshaped(_ newShape: [Int]) -> StridedBlock? {
        guard shape.filter({ $0 != 1 }) == newShape.filter({ $0 != 1 }) else { return nil }
        var kept = zip(shape, strides).filter { $0.0 != 1 }.map(\.1)[...]
        let newStrides = newShape.map { $0 == 1 ? 1 : kept.popFirst() ?? 1 }
        return StridedBlock(self, shape: newShape, strides: newStrides)
    }

    /// Converts the elements `range`, counted in row-major order, to `type`.
    ///
    /// - Returns: whether a conversion to f16 met a finite value beyond ±65504.
    func convert(_ range: Range<Int>, to destination: UnsafeMutableRawPointer, as type: StorageType) -> Bool {
        guard !range.isEmpty, let base = file.bytes.baseAddress?.advanced(by: offset) else { return false }
        if isContiguous {
            let source = base + range.lowerBound * elementType.size
            return elementType.convert(source, count: range.count, to: destination, as: type)
        }
        let chunk = 1024
        var exceeded = false
        withUnsafeTemporaryAllocation(byteCount: chunk * elementType.size, alignment: 16) { gathered in
            guard let buffer = gathered.baseAddress else { return }
            for start in stride(from: range.lowerBound, to: range.upperBound, by: chunk) {
                let count = min(chunk, range.upperBound - start)
                gather(start, count, base, buffer)
                let target = destination + (start - range.lowerBound) * type.byteCount
                exceeded = elementType.convert(buffer, count: count, to: target, as: type) || exceeded
            }
        }
        return exceeded
    }

    /// Copies the elements `range`, counted in row-major order, as they are.
    func copy(_ range: Range<Int>, to destination: UnsafeMutableRawPointer) {
        guard !range.isEmpty, let base = file.bytes.baseAddress?.advanced(by: offset) else { return }
        if isContiguous {
            let size = elementType.size
            destination.copyMemory(from: base + range.lowerBound * size, byteCount: range.count * size)
        } else {
            gather(range.lowerBound, range.count, base, destination)
        }
    }

    /// Copies `count` elements from the row-major position `start` on to consecutive places.
    func gather(_ start: Int, _ count: Int, _ base: UnsafeRawPointer, _ buffer: UnsafeMutableRawPointer) {
        let size = elementType.size
        var index = Array(repeating: 0, count: shape.count)
        var rest = start
        for dimension in shape.indices.reversed() {
            (rest, index[dimension]) = rest.quotientAndRemainder(dividingBy: shape[dimension])
        }
        var done = 0
        while done < count {
            // The last dimension runs on its own; the odometer turns once per pass.
            let row = zip(index, strides).reduce(0) { $0 + $1.0 * $1.1 }
            let innerSide = shape.last ?? 1
            let step = strides.last ?? 1
            let run = min(innerSide - (index.last ?? 0), count - done)
            let source = base + row * size
            let target = buffer + done * size
            switch size {
            case _ where step == 1:
                target.copyMemory(from: source, byteCount: run * size)
            case 2:
                for element in 0..<run {
                    let value = source.loadUnaligned(fromByteOffset: element * step * 2, as: UInt16.self)
                    target.storeBytes(of: value, toByteOffset: element * 2, as: UInt16.self)
                }
            case 4:
                for element in 0..<run {
                    let value = source.loadUnaligned(fromByteOffset: element * step * 4, as: UInt32.self)
                    target.storeBytes(of: value, toByteOffset: element * 4, as: UInt32.self)
                }
            default:
                for element in 0..<run {
                    (target + element * size).copyMemory(from: source + element * step * size, byteCount: size)
                }
            }
            done += run
            guard var dimension = index.indices.last else { return }
            index[dimension] += run
            while index[dimension] == shape[dimension], dimension > 0 {
                index[dimension] = 0
                dimension -= 1
                index[dimension] += 1
            }
        }
    }
}
