import Foundation
package import PerceptGraph
package import PerceptNumbers

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
        let names = shapes.keys.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }
        for (index, name) in names.enumerated() { tensors[name] = (index, shapes[name] ?? []) }
        self.tensors = tensors
    }

    /// The formula of one tensor, by element.
    private func formula(_ name: String) -> (Int) -> Float {
        guard let tensor = tensors[name] else { preconditionFailure("no formula for \(name)") }
        let phase = 0.91 * Double(tensor.index)
        let last = name.split(separator: ".").last ?? ""
        let isNorm = last == "weight" && (name.contains("ln_") || name.contains("norm"))
        let (offset, factor): (Double, Double) =
            switch last {
            case "gamma": (0.5, 0.1)
            case "weight" where isNorm: (1, 0.1)
            case "bias", "in_proj_bias": (0, 0.05)
            default: (0, 1 / Double(tensor.shape.last ?? 1).squareRoot())
            }
        return { Float(offset + factor * sin(0.37 * Double($0) + phase)) }
    }

    package func copyRows(
        _ rows: Range<Int>, of weight: Weight, as type: StorageType, to destination: UnsafeMutableRawPointer,
        rowStride: Int
    ) throws -> Bool {
        let name = String(weight.name.dropFirst(prefix.count))
        precondition(tensors[name]?.shape == weight.shape, "\(name): \(weight.shape)")
        let first = weight.shape.count == 1 ? 1 : weight.shape[0]
        let others = weight.shape.reduce(1, *) / first
        let value = formula(name)
        for (index, row) in rows.enumerated() {
            for position in 0..<rowStride {
                var element: Float = 0
                if position < weight.columns.count {
                    let column = weight.columns.lowerBound + position
                    element = value(weight.transposed ? column * others + row : row * others + column)
                }
                destination.storeRounded(element, at: index * rowStride + position, as: type)
            }
        }
        return true
    }
}
