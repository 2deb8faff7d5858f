package import PerceptGraph

/// Proves recorded commands free of data races, from nothing but each dispatch's declared reads and writes.
///
/// Validation layers do not follow device addresses, so nothing else would notice a missing barrier. It is written apart
/// from the planner and shares none of its code: accesses are replayed one by one over two consecutive runs.
package struct PlanChecker {
    /// What is wrong with a plan; dispatches are named by their labels.
    package enum Finding: Hashable, Sendable, CustomStringConvertible {
        /// Two commands touch the same bytes, one of them writes, and no barrier stands in between.
        case hazard(first: String, second: String)
        /// A command reads bytes that hold nothing, or another tensor.
        case staleRead(command: String, tensor: Tensor)
        /// A dispatch writes where only the host does.
        case foreignWrite(command: String, tensor: Tensor)
        /// The end of a run leaves an output without its contents.
        case missingOutput(name: String)

        package var description: String {
            switch self {
            case .hazard(let first, let second): "no barrier between \(first) and \(second)"
            case .staleRead(let command, let tensor):
                "\(command) reads \(tensor), which was not written or is overwritten"
            case .foreignWrite(let command, let tensor): "\(command) writes \(tensor), which is the host's"
            case .missingOutput(let name): "output \(name) is not written"
            }
        }
    }

    private enum Space: Hashable {
        case arena
        case output(program: Int, Int)
        case state(String)
        case arrivals(program: Int)
        /// The counter of values that f16 could not hold; the device adds to it atomically.
        case saturations(program: Int)

        var isAtomic: Bool { if case .saturations = self { true } else { false } }
    }

    private struct Access {
        let space: Space
        let bytes: Range<Int>
        let writes: Bool
        let stage: Plan.Stages
        let command: String
        /// Numbers the steps of all runs: slices of one step write different bytes.
        let step: Int
        /// Stages whose later commands wait for this access.
        var ordered: Plan.Stages = []

        func conflicts(with other: Access) -> Bool {
            (writes || other.writes) && step != other.step && space == other.space && bytes.overlaps(other.bytes)
                && (!space.isAtomic || stage != other.stage)
        }
    }

    private static let stages: [Plan.Stages] = [.compute, .transfer, .host]

    private var plan: Plan
    /// Which program the plan is of, and the number of its first step among those of all runs.
    private var program = 0
    private var firstStep = 0
    private var accesses: [Access] = []
    /// For each stage, the accesses that its next command might race with.
    private var pending: [Plan.Stages: [Int]] = [:]
    /// Which tensor's contents the arena's bytes hold, in this run.
    private var contents: [(bytes: Range<Int>, tensor: Int)] = []
    private var findings: [Finding] = []

    /// Everything wrong with `commands`, those of the plan itself unless others are given.
    package static func findings(in plan: Plan, commands: [[Plan.Command]]? = nil) -> [Finding] {
        findings(inTurn: [(plan, commands ?? plan.commands)])
    }

    /// The same of programs that share an arena, and states by their names, and run one after another.
    package static func findings(inTurn programs: [(plan: Plan, commands: [[Plan.Command]])]) -> [Finding] {
        guard let first = programs.first else { return [] }
        var checker = PlanChecker(plan: first.plan)
        for _ in 0..<2 {
            for (index, program) in programs.enumerated() {
                (checker.plan, checker.program) = (program.plan, index)
                checker.replay(program.commands.flatMap { $0 })
                checker.firstStep += program.plan.steps.count + 1
            }
        }
        var seen: Set<Finding> = []
        return checker.findings.filter { seen.insert($0).inserted }
    }

    private init(plan: Plan) { self.plan = plan }

    private mutating func replay(_ commands: [Plan.Command]) {
        contents = []
        // What the host did before it submits is done and seen.
        order(before: [.compute, .transfer]) { $0.stage == .host }
        for command in commands {
            switch command {
            case .barrier(let from, let to):
                order(before: to) { !from.isDisjoint(with: $0.stage.union($0.ordered)) }
            case .dispatch(let part):
                dispatch(part, step: firstStep + part.step)
            case .copy(let output):
                copy(output, step: firstStep + plan.steps.count)
            }
        }
        for (index, output) in plan.outputs.enumerated() {
            guard let span = plan.arenaSpan(of: output.tensor), holds(output.tensor, span) else {
                findings.append(.missingOutput(name: output.name))
                continue
            }
            add(
                Access(
                    space: .output(program: program, index), bytes: 0..<output.tensor.byteCount, writes: false,
                    stage: .host,
                    command: "the host's read of \(output.name)", step: -1))
        }
        readByHost()
    }

    /// What the host reads besides outputs when a run has ended.
    private mutating func readByHost() {
        func read(_ space: Space, _ bytes: Int, _ name: String) {
            add(
                Access(
                    space: space, bytes: 0..<bytes, writes: false, stage: .host, command: "the host's read of \(name)",
                    step: -1))
        }
        var seen: Set<String> = []
        for step in plan.steps {
            for operand in step.dispatch.writes {
                guard case .state(let slot)? = plan.locations[operand.tensor.id], slot.isHostVisible,
                    seen.insert(slot.name).inserted
                else { continue }
                read(.state(slot.name), operand.tensor.byteCount, slot.name)
            }
        }
        read(.saturations(program: program), 4, "the counter of saturations")
    }

    private mutating func order(before stages: Plan.Stages, _ isIncluded: (Access) -> Bool) {
        var ordered: [(access: Int, stage: Plan.Stages)] = []
        for stage in Self.stages where stages.contains(stage) {
            pending[stage]?.removeAll { index in
                let included = isIncluded(accesses[index])
                if included { ordered.append((index, stage)) }
                return included
            }
        }
        // A chain of barriers goes through what was ordered before this one, not by it.
        for (access, stage) in ordered { accesses[access].ordered.insert(stage) }
    }

    private mutating func add(_ access: Access) {
        for index in pending[access.stage, default: []] where accesses[index].conflicts(with: access) {
            findings.append(.hazard(first: accesses[index].command, second: access.command))
        }
        for stage in Self.stages { pending[stage, default: []].append(accesses.count) }
        accesses.append(access)
    }

    private mutating func dispatch(_ part: Plan.Part, step: Int) {
        let label = plan.steps[part.step].label
        let dispatch = plan.steps[part.step].dispatch
        if dispatch.push.contains(.saturations) {
            add(
                Access(
                    space: .saturations(program: program), bytes: 0..<4, writes: true, stage: .compute, command: label,
                    step: step))
        }
        for operand in dispatch.reads {
            if touchKept(operand, writes: false, label, step) { continue }
            guard case .arena(let span)? = plan.locations[operand.tensor.id] else { continue }
            if part.slice == 0 && !holds(operand.tensor, span) {
                findings.append(.staleRead(command: label, tensor: operand.tensor))
            }
            add(Access(space: .arena, bytes: span, writes: false, stage: .compute, command: label, step: step))
        }
        for operand in dispatch.writes {
            if touchKept(operand, writes: true, label, step) { continue }
            guard case .arena(let span)? = plan.locations[operand.tensor.id] else {
                findings.append(.foreignWrite(command: label, tensor: operand.tensor))
                continue
            }
            add(Access(space: .arena, bytes: span, writes: true, stage: .compute, command: label, step: step))
            fill(span, with: operand.tensor)
        }
    }

    /// Adds the access if the operand is memory that outlives the run: states, whose contents are the model's business, and
    /// counters, which `PoisonedRun` sees back at zero.
    private mutating func touchKept(_ operand: Operand, writes: Bool, _ label: String, _ step: Int) -> Bool {
        let (space, bytes): (Space, Range<Int>)
        switch plan.locations[operand.tensor.id] {
        case .state(let slot)?: (space, bytes) = (.state(slot.name), 0..<operand.tensor.byteCount)
        case .arrivals(let span)?: (space, bytes) = (.arrivals(program: program), span)
        default: return false
        }
        add(Access(space: space, bytes: bytes, writes: writes, stage: .compute, command: label, step: step))
        return true
    }

    private mutating func copy(_ output: Int, step: Int) {
        let (name, tensor) = plan.outputs[output]
        guard let span = plan.arenaSpan(of: tensor) else { return }
        let command = "the copy of \(name)"
        add(Access(space: .arena, bytes: span, writes: false, stage: .transfer, command: command, step: step))
        add(
            Access(
                space: .output(program: program, output), bytes: 0..<tensor.byteCount, writes: true, stage: .transfer,
                command: command,
                step: step))
    }

    private func holds(_ tensor: Tensor, _ span: Range<Int>) -> Bool {
        let held = contents.filter { $0.tensor == tensor.id }.map { $0.bytes.clamped(to: span).count }
        return held.reduce(0, +) == span.count
    }

    private mutating func fill(_ span: Range<Int>, with tensor: Tensor) {
        contents = contents.flatMap { entry -> [(bytes: Range<Int>, tensor: Int)] in
            guard entry.bytes.overlaps(span) else { return [entry] }
            let before = entry.bytes.lowerBound..<max(entry.bytes.lowerBound, span.lowerBound)
            let after = min(entry.bytes.upperBound, span.upperBound)..<entry.bytes.upperBound
            return [before, after].filter { !$0.isEmpty }.map { ($0, entry.tensor) }
        }
        contents.append((span, tensor.id))
    }
}
