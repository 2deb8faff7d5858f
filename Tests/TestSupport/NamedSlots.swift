package import PerceptGraph
package import PerceptRuntime

/// Tests name inputs and outputs of graphs of their own.
extension Program {
    /// Host-visible memory of the input of that name.
    package func input(_ name: String) -> UnsafeMutableRawBufferPointer {
        guard let tensor = plan.inputs.first(where: { $0.name == name })?.tensor else {
            preconditionFailure("the plan has no input \(name)")
        }
        return input(tensor)
    }

    /// Rows of the output of that name, padding included.
    package func output(_ name: String) -> UnsafeRawBufferPointer { output(place(name)) }

    /// The f32 output of that name, padding taken out.
    package func values(_ name: String) -> [Float] { values(place(name)) }

    private func place(_ name: String) -> Output {
        guard let index = plan.outputs.firstIndex(where: { $0.name == name }) else {
            preconditionFailure("the plan has no output \(name)")
        }
        return Output(index: index)
    }
}

extension Graph {
    /// The state of that name.
    package func slot(_ name: String) -> StateSlot {
        guard let slot = states.first(where: { $0.slot.name == name })?.slot else {
            preconditionFailure("the graph has no state \(name)")
        }
        return slot
    }
}
