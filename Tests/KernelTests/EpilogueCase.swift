import Foundation
import PerceptGraph
import PerceptNumbers
import TestSupport

/// A product with some of bias, rotation, GELU, LayerScale and residual: bits 1, 2, 4, 8 and 16 as the kernels number them.
///
/// Two heads of 6, padded to 8: queries, keys and values are 48 columns, of which 32 turn.
struct EpilogueCase {
    let bits: Int
    let rows: Int
    /// Of the activations and the weight; the rest is f32.
    var type = StorageType.f32
    var depth = 12

    var shape: ProductShape { ProductShape(rows: rows, columns: 48, depth: depth, type: type, format: .plain(type)) }

    /// The largest error, as a fraction of what f32 allows.
    func error(on profile: DeviceProfile) throws -> Double {
        let (sequence, heads, size, padded) = (3, 2, 6, 8)
        let (width, stored) = (3 * heads * size, 3 * heads * padded)
        let bias = numbers(width, seed: 3), scale = numbers(stored, seed: 4)
        let rope = (0..<sequence * padded).map { index -> Float in
            let angle = 0.3 * Double(index / 2)
            if index % padded >= size { return index % 2 == 0 ? 1 : 0 }
            return Float(index % 2 == 0 ? cos(angle) : sin(angle))
        }
        let b = numbers(width * depth, seed: 2, in: type)
        let a = numbers(rows * depth, seed: 1, in: type), residual = numbers(rows * stored, seed: 5)
        var graph = Graph()
        let x = graph.input("x", [rows, depth], type)
        let weight = graph.weight(Weight("w", [width, depth], padding: .rows(group: size, padded: padded)), type)
        var epilogue = Epilogue(gelu: bits & 4 != 0)
        if bits & 1 != 0 {
            epilogue.bias = graph.weight(Weight("bias", [width], padding: .columns(group: size, padded: padded)))
        }
        if bits & 2 != 0 {
            epilogue.rotary = Rotary(table: graph.constant(rope, [sequence, padded]), columns: 2 * heads * padded)
        }
        if bits & 8 != 0 { epilogue.scale = graph.weight(Weight("scale", [stored])) }
        if bits & 16 != 0 { epilogue.residual = graph.input("residual", [rows, stored]) }
        graph.output("y", graph.linear("linear", x, weight, epilogue, to: .f32))
        let found = try Evaluation(
            graph, on: profile, inputs: ["x": a, "residual": residual],
            weights: ["w": b, "bias": bias, "scale": scale])

        let products = Reference.product(a, b, rows: rows, columns: width, depth: depth)
        var expected: [Reference.Bounded] = []
        for row in 0..<rows {
            var values = (0..<stored).map { column -> Reference.Bounded in
                let (head, d) = (column / padded, column % padded)
                guard d < size else { return .init(0) }
                let product = products[row * width + head * size + d]
                return bits & 1 != 0 ? Reference.add(product, bias[head * size + d]) : product
            }
            if bits & 2 != 0 {
                for column in stride(from: 0, to: 2 * heads * padded, by: 2) {
                    let turn = row % sequence * padded + column % padded
                    (values[column], values[column + 1]) = Reference.rotate(
                        values[column], values[column + 1], cosine: rope[turn], sine: rope[turn + 1])
                }
            }
            for (column, value) in values.enumerated() {
                var value = value
                if bits & 4 != 0 { value = Reference.gelu(value) }
                if bits & 8 != 0 { value = Reference.multiply(value, scale[column]) }
                if bits & 16 != 0 { value = Reference.add(value, residual[row * stored + column]) }
                expected.append(value)
            }
        }
        return worst(found["y"], expected)
    }
}
