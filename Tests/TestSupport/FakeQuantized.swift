package import PerceptGraph
package import PerceptNumbers
package import PerceptRuntime

/// Weights of another provider as they are after quantising, handed out in a storage type: what a graph with quantised
/// weights computes, a graph with these does in f32.
package struct FakeQuantized: WeightProvider {
    private let base: any WeightProvider
    private var formats: [String: QuantizedFormat] = [:]

    /// - Parameter graphs: ask for the quantised weights in their formats.
    package init(_ base: any WeightProvider, like graphs: [Graph]) {
        self.base = base
        for (weight, type) in graphs.flatMap(\.weights) {
            guard case .quantized(let format) = type else { continue }
            for name in Self.names(weight) { formats[name] = format }
        }
    }

    private static func names(_ weight: Weight) -> [String] {
        switch weight.joined {
        case .none: [weight.name]
        case .stacked(let others): [weight.name] + others.flatMap(names)
        case .interleaved(let other): [weight.name] + names(other)
        }
    }

    package func copyRows(
        _ rows: Range<Int>, of weight: Weight, as type: StorageType, to destination: UnsafeMutableRawPointer,
        rowStride: Int
    ) throws -> Bool {
        guard let format = formats[weight.name] else {
            return try base.copyRows(rows, of: weight, as: type, to: destination, rowStride: rowStride)
        }
        let count = weight.columns.count
        // Groups run over the stored row, zeros between heads included.
        let (group, padded) =
            if case .columns(let group, let padded) = weight.padding { (group, padded) } else { (1, 1) }
        let width = count / group * padded
        var plain = [Float](repeating: 0, count: count)
        for (index, row) in rows.enumerated() {
            _ = try plain.withUnsafeMutableBytes { bytes in
                guard let start = bytes.baseAddress else { return true }
                return try base.copyRows(row..<row + 1, of: weight, as: .f32, to: start, rowStride: count)
            }
            var stored = [Float](repeating: 0, count: width)
            for column in 0..<count { stored[column / group * padded + column % group] = plain[column] }
            let bytes = QuantizedRows.encode(rows: stored, columns: width, format: format)
            let decoded = QuantizedRows.decode(rows: bytes, columns: width, format: format)
            for column in 0..<rowStride {
                let value = column < count ? decoded[column / group * padded + column % group] : 0
                destination.storeRounded(value, at: index * rowStride + column, as: type)
            }
        }
        return true
    }
}
