package import PerceptGraph
package import PerceptNumbers
import PerceptRuntime

/// Weights given as arrays, row by row, by name.
package struct ArrayWeights: WeightProvider {
    private let tensors: [String: [Float]]

    package init(_ tensors: [String: [Float]]) { self.tensors = tensors }

    package func copyRows(
        _ rows: Range<Int>, of weight: Weight, as type: StorageType, to destination: UnsafeMutableRawPointer,
        rowStride: Int
    ) throws -> Bool {
        guard let values = tensors[weight.name] else { preconditionFailure("no weight \(weight.name)") }
        precondition(!weight.transposed && values.count == weight.shape.reduce(1, *), weight.name)
        let stride = weight.shape.count == 1 ? weight.shape[0] : values.count / weight.shape[0]
        var fits = true
        for (index, row) in rows.enumerated() {
            for column in 0..<rowStride {
                let inside = column < weight.columns.count
                let value = inside ? values[row * stride + weight.columns.lowerBound + column] : 0
                if type == .f16 && abs(value) > 65504 { fits = false }
                destination.storeRounded(value, at: index * rowStride + column, as: type)
            }
        }
        return fits
    }
}
