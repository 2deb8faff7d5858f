import PerceptNumbers
import PerceptShaders

extension Graph {
    /// Copies `source` to `target`, tensors of as many bytes.
    package mutating func roofCopy(_ label: String, _ source: Tensor, into target: Tensor) {
        precondition(source.byteCount == target.byteCount, "\(label): \(source), \(target)")
        append(label, RoofCopy(source: source, target: target))
    }

    /// Multiplications and additions of numbers in registers, `iterations` times 16 of each number.
    ///
    /// - Returns: what comes of them, [groups, 4 · lanes] f32.
    package mutating func roofFMA(_ label: String, groups: Int, iterations: Int) -> Tensor {
        let result = self.result([groups, 4 * RoofFMA.lanes], .f32)
        append(label, RoofFMA(iterations: iterations, result: result))
        return result
    }
}

struct RoofCopy: Operation {
    let source: Tensor
    let target: Tensor

    func dispatch(_ lowering: Lowering) -> Dispatch {
        let octets = source.byteCount / 16
        // Enough to fill any device; on a CPU each workgroup costs time by itself.
        let part = octets.dividedRoundingUp(by: lowering.device.style == .cpu ? 32 : 4096)
        return Dispatch(
            Catalog.roofCopy, constants: ["LANES": lowering.device.rowWorkgroup],
            push: [
                "source": .operand(Operand(source)), "result": .operand(Operand(target)), "octets": .uint(octets),
                "part": .uint(part),
            ],
            groups: [octets.dividedRoundingUp(by: part), 1, 1], reads: [Operand(source)], writes: [Operand(target)])
    }
}

struct RoofFMA: Operation {
    static let lanes = 64

    let iterations: Int
    let result: Tensor

    func dispatch(_ lowering: Lowering) -> Dispatch {
        Dispatch(
            Catalog.roofFMA, constants: ["LANES": Self.lanes],
            push: ["result": .operand(Operand(result)), "iterations": .uint(iterations)],
            groups: [result.rows, 1, 1], reads: [], writes: [Operand(result)],
            // A result is the sum of three numbers, each of which has taken 16 steps an iteration.
            flops: 2 * 3 * 16 * Double(iterations) * Double(result.rows * result.columns))
    }
}
