import PerceptNumbers
import PerceptShaders

extension Graph {
    /// Mean of tokens `range` of each image: x [B, N, W] f32 to [B, W].
    package mutating func meanPool(_ label: String, _ x: Tensor, tokens range: Range<Int>) -> Tensor {
        precondition(x.shape.count == 3 && x.type == .f32 && !range.isEmpty && range.upperBound <= x.shape[1], label)
        let result = self.result([x.shape[0], x.columns], .f32)
        append(label, MeanPool(x: x, range: range, result: result))
        return result
    }

    /// The row of each text at the first position of its largest id: ids [B, L] and x [B, L, W] f32 to [B, W].
    package mutating func eosPool(_ label: String, _ x: Tensor, ids: Tensor) -> Tensor {
        precondition(x.shape.count == 3 && x.type == .f32 && ids.shape == Array(x.shape.prefix(2)), label)
        let result = self.result([x.shape[0], x.columns], .f32)
        append(label, EOSPool(x: x, ids: ids, result: result))
        return result
    }
}

struct MeanPool: Operation {
    let x: Tensor
    let range: Range<Int>
    let result: Tensor

    func dispatch(_ lowering: Lowering) -> Dispatch {
        let lanes = lowering.device.rowWorkgroup
        return Dispatch(
            Catalog.meanPool, constants: ["LANES": lanes],
            push: [
                "x": .operand(Operand(x)), "result": .operand(Operand(result)), "sequence": .uint(x.shape[1]),
                "first": .uint(range.lowerBound), "count": .uint(range.count), "stride": .uint(x.octets),
            ],
            groups: [(x.octets * 2).dividedRoundingUp(by: lanes), x.shape[0], 1],
            reads: [Operand(x)], writes: [Operand(result)],
            flops: Double(x.shape[0] * range.count * x.columns))
    }
}

struct EOSPool: Operation {
    let x: Tensor
    let ids: Tensor
    let result: Tensor

    func dispatch(_ lowering: Lowering) -> Dispatch {
        let lanes = lowering.device.rowWorkgroup
        return Dispatch(
            Catalog.eosPool, constants: ["LANES": lanes],
            push: [
                "ids": .operand(Operand(ids)), "x": .operand(Operand(x)), "result": .operand(Operand(result)),
                "sequence": .uint(x.shape[1]), "idStride": .uint(ids.paddedColumns), "stride": .uint(x.octets),
            ],
            groups: [x.octets.dividedRoundingUp(by: lanes), x.shape[0], 1],
            reads: [Operand(ids), Operand(x, rows: .some(result.rows))], writes: [Operand(result)])
    }
}
