import Dispatch
package import PerceptGraph
package import PerceptNumbers
import Synchronization

/// How a weight's rows and columns lie in device memory: heads padded, rows padded to octets or quantised.
package struct StoredLayout {
    package let weight: Weight
    package let type: WeightType
    package let storedRows: Int

    package init(_ weight: Weight, _ type: WeightType) {
        self.weight = weight
        self.type = type
        storedRows = weight.storedShape[0]
    }

    package var rowByteCount: Int { type.rowByteCount(columns: weight.storedShape[1]) }
    package var byteCount: Int { paddedRows * rowByteCount }

    /// A matrix's rows are the columns of a product, which are padded with zeros as all columns are; a vector is no matrix.
    var paddedRows: Int { weight.shape.count == 1 && storedRows == 1 ? 1 : storedRows.roundedUp(to: 8) }

    /// Stored rows that have to be written together: a padded head, or a row of each of two weights.
    var rowGroup: Int {
        if case .interleaved = weight.joined { return 2 }
        return if case .rows(_, let padded) = weight.padding { padded } else { 1 }
    }

    /// Writes stored rows `rows`, which start and end on whole groups. Rows that the provider has in the quantised format
    /// wanted are copied, others encoded.
    ///
    /// - Returns: false if the type is f16 and a value is beyond its range.
    package func write(
        _ rows: Range<Int>, from provider: some WeightProvider, to memory: UnsafeMutableRawBufferPointer
    ) throws -> Bool {
        switch type {
        case .plain: return try PlacedRows(weight, type).write(rows, from: provider, to: memory)
        case .quantized(let format):
            if try holdsRows(in: format, provider) {
                return try PlacedRows(weight, type).write(rows, from: provider, to: memory)
            }
            try quantize(rows, format, from: provider, to: memory)
            return true
        }
    }

    /// Whether the provider has the rows of all weights joined here as they are to be stored.
    private func holdsRows(in format: QuantizedFormat, _ provider: some WeightProvider) throws -> Bool {
        // Padding within a row would move elements from group to group.
        try weight.parts.allSatisfy { try $0.keepsRows && provider.quantization(of: $0) == format }
    }

    /// Elements that a thread holds in f32 at a time.
    private static let bandElements = 1 << 18

    /// Bands of rows on all cores: made in f32, then encoded.
    private func quantize(
        _ rows: Range<Int>, _ format: QuantizedFormat, from provider: some WeightProvider,
        to memory: UnsafeMutableRawBufferPointer
    ) throws {
        let plain = PlacedRows(weight, .plain(.f32))
        let columns = weight.storedShape[1]
        let stride = plain.rowByteCount / MemoryLayout<Float>.stride
        let band = max(rowGroup, Self.bandElements / stride / rowGroup * rowGroup)
        let failure = Mutex<(any Error)?>(nil)
        // Each band writes bytes of its own.
        nonisolated(unsafe) let memory = memory
        let rowByteCount = rowByteCount
        DispatchQueue.concurrentPerform(iterations: rows.count.dividedRoundingUp(by: band)) { index in
            guard failure.withLock({ $0 == nil }) else { return }
            let part = rows.dropFirst(index * band).prefix(band)
            let values = UnsafeMutableBufferPointer<Float>.allocate(capacity: part.count * stride)
            defer { values.deallocate() }
            do {
                _ = try plain.write(
                    part.startIndex..<part.endIndex, from: provider, to: UnsafeMutableRawBufferPointer(values))
            } catch {
                failure.withLock { $0 = $0 ?? error }
                return
            }
            for row in 0..<part.count {
                let start = (index * band + row) * rowByteCount
                QuantizedRows.encode(
                    UnsafeBufferPointer(rebasing: values[row * stride..<row * stride + columns]), format: format,
                    to: UnsafeMutableRawBufferPointer(rebasing: memory[start..<start + rowByteCount]))
            }
        }
        if let error = failure.withLock({ $0 }) { throw error }
    }
}

/// A weight's rows as a provider has them or makes them, where they are stored.
private struct PlacedRows {
    let weight: Weight
    let type: WeightType
    let rowByteCount: Int

    /// - Parameter type: where quantised, the format in which the provider has all rows, and no padding within a row.
    init(_ weight: Weight, _ type: WeightType) {
        self.weight = weight
        self.type = type
        rowByteCount = type.rowByteCount(columns: weight.storedShape[1])
    }

