import PerceptNumbers

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
            return elementType.areFinite(base + range.lowerBound * elementType.size, count: range.count)
        }
        let chunk = 1024
        return withUnsafeTemporaryAllocation(byteCount: chunk * elementType.size, alignment: 16) { gathered in
            guard let buffer = gathered.baseAddress else { return true }
            for start in stride(from: range.lowerBound, to: range.upperBound, by: chunk) {
                let count = min(chunk, range.upperBound - start)
                gather(start, count, base, buffer)
                guard elementType.areFinite(buffer, count: count) else { return false }
            }
            return true
        }
    }
}
