package import PerceptNumbers
import PerceptShaders

/// A normalisation of rows, with its weights.
package struct Norm: Sendable {
    package enum Kind: Sendable {
        /// Weights are [2, W], biases below.
        case layer
        /// Weights are [1, W].
        case rms

        /// For a row's element: what there is to add and to multiply.
        var flops: Double { self == .layer ? 8 : 4 }
    }

    package let kind: Kind
    /// f32.
    package let weights: Tensor
    package let epsilon: Float

    package init(_ kind: Kind, weights: Tensor, epsilon: Float) {
        precondition(weights.type == .f32 && weights.rows == (kind == .layer ? 2 : 1), "\(weights)")
        self.kind = kind
        self.weights = weights
        self.epsilon = epsilon
    }

    /// W
    package var width: Int { weights.columns }

    func flops(rows: Int) -> Double { kind.flops * Double(rows * width) }

    /// Of `Shaders/include/epilogue.glsl`.
    var epilogueBit: Int { kind == .layer ? 256 : 512 }
}

extension Graph {
    /// Layer normalisation of rows: x [..., W] f32, weight and bias [1, W] f32.
    package mutating func layerNorm(
        _ label: String, _ x: Tensor, weight: Tensor, bias: Tensor, epsilon: Float = 1e-5, to type: StorageType
    ) -> Tensor {
        precondition(x.type == .f32 && weight.columns == x.columns && bias.columns == x.columns, "\(label): \(x)")
        let result = self.result(x.shape, type)
        append(label, LayerNorm(x: x, weight: weight, bias: bias, epsilon: epsilon, result: result))
        return result
    }

    /// Root-mean-square normalisation of rows: x [..., W] f32, weight [1, W] f32.
    package mutating func rmsNorm(
        _ label: String, _ x: Tensor, weight: Tensor, epsilon: Float, to type: StorageType
    ) -> Tensor {
        precondition(x.type == .f32 && weight.columns == x.columns, "\(label): \(x)")
        let result = self.result(x.shape, type)
        append(label, RMSNorm(x: x, weight: weight, epsilon: epsilon, result: result))
        return result
    }

    /// Rows divided by their Euclidean length.
    package mutating func l2Normalize(_ label: String, _ x: Tensor) -> Tensor {
        precondition(x.type == .f32, label)
        let result = self.result(x.shape, .f32)
        append(label, L2Normalize(x: x, result: result))
        return result
    }

    /// softmax(scale · x) over the last dimension.
    package mutating func softmax(_ label: String, _ x: Tensor, scale: Float) -> Tensor {
        precondition(x.type == .f32, label)
        let result = self.result(x.shape, .f32)
        append(label, Softmax(x: x, scale: scale, result: result))
        return result
    }
}

extension DeviceProfile {
    /// Octets of a row of `x` that a lane of a norm holds in registers; 0 where it reads the row for each of its sums anew.
    ///
    /// On GPUs each reading is a wait for memory; CPU drivers read from a cache that is near, and have few registers.
    fileprivate func heldOctets(of x: Tensor) -> Int {
        let octets = x.octets.dividedRoundingUp(by: subgroupSize)
        return style == .gpu && octets <= 8 ? octets : 0
    }
}

struct LayerNorm: Operation {
    let x: Tensor
    let weight: Tensor
    let bias: Tensor
    let epsilon: Float
    let result: Tensor

    func dispatch(_ lowering: Lowering) -> Dispatch {
        Dispatch(
            Catalog.layerNorm,
            constants: [
                "LANES": lowering.device.rowWorkgroup, "RESULT_TYPE": Int(result.type.rawValue),
                "HELD": lowering.device.heldOctets(of: x),
            ],
            push: [
                "x": .operand(Operand(x)), "weight": .operand(Operand(weight)), "bias": .operand(Operand(bias)),
                "result": .operand(Operand(result)), "saturations": .saturations, "rows": .uint(x.rows),
                "columns": .uint(x.columns), "stride": .uint(x.octets), "epsilon": .float(epsilon),
            ],
            groups: lowering.device.rowGrid(x.rows),
            reads: [Operand(x), Operand(weight), Operand(bias)], writes: [Operand(result)],
            flops: Norm.Kind.layer.flops * Double(x.rows * x.columns), subgroupSize: lowering.device.subgroupSize)
    }
}

struct RMSNorm: Operation {
    let x: Tensor
    let weight: Tensor
    let epsilon: Float
    let result: Tensor

    func dispatch(_ lowering: Lowering) -> Dispatch {
        Dispatch(
            Catalog.rmsNorm,
            constants: [
                "LANES": lowering.device.rowWorkgroup, "RESULT_TYPE": Int(result.type.rawValue),
                "HELD": lowering.device.heldOctets(of: x),
            ],
            push: [
                "x": .operand(Operand(x)), "weight": .operand(Operand(weight)), "result": .operand(Operand(result)),
                "saturations": .saturations, "rows": .uint(x.rows), "columns": .uint(x.columns),
                "stride": .uint(x.octets), "epsilon": .float(epsilon),
            ],
            groups: lowering.device.rowGrid(x.rows),
            reads: [Operand(x), Operand(weight)], writes: [Operand(result)],
            flops: Norm.Kind.rms.flops * Double(x.rows * x.columns), subgroupSize: lowering.device.subgroupSize)
    }
}

struct L2Normalize: Operation {
    let x: Tensor
    let result: Tensor

    func dispatch(_ lowering: Lowering) -> Dispatch {
        Dispatch(
            Catalog.l2Normalize, constants: ["LANES": lowering.device.rowWorkgroup],
            push: [
                "x": .operand(Operand(x)), "result": .operand(Operand(result)), "rows": .uint(x.rows),
                "stride": .uint(x.octets),
            ],
            groups: lowering.device.rowGrid(x.rows),
            reads: [Operand(x)], writes: [Operand(result)],
            flops: 3 * Double(x.rows * x.columns), subgroupSize: lowering.device.subgroupSize)
    }
}

struct Softmax: Operation {
    let x: Tensor
    let scale: Float
    let result: Tensor

    func dispatch(_ lowering: Lowering) -> Dispatch {
        Dispatch(
            Catalog.softmax, constants: ["LANES": lowering.device.rowWorkgroup],
            push: [
                "x": .operand(Operand(x)), "result": .operand(Operand(result)), "rows": .uint(x.rows),
                "columns": .uint(x.columns), "stride": .uint(x.octets), "scale": .float(scale),
            ],
            groups: lowering.device.rowGrid(x.rows),
            // Maximum, difference, exponential, sum, quotient.
            reads: [Operand(x)], writes: [Operand(result)],
            flops: 5 * Double(x.rows * x.columns), subgroupSize: lowering.device.subgroupSize)
    }
}