    /// Rows of the weight alone, by its own numbers, one after the other.
    private func copy(
        _ rows: Range<Int>, from provider: some WeightProvider, to base: UnsafeMutableRawPointer
    ) throws -> Bool {
        switch type {
        case .plain(let type):
            return try provider.copyRows(
                rows, of: weight, as: type, to: base, rowStride: rowByteCount / type.byteCount)
        case .quantized:
            try provider.copyQuantizedRows(rows, of: weight, to: base)
            return true
        }
    }

    /// As `StoredLayout.write`.
    func write(
        _ rows: Range<Int>, from provider: some WeightProvider, to memory: UnsafeMutableRawBufferPointer
    ) throws -> Bool {
        switch weight.joined {
        case .none: return try writeOwn(rows, from: provider, to: memory)
        case .stacked(let others):
            var fits = true
            var first = 0
            for part in [weight] + others {
                let range = first..<first + part.ownShape[0]
                let wanted = rows.clamped(to: range)
                if !wanted.isEmpty {
                    let start = (wanted.lowerBound - rows.lowerBound) * rowByteCount
                    let bytes = memory[start..<start + wanted.count * rowByteCount]
                    fits =
                        try PlacedRows(part, type).writeOwn(
                            wanted.lowerBound - first..<wanted.upperBound - first, from: provider,
                            to: UnsafeMutableRawBufferPointer(rebasing: bytes)) && fits
                }
                first = range.upperBound
            }
            return fits
        case .interleaved(let other):
            let parts = [self, PlacedRows(other, type)]
            var fits = true
            for row in rows {
                let start = (row - rows.lowerBound) * rowByteCount
                let bytes = UnsafeMutableRawBufferPointer(rebasing: memory[start..<start + rowByteCount])
                fits = try parts[row % 2].writeRow(row / 2, from: provider, to: bytes) && fits
            }
            return fits
        }
    }

    /// Writes one stored row of the weight alone, which must not be padded in columns.
    private func writeRow(
        _ row: Int, from provider: some WeightProvider, to memory: UnsafeMutableRawBufferPointer
    ) throws -> Bool {
        guard let base = memory.baseAddress else { return true }
        var source = row
        switch weight.padding {
        case .none: break
        case .rows(let group, let padded):
            guard row % padded < group else {
                memory.initializeMemory(as: UInt8.self, repeating: 0)
                return true
            }
            source = row / padded * group + row % padded
        case .columns: preconditionFailure("\(weight.name): interleaved weights are not padded in columns")
        }
        source += weight.rows.lowerBound
        return try copy(source..<source + 1, from: provider, to: base)
    }

    /// Writes stored rows of the weight alone, without those joined to it.
    private func writeOwn(
        _ rows: Range<Int>, from provider: some WeightProvider, to memory: UnsafeMutableRawBufferPointer
    ) throws -> Bool {
        guard let base = memory.baseAddress else { return true }
        switch weight.padding {
        case .none:
            let source = weight.rows.lowerBound + rows.lowerBound..<weight.rows.lowerBound + rows.upperBound
            return try copy(source, from: provider, to: base)
        case .rows(let group, let padded):
            memory.initializeMemory(as: UInt8.self, repeating: 0)
            var fits = true
            for head in rows.lowerBound / padded..<rows.upperBound / padded {
                let source = weight.rows.lowerBound + head * group
                let target = base + (head * padded - rows.lowerBound) * rowByteCount
                fits = try copy(source..<source + group, from: provider, to: target) && fits
            }
            return fits
        case .columns(let group, let padded):
            guard case .plain(let type) = type else {
                preconditionFailure("\(weight.name): quantised rows cannot be padded within")
            }
            memory.initializeMemory(as: UInt8.self, repeating: 0)
            let columns = weight.columns.count
            let size = type.byteCount
            var fits = true
            let row = UnsafeMutableRawPointer.allocate(byteCount: columns * size, alignment: 16)
            defer { row.deallocate() }
            for index in rows {
                let source = weight.rows.lowerBound + index
                fits =
                    try provider.copyRows(
                        source..<source + 1, of: weight, as: type, to: row, rowStride: columns) && fits
                let target = base + (index - rows.lowerBound) * rowByteCount
                for head in 0..<columns / group {
                    (target + head * padded * size).copyMemory(
                        from: row + head * group * size, byteCount: group * size)
                }
            }
            return fits
        }
    }
}
