import PerceptNumbers
import PerceptShaders

extension Graph {
    /// Rows of the token table plus positions: ids [B, L] (32-bit words), table [V, W], positions [≥ L, W] f32; result
    /// [B, L, W] f32.
    package mutating func tokenEmbedding(_ label: String, ids: Tensor, table: Tensor, positions: Tensor) -> Tensor {
        precondition(ids.shape.count == 2 && positions.rows >= ids.columns && positions.columns == table.columns, label)
        let result = self.result(ids.shape + [table.columns], .f32)
        append(label, TokenEmbedding(ids: ids, table: table, positions: positions, result: result))
        return result
    }
}

struct TokenEmbedding: Operation {
    let ids: Tensor
    let table: Tensor
    let positions: Tensor
    let result: Tensor

    func dispatch(_ lowering: Lowering) -> Dispatch {
        let lanes = lowering.device.rowWorkgroup
        return Dispatch(
            Catalog.tokenEmbedding,
            constants: ["LANES": lanes, "TABLE_TYPE": lowering.constant(typeOf: table)],
            push: [
                "ids": .operand(Operand(ids)), "table": .operand(Operand(table)),
                "positions": .operand(Operand(positions)), "result": .operand(Operand(result)),
                "sequence": .uint(ids.columns), "idStride": .uint(ids.paddedColumns), "stride": .uint(table.octets),
                "vocabulary": .uint(table.rows),
            ],
            groups: [table.octets.dividedRoundingUp(by: lanes), ids.columns, ids.shape[0]],
            reads: [Operand(ids), Operand(table, rows: .some(result.rows)), Operand(positions)],
            writes: [Operand(result)])
    }
}
