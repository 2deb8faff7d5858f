extension CheckpointTensor {
    /// Looks for NaN and infinities in rows of the matrix view, as the file has them: a mapped file is read fast, which
    /// memory that a device sees need not be.
    ///
    /// - Parameter rows: which rows, within `0..<self.rows`.
    /// - Throws: ``CheckpointError/notFinite(file:name:)``, or ``CheckpointError/truncated(file:needed:found:)`` if the file
    ///   shrank since it was opened.
    package func requireFinite(_ rows: Range<Int>) throws(CheckpointError) {
        let elements = rows.lowerBound * columns..<rows.upperBound * columns
        var first = 0
        for block in blocks {
            let part = elements.clamped(to: first..<first + block.count)
            if !part.isEmpty {
                try block.requireIntact()
                guard block.areFinite(part.lowerBound - first..<part.upperBound - first) else {
                    throw .notFinite(file: block.file.path, name: name)
                }
            }
            first += block.count
        }
    }
}

extension StridedBlock {
    /// Whether no element of `range`, counted in row-major order, is NaN or infinite.
    fileprivate func areFinite(_ range: Range<Int>) -> Bool {
        guard elementType.isFloatingPoint, let base = file.bytes.baseAddress?.advanced(by: offset) else { return true }
        if isContiguous {
            return PerceptCheckpoint.areFinite(base + range.lowerBound * elementType.size, elementType, range.count)
        }
        let chunk = 1024
        return withUnsafeTemporaryAllocation(byteCount: chunk * elementType.size, alignment: 16) { gathered in
            guard let buffer = gathered.baseAddress else { return true }
            for start in stride(from: range.lowerBound, to: range.upperBound, by: chunk) {
                let count = min(chunk, range.upperBound - start)
                gather(start, count, base, buffer)
                guard PerceptCheckpoint.areFinite(buffer, elementType, count) else { return false }
            }
            return true
        }
    }
}

/// Whether none of `count` consecutive elements is NaN or infinite.
private func areFinite(_ source: UnsafeRawPointer, _ type: ElementType, _ count: Int) -> Bool {
    switch type {
    case .f64: carriesNone(source, count, exponentBit: 0x0010_0000_0000_0000 as UInt64)
    case .f32: carriesNone(source, count, exponentBit: 0x0080_0000 as UInt32)
    case .f16: carriesNone(source, count, exponentBit: 0x0400 as UInt16)
    case .bf16: carriesNone(source, count, exponentBit: 0x0080 as UInt16)
    case .i64, .i32, .i16, .i8, .u8, .bool: true
    }
}

/// An exponent of ones carries into the place of the sign when a one is added at its lowest bit: no branch, so that the
/// loop becomes vector code.
@inline(__always)
private func carriesNone<Word: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(
    _ source: UnsafeRawPointer, _ count: Int, exponentBit: Word
) -> Bool {
    let size = MemoryLayout<Word>.size
    let sign: Word = 1 << (Word.bitWidth - 1)
    var carried: Word = 0
    for index in 0..<count {
        let bits = source.loadUnaligned(fromByteOffset: index &* size, as: Word.self)
        carried |= (bits & ~sign) &+ exponentBit
    }
    return carried & sign == 0
}
