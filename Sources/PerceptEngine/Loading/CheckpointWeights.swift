package import PerceptCheckpoint
package import PerceptGraph
package import PerceptNumbers
package import PerceptRuntime

/// Weights of a checkpoint under the canonical names.
///
/// What is handed out is finite: NaN and infinities would only come out again in results.
package struct CheckpointWeights: WeightProvider {
    private let checkpoint: Checkpoint

    package init(_ checkpoint: Checkpoint) { self.checkpoint = checkpoint }

    package func copyRows(
        _ rows: Range<Int>, of weight: Weight, as type: StorageType, to destination: UnsafeMutableRawPointer,
        rowStride: Int
    ) throws -> Bool {
        var tensor = try checkpoint.tensor(weight.name, weight.shape)
        if weight.transposed { tensor = try tensor.transposed() }
        try tensor.requireFinite(rows)
        if weight.columns == 0..<tensor.columns {
            return try !tensor.copyRows(rows, as: type, to: destination, rowStride: rowStride)
        }
        // Part of a bias: one short row.
        let size = type.byteCount
        let row = UnsafeMutableRawPointer.allocate(byteCount: tensor.columns * size, alignment: 16)
        defer { row.deallocate() }
        var fits = true
        for (index, source) in rows.enumerated() {
            fits = try !tensor.copyRows(source..<source + 1, as: type, to: row, rowStride: tensor.columns) && fits
            let target = destination + index * rowStride * size
            target.copyMemory(from: row + weight.columns.lowerBound * size, byteCount: weight.columns.count * size)
            let padding = (rowStride - weight.columns.count) * size
            (target + weight.columns.count * size).initializeMemory(as: UInt8.self, repeating: 0, count: padding)
        }
        return fits
    }

    package func quantization(of weight: Weight) throws -> QuantizedFormat? {
        try wholeRows(of: weight)?.quantization
    }

    package func copyQuantizedRows(
        _ rows: Range<Int>, of weight: Weight, to destination: UnsafeMutableRawPointer
    ) throws {
        try checkpoint.tensor(weight.name, weight.shape).copyStoredRows(rows, to: destination)
    }

    package func rowsInPlace(_ rows: Range<Int>, of weight: Weight, as type: WeightType) throws -> HostBytes? {
        guard let tensor = try wholeRows(of: weight), tensor.holds(type), let found = try tensor.mappedRows(rows)
        else { return nil }
        try tensor.requireFinite(rows)
        return HostBytes(found.bytes, owner: found.file)
    }

    /// The tensor whose rows are the weight's; nil where the weight does not keep them.
    private func wholeRows(of weight: Weight) throws -> CheckpointTensor? {
        weight.keepsRows ? try checkpoint.tensor(weight.name, weight.shape) : nil
    }
}

extension CheckpointTensor {
    /// Whether rows are stored as they would be in device memory, without what fills them up there.
    fileprivate func holds(_ type: WeightType) -> Bool {
        switch type {
        case .plain(let type): quantization == nil && elementType == type.elementType
        case .quantized(let format): quantization == format
        }
    }
}
