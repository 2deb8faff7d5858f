package import PerceptNumbers
import PerceptShaders

/// Why a graph cannot run on a device.
package enum PlanError: Error, Equatable, CustomStringConvertible {
    case gridTooLarge(label: String, groups: [Int], limit: [Int])
    case workgroupTooLarge(label: String, invocations: Int, limit: Int)
    case unsupported(label: String, kernel: String)
    /// Kernels index 32-bit words by signed 32-bit numbers.
    case tensorTooLarge(label: String, shape: [Int], bytes: Int)

    package var description: String {
        switch self {
        case .gridTooLarge(let label, let groups, let limit):
            "\(label): a grid of \(groups) workgroups is more than the device's \(limit)"
        case .workgroupTooLarge(let label, let invocations, let limit):
            "\(label): a workgroup of \(invocations) is more than the device's \(limit)"
        case .unsupported(let label, let kernel):
            "\(label): the device lacks what kernel \(kernel) needs"
        case .tensorTooLarge(let label, let shape, let bytes):
            "\(label): a tensor of \(shape) takes \(bytes) bytes, and kernels reach \(Plan.largestTensor)"
        }
    }
}

/// A graph made ready for a device: chosen kernels, arena offsets, barriers and pieces. A pure value.
package struct Plan: Sendable {
    package struct Step: Sendable {
        package let label: String
        package let dispatch: Dispatch
        /// Whether a memory barrier stands in front of it.
        package var barrier: Bool
        /// Parts of the grid, submitted apart where the whole would take too long.
        package let slices: [Slice]
    }

    /// A box of workgroups.
    package struct Slice: Hashable, Sendable {
        package let base: [Int]
        package let groups: [Int]
    }

    /// Where a tensor lies.
    package enum Location: Hashable, Sendable {
        /// Bytes of the program's arena.
        case arena(Range<Int>)
        /// Bytes of the host-visible memory that inputs are read from.
        case input(Range<Int>)
        case weight(Weight, WeightType)
        /// Offset among the program's constants.
        case constant(Int)
        /// Memory of its own.
        case state(StateSlot)
        /// Bytes of the program's counters of arrivals.
        case arrivals(Range<Int>)
    }

    package internal(set) var steps: [Step]
    package let locations: [Location?]
    package let arenaByteCount: Int
    package let inputByteCount: Int
    package let arrivalByteCount: Int
    package let inputs: [(name: String, tensor: Tensor)]
    package let outputs: [(name: String, tensor: Tensor)]
    package let constants: [(tensor: Tensor, values: [Float])]
    /// Ranges of steps (and slices of a long step) that go out as submissions of their own.
    package let pieces: [[Part]]

    /// One slice of one step.
    package struct Part: Hashable, Sendable {
        package let step: Int
        package let slice: Int
    }

    /// Longest time that one submission may take by the device's measured rate: drivers reset devices that do not
    /// answer for a few seconds.
    package static let longestPiece = 0.1

    /// Bytes within reach of a kernel's indices: SPIR-V takes them as signed, and those of single words reach least far.
    package static let largestTensor = 4 << 31

    /// How large a piece may be.
    package struct PieceLimit: Hashable, Sendable {
        /// By the device's measured rate.
        package let seconds: Double
        /// Whether what a dispatch moves counts too, and that it is one.
        package let countsMemory: Bool

        package init(seconds: Double, countsMemory: Bool) {
            self.seconds = seconds
            self.countsMemory = countsMemory
        }

        /// Operations in whose time a byte is taken to move; an estimate, since measured times join pieces later.
        private static let operationsPerByte = 8.0
        /// Seconds that a dispatch is taken to need however little it does.
        private static let launch = 2e-5

        fileprivate func seconds(_ dispatch: Dispatch, flopsPerSecond: Double) -> Double {
            let work = dispatch.work()
            guard countsMemory else { return work.flops / flopsPerSecond }
            return max(work.flops, Self.operationsPerByte * work.bytes) / flopsPerSecond + Self.launch
        }

        /// As long as drivers allow.
        package static let drivers = PieceLimit(seconds: longestPiece, countsMemory: false)
        /// So short that other work can have its turn between them; as many as fit are joined when they run.
        package static let turns = PieceLimit(seconds: 0.01, countsMemory: true)
    }

    /// - Parameter limit: what a submission may hold.
    package init(
        _ graph: Graph, for device: DeviceProfile, weightTypes: [Weight: WeightType] = [:],
        limit: PieceLimit = .drivers
    ) throws(PlanError) {
        let lowering = Lowering(device: device, weightTypes: weightTypes, sources: graph.sources)
        let dispatches = graph.nodes.map { $0.operation.dispatch(lowering) }
        for (node, dispatch) in zip(graph.nodes, dispatches) { try Self.check(dispatch, node.label, device) }

        let memory = MemoryPlan(Self.intervals(graph, dispatches))
        let touched = Set(dispatches.flatMap { $0.reads + $0.writes }.map(\.tensor.id))
        arenaByteCount = memory.byteCount
        var inputEnd = 0
        var constantEnd = 0
        var arrivalEnd = 0
        func append(_ tensor: Tensor, to end: inout Int) -> Int {
            defer { end += tensor.byteCount.roundedUp(to: MemoryPlan.alignment) }
            return end
        }
        locations = zip(graph.tensors, graph.sources).map { tensor, source in
            switch source {
            case .weight(let weight):
                return .weight(weight, lowering.format(of: tensor))
            case .constant:
                return .constant(append(tensor, to: &constantEnd))
            case .input:
                let offset = append(tensor, to: &inputEnd)
                return .input(offset..<offset + tensor.byteCount)
            case .state(let slot): return .state(slot)
            case .arrivals:
                guard touched.contains(tensor.id) else { return nil }
                let offset = append(tensor, to: &arrivalEnd)
                return .arrivals(offset..<offset + tensor.byteCount)
            case .computed, .scratch:
                return memory.spans[tensor.id].map { .arena($0) }
            }
        }
        inputByteCount = inputEnd
        arrivalByteCount = arrivalEnd
        inputs = zip(graph.tensors, graph.sources).compactMap { tensor, source in
            if case .input(let name) = source { (name, tensor) } else { nil }
        }
        constants = zip(graph.tensors, graph.sources).compactMap { tensor, source in
            if case .constant(let values) = source { (tensor, values) } else { nil }
        }
        outputs = graph.outputs

        // States and counters are tracked as if they lay behind the arena, each in bytes of its own.
        var spans = memory.spans
        var end = memory.byteCount
        for (tensor, source) in zip(graph.tensors, graph.sources) {
            switch source {
            case .state, .arrivals:
                spans[tensor.id] = end..<end + tensor.byteCount
                end += tensor.byteCount
            default: break
            }
        }
        var tracker = HazardTracker()
        steps = zip(graph.nodes, dispatches).map { node, dispatch in
            let touched = { (operands: [Operand]) in operands.compactMap { spans[$0.tensor.id] } }
            let barrier = tracker.needsBarrier(reads: touched(dispatch.reads), writes: touched(dispatch.writes))
            let seconds = dispatch.flops / device.flopsPerSecond
            return Step(
                label: node.label, dispatch: dispatch, barrier: barrier,
                slices: Self.slices(dispatch.groups, parts: seconds / limit.seconds))
        }
        pieces = Self.pieces(steps, limit, flopsPerSecond: device.flopsPerSecond)
    }

    package func arenaSpan(of tensor: Tensor) -> Range<Int>? {
        if case .arena(let span)? = locations[tensor.id] { span } else { nil }
    }

    private static func check(_ dispatch: Dispatch, _ label: String, _ device: DeviceProfile) throws(PlanError) {
        guard device.supports.isSuperset(of: dispatch.kernel.requires) else {
            throw .unsupported(label: label, kernel: dispatch.kernel.name)
        }
        guard zip(dispatch.groups, device.largestGroupCount).allSatisfy({ $0 <= $1 }) else {
            throw .gridTooLarge(label: label, groups: dispatch.groups, limit: device.largestGroupCount)
        }
        // The first constant of every kernel is its workgroup's size.
        guard dispatch.constants[0] <= device.largestWorkgroup else {
            throw .workgroupTooLarge(
                label: label, invocations: Int(dispatch.constants[0]), limit: device.largestWorkgroup)
        }
        for tensor in (dispatch.reads + dispatch.writes).map(\.tensor) where tensor.byteCount > largestTensor {
            throw .tensorTooLarge(label: label, shape: tensor.shape, bytes: tensor.byteCount)
        }
    }

    /// Lives of the tensors in the arena; outputs live to behind the last step.
    private static func intervals(_ graph: Graph, _ dispatches: [Dispatch]) -> [MemoryPlan.Interval] {
        var lives: [Int: ClosedRange<Int>] = [:]
        var rows: [Int: Int] = [:]
        func extend(_ tensor: Tensor, to step: Int) {
            let known = lives[tensor.id] ?? step...step
            lives[tensor.id] = min(known.lowerBound, step)...max(known.upperBound, step)
        }
        for (step, dispatch) in dispatches.enumerated() {
            for operand in dispatch.reads + dispatch.writes {
                extend(operand.tensor, to: step)
                if case .some(let count) = operand.rows {
                    rows[operand.tensor.id] = max(rows[operand.tensor.id] ?? 0, count)
                }
            }
        }
        for output in graph.outputs { extend(output.tensor, to: dispatches.count) }
        return zip(graph.tensors, graph.sources).compactMap { tensor, source in
            guard let life = lives[tensor.id] else { return nil }
            switch source {
            case .computed: return .init(tensor: tensor.id, steps: life, byteCount: tensor.byteCount)
            case .scratch:
                return .init(
                    tensor: tensor.id, steps: life, byteCount: (rows[tensor.id] ?? tensor.rows) * tensor.rowByteCount)
            default: return nil
            }
        }
    }

    /// A grid cut into at least `count` boxes, along its longest axis first, as far as its workgroups go.
    private static func slices(_ groups: [Int], parts count: Double) -> [Slice] {
        var slices = [Slice(base: [0, 0, 0], groups: groups)]
        var missing = count
        for axis in groups.indices.sorted(by: { groups[$0] > groups[$1] }) where missing > 1 {
            let length = max(1, Int((Double(groups[axis]) / missing).rounded(.down)))
            let starts = stride(from: 0, to: groups[axis], by: length)
            slices = slices.flatMap { slice in
                starts.map { start in
                    var (base, part) = (slice.base, slice.groups)
                    base[axis] = start
                    part[axis] = min(length, groups[axis] - start)
                    return Slice(base: base, groups: part)
                }
            }
            missing /= Double(groups[axis].dividedRoundingUp(by: length))
        }
        return slices
    }

    private static func pieces(_ steps: [Step], _ limit: PieceLimit, flopsPerSecond: Double) -> [[Part]] {
        var pieces: [[Part]] = [[]]
        var seconds = 0.0
        for (index, step) in steps.enumerated() {
            let perSlice =
                limit.seconds(step.dispatch, flopsPerSecond: flopsPerSecond) / Double(step.slices.count)
            for slice in step.slices.indices {
                let parts = pieces[pieces.count - 1].count
                if seconds + perSlice > limit.seconds && parts > 0 {
                    pieces.append([])
                    seconds = 0
                }
                pieces[pieces.count - 1].append(Part(step: index, slice: slice))
                seconds += perSlice
            }
        }
        return pieces
    }
}
