extension Plan {
    /// Who touches memory.
    package struct Stages: OptionSet, Hashable, Sendable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }

        package static let compute = Stages(rawValue: 1 << 0)
        package static let transfer = Stages(rawValue: 1 << 1)
        package static let host = Stages(rawValue: 1 << 2)
    }

    /// What is recorded, in order.
    package enum Command: Hashable, Sendable {
        /// What follows in `to` waits for, and sees, what came before in `from`.
        case barrier(from: Stages, to: Stages)
        case dispatch(Part)
        /// Copies an output, by its index, to where the host reads it.
        case copy(output: Int)
    }

    /// The commands of one run, a list for each submission.
    ///
    /// Submissions of one queue start in order but may overlap. A barrier orders all that was submitted before against
    /// all that comes after it, in whichever command buffers, so the cuts between pieces need none of their own.
    package var commands: [[Command]] {
        var lists = pieces.map { parts in
            parts.flatMap { part -> [Command] in
                let waits = part.slice == 0 && steps[part.step].barrier
                return (waits ? [.barrier(from: .compute, to: .compute)] : []) + [.dispatch(part)]
            }
        }
        // Against the previous run, and against the copies that filled the weights.
        lists[0].insert(.barrier(from: [.compute, .transfer], to: [.compute, .transfer]), at: 0)
        let copies = outputs.indices.filter { arenaSpan(of: outputs[$0].tensor) != nil }.map {
            Command.copy(output: $0)
        }
        if !copies.isEmpty {
            lists[lists.count - 1] += [.barrier(from: .compute, to: .transfer)] + copies
        }
        // The host reads the outputs and the counter of saturated stores.
        lists[lists.count - 1].append(.barrier(from: [.compute, .transfer], to: .host))
        return lists
    }
}
