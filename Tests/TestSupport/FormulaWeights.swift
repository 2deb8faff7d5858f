import Foundation
package import PerceptGraph
package import PerceptRuntime

/// Weights made by a formula, so that fixtures need no files: the same numbers come out of a few lines of Python.
///
/// Parameter names are sorted; element i of the t-th tensor is built on s = sin(0.37 i + 0.91 t) in double precision:
/// 0.5 + 0.1 s for LayerScale, 1 + 0.1 s for weights of norms, 0.05 s for biases, s / √(last dimension) otherwise.
package struct FormulaWeights: WeightProvider {
    private let tensors: [String: (index: Int, shape: [Int])]
    private let prefix: String

    /// - Parameters:
    ///   - shapes: all parameters of the model by name, without `prefix`.
    ///   - prefix: what the graph's names carry in front, `visual.` for a vision tower.
    package init(_ shapes: [String: [Int]], prefix: String = "") {
        self.prefix = prefix
        var tensors: [String: (index: Int, shape: [Int])] = [:]
        for (index, name) in shapes.keys.sorted(by: { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }).enumerated() {
            tensors[name] = (index, shapes[name] ?? [])
        }
        self.tensors = tensors
    }

    package func value(_ name: String, _ element: Int) -> Float {
        guard let tensor = tensors[name] else { preconditionFailure("no formula for \(name)") }
        let s = sin(0.37 * Double(element) + 0.91 * Double(tensor.index))
        let last = name.split(separator: ".").last ?? ""
        if last == "gamma" { return Float(0.5 + 0.1 * s) }
        if last == "weight" && (name.contains("ln_") || name.contains("norm")) { return Float(1 + 0.1 * s) }
        if last == "bias" || last == "in_proj_bias" { return Float(0.05 * s) }
        return Float(s / Double(tensor.shape.last ?? 1).squareRoot())
    }

    package func copyRows(
        _ rows: Range<Int>, of weight: Weight, as type: StorageType, to destination: UnsafeMutableRawPointer,
        rowStride: Int
    ) throws -> Bool {
        let name = String(weight.name.dropFirst(prefix.count))
        precondition(tensors[name]?.shape == weight.shape, "\(name): \(weight.shape)")
        let first = weight.shape.count == 1 ? 1 : weight.shape[0]
        let others = weight.shape.reduce(1, *) / first
        for (index, row) in rows.enumerated() {
            for position in 0..<rowStride {
                var value: Float = 0
                if position < weight.columns.count {
                    let column = weight.columns.lowerBound + position
                    value = self.value(name, weight.transposed ? column * others + row : row * others + column)
                }
                destination.storeRounded(value, at: index * rowStride + position, as: type)
            }
        }
        return true
    }
}

extension UnsafeMutableRawPointer {
    /// Stores one element in a storage type, rounded to nearest even.
    package func storeRounded(_ value: Float, at index: Int, as type: StorageType) {
        switch type {
        case .f32: storeBytes(of: value, toByteOffset: index * 4, as: Float.self)
        case .f16: storeBytes(of: Float16(value), toByteOffset: index * 2, as: Float16.self)
        case .bf16:
            let bits = value.bitPattern
            let rounded = UInt16(truncatingIfNeeded: (bits &+ 0x7fff &+ ((bits >> 16) & 1)) >> 16)
            storeBytes(of: rounded, toByteOffset: index * 2, as: UInt16.self)
        }
    }
}
