import PerceptShaders

extension Plan {
    /// Floating-point operations of one run.
    package var flops: Double { steps.reduce(0) { $0 + $1.dispatch.flops } }
    /// The kernels that its steps run, by name.
    package var kernelNames: [String] { Set(steps.map(\.dispatch.kernel.name)).sorted() }
    package var barrierCount: Int { steps.count { $0.barrier } }
}

extension Plan: CustomStringConvertible {
    /// The table a reviewer wants: a line a step, with `|` in front of those that wait for a barrier.
    package var description: String {
        var lines = [
            "\(steps.count) dispatches, \(barrierCount) barriers, \(pieces.count) submissions, arena \(arenaByteCount) bytes"
        ]
        for (index, step) in steps.enumerated() {
            let dispatch = step.dispatch
            let number = String(index).padded(to: -4)
            let grid = dispatch.groups.map(String.init).joined(separator: "x")
            let reads = dispatch.reads.map { place($0) }.joined(separator: " ")
            let writes = dispatch.writes.map { place($0) }.joined(separator: " ")
            lines.append(
                "\(step.barrier ? "|" : " ")\(number) \(step.label.padded(to: 36)) \(dispatch.kernel.name.padded(to: 18)) "
                    + "\(grid.padded(to: 12)) \(reads) -> \(writes)")
        }
        return lines.joined(separator: "\n")
    }

    private func place(_ operand: Operand) -> String {
        let shape = operand.tensor.shape.map(String.init).joined(separator: "x")
        return switch locations[operand.tensor.id] {
        case .arena(let span)?: "\(shape)@\(span.lowerBound + operand.byteOffset)"
        case .weight(let weight, let type)?: "\(weight.name):\(type)"
        case .input(let span)?: "\(shape)@in+\(span.lowerBound)"
        case .constant(let offset)?: "\(shape)@const+\(offset)"
        case .state(let slot)?: "\(shape)@\(slot.name)"
        case .arrivals(let span)?: "\(shape)@arrivals+\(span.lowerBound)"
        case nil: "?"
        }
    }
}

extension String {
    /// Filled with spaces behind, or in front for a negative width.
    fileprivate func padded(to width: Int) -> String {
        let fill = String(repeating: " ", count: max(0, abs(width) - count))
        return width < 0 ? fill + self : self + fill
    }
}
