import Foundation
import PerceptGraph
import PerceptNumbers
import PerceptRuntime

/// Sampled elements of a result, computed on the CPU in f64 from the very numbers that the device read.
struct KernelReference {
    let measured: KernelCase
    let input: [Float]
    let weights = RandomWeights()

    /// Largest error of 64 elements spread over the result, relative to their root mean square; nil for whole towers,
    /// which the test suite compares with PyTorch.
    func error(of result: [Float]) throws -> Double? {
        guard !measured.kind.isTower else { return nil }
        var largest = 0.0
        var squares = 0.0
        // A step that is no divisor of anything spreads the samples over rows and columns.
        for sample in 0..<64 {
            let index = sample * 7919 * 131 % result.count
            let expected = try element(index)
            largest = max(largest, abs(expected - Double(result[index])))
            squares += expected * expected
        }
        return largest / (squares / 64).squareRoot()
    }

    private func element(_ index: Int) throws -> Double {
        let shape = measured.shape
        switch measured.kind {
        case .product, .normed, .draw, .sample, .naive: return try product(index)
        case .gelu:
            let x = try product(index) + Double(values(of: Weight("bias", [shape[1]]), row: 0)[index % shape[1]])
            return x / 2 * (1 + erf(x / 2.0.squareRoot()))
        case .attention: return attention(index)
        case .norm:
            let (row, column) = (index / shape[1], index % shape[1])
            let x = input[row * shape[1]..<(row + 1) * shape[1]].map(Double.init)
            let mean = x.reduce(0, +) / Double(x.count)
            let variance = x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(x.count)
            let weight = try values(of: Weight("ln_1.weight", [shape[1]]), row: 0)
            let bias = try values(of: Weight("ln_1.bias", [shape[1]]), row: 0)
            return (x[column] - mean) / (variance + 1e-5).squareRoot() * Double(weight[column]) + Double(bias[column])
        case .tower, .fused: preconditionFailure("a tower has no reference")
        }
    }

    private func product(_ index: Int) throws -> Double {
        let (columns, depth) = (measured.shape[1], measured.shape[2])
        let (row, column) = (index / columns, index % columns)
        let b = try values(of: measured.weight, row: column)
        return zip(input[row * depth..<(row + 1) * depth], b).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    }

    private func attention(_ index: Int) -> Double {
        let (heads, tokens, head) = (measured.shape[0], measured.shape[1], measured.shape[2])
        let width = heads * head
        let (query, column) = (index / width, index % width)
        let first = column / head * head
        func at(_ token: Int, _ column: Int) -> Double { Double(input[token * 3 * width + column]) }
        let scores = (0..<tokens).map { key in
            (0..<head).reduce(0.0) { $0 + at(query, first + $1) * at(key, width + first + $1) }
                / Double(head).squareRoot()
        }
        let top = scores.max() ?? 0
        let shares = scores.map { exp($0 - top) }
        let sum = zip(shares, 0..<tokens).reduce(0.0) { $0 + $1.0 * at($1.1, 2 * width + column) }
        return sum / shares.reduce(0, +)
    }

    private func values(of weight: Weight, row: Int) throws -> [Float] {
        let isVector = weight.shape.count == 1
        if !isVector, case .quantized(let format) = measured.weightType {
            let exact = try values(of: weight, row: row, in: .f32)
            let bytes = QuantizedRows.encode(rows: exact, columns: exact.count, format: format)
            return QuantizedRows.decode(rows: bytes, columns: exact.count, format: format)
        }
        return try values(of: weight, row: row, in: isVector ? .f32 : measured.storage)
    }

    private func values(of weight: Weight, row: Int, in type: StorageType) throws -> [Float] {
        let count = weight.columns.count
        var bytes = [UInt8](repeating: 0, count: count * type.byteCount)
        return try bytes.withUnsafeMutableBytes { memory in
            guard let base = memory.baseAddress else { return [] }
            _ = try weights.copyRows(row..<row + 1, of: weight, as: type, to: base, rowStride: count)
            return type.values(UnsafeRawBufferPointer(memory))
        }
    }
}
