import Foundation
package import PerceptGraph
import PerceptNumbers
import PerceptShaders
package import PerceptVulkan

/// A plan recorded into command buffers on one device: made once, replayed for every run.
///
/// It owns the memory its plan asks for: the arena, unless it is shared, the inputs (which kernels read where the host writes
/// them) and the outputs. All calls come from the GPU's thread.
package final class Program {
    package let plan: Plan
    private let gpu: OpenDevice
    private let weights: WeightStore
    private let states: StateStore?
    private let arena: Arena
    private let upload: Buffer
    private let constants: Buffer
    private let readback: Buffer
    private let saturations: Buffer
    private let arrivals: Buffer
    /// Whether a run may have ended halfway and left counters of arrivals where they were.
    private var lostCount = false
    private let outputOffsets: [Int]
    private var pieces: [CommandBuffer] = []
    private let pieceTimes: PieceTimes
    private var timestamps: ProgramTimestamps?
    /// What making it took: its pipelines, then its command buffers.
    package private(set) var preparation: [HostSpan] = []

    /// Bytes of device memory a program of this plan takes, its weights left out, and the arena if it is shared.
    package static func byteCount(_ plan: Plan, sharesArena: Bool = false) -> Int {
        (sharesArena ? 0 : plan.arenaByteCount) + plan.inputByteCount + plan.arrivalByteCount
            + plan.constants.reduce(0) { $0 + $1.tensor.byteCount }
            + plan.outputs.reduce(0) { $0 + $1.tensor.byteCount }
    }

    /// - Parameters:
    ///   - states: holds the states that the plan names; nil for a plan that names none.
    ///   - arena: shared with other programs, and large enough for this one; nil for one of its own.
    ///   - timing: which times are taken.
    package init(
        _ plan: Plan, _ weights: WeightStore, states: StateStore? = nil, arena: Arena? = nil, on gpu: OpenDevice,
        timing: ProgramTiming = .run
    ) throws {
        precondition(arena.map { $0.byteCount >= plan.arenaByteCount } ?? true, "the arena is too small")
        self.plan = plan
        pieceTimes = PieceTimes(count: plan.pieces.count)
        self.states = states
        self.gpu = gpu
        self.weights = weights
        let needed = UInt64(Self.byteCount(plan, sharesArena: arena != nil))
        let available = gpu.device.availableMemory()
        guard needed <= available else { throw RuntimeError.memory(needed: needed, available: available) }

        let device = gpu.device
        self.arena = try arena ?? Arena(byteCount: plan.arenaByteCount, on: gpu)
        upload = try Buffer(on: device, size: max(plan.inputByteCount, 256), use: .upload, label: "inputs")
        saturations = try Buffer(on: device, size: 256, use: .readback, label: "saturations")
        arrivals = try Buffer(on: device, size: max(plan.arrivalByteCount, 256), use: .device, label: "arrivals")
        constants = try Self.upload(plan.constants, gpu)
        var offsets: [Int] = []
        var end = 0
        for output in plan.outputs {
            offsets.append(end)
            end += output.tensor.byteCount.roundedUp(to: MemoryPlan.alignment)
        }
        outputOffsets = offsets
        readback = try Buffer(on: device, size: max(end, 256), use: .readback, label: "outputs")
        timestamps = try ProgramTimestamps(for: plan, timing, on: device)
        saturations.mapped?.storeBytes(of: 0, as: UInt32.self)
        try saturations.flush()
        try clearArrivals()
        // Apart from the recording, since a driver may compile for seconds.
        let pipelines = try HostSpan.measure("pipelines") {
            for step in plan.steps { _ = try gpu.pipeline(for: step.dispatch) }
        }
        preparation = [pipelines.span, try HostSpan.measure("record") { try record() }.span]
    }

    /// Host-visible memory of an input of the plan's graph: rows of whole octets, to be filled before `run`.
    package func input(_ tensor: Tensor) -> UnsafeMutableRawBufferPointer {
        guard case .input(let span)? = plan.locations[tensor.id], let memory = upload.mapped else {
            preconditionFailure("\(tensor) is no input of the plan")
        }
        return UnsafeMutableRawBufferPointer(start: memory + span.lowerBound, count: span.count)
    }

    /// Runs once and waits for the end.
    package func run() throws { try wait(for: try submit()) }

    /// Hands the inputs and the commands to the device; nothing may be written or submitted before `wait`.
    package func submit() throws -> SubmissionID {
        do {
            try makeReady()
            // What was cut in pieces stays so, or it would run too long.
            return try gpu.device.queue.submit(pieces, separately: true)
        } catch {
            // Pieces before the one that failed may run: the next run must not meet them, nor what they have counted.
            gpu.device.queue.drain()
            lostCount = true
            throw error
        }
    }

    private func makeReady() throws {
        try upload.flush()
        if lostCount { try clearArrivals() }
        lostCount = false
    }

    /// Waits for the end of a run; then its outputs can be read.
    package func wait(for submission: SubmissionID) throws {
        do {
            _ = try gpu.device.queue.wait(for: submission)
            try readback.invalidate()
        } catch {
            gpu.device.queue.drain()
            throw error
        }
    }

    /// Rows of an output after a run, padding included.
    package func output(_ output: Output) -> UnsafeRawBufferPointer {
        guard let memory = readback.mapped else { preconditionFailure("outputs are not visible to the host") }
        return UnsafeRawBufferPointer(
            start: memory + outputOffsets[output.index], count: plan.outputs[output.index].tensor.byteCount)
    }

    /// An f32 output after a run, padding taken out.
    package func values(_ output: Output) -> [Float] {
        let (name, tensor) = plan.outputs[output.index]
        precondition(tensor.type == .f32, "\(name) is \(tensor.type)")
        let floats = self.output(output).bindMemory(to: Float.self)
        if tensor.paddedColumns == tensor.columns { return Array(floats) }
        return (0..<tensor.rows).flatMap { row in
            floats[row * tensor.paddedColumns..<row * tensor.paddedColumns + tensor.columns]
        }
    }

    /// Puts an f32 output after a run, padding taken out, in the place of `values`, which are as many; where nobody else
    /// holds them, nothing is allocated.
    package func read(_ output: Output, into values: inout [Float]) {
        let (name, tensor) = plan.outputs[output.index]
        precondition(tensor.type == .f32, "\(name) is \(tensor.type)")
        precondition(values.count == tensor.rows * tensor.columns, "\(name) is \(tensor)")
        let floats = self.output(output).bindMemory(to: Float.self)
        values.withUnsafeMutableBufferPointer { values in
            for row in 0..<tensor.rows {
                for column in 0..<tensor.columns {
                    values[row * tensor.columns + column] = floats[row * tensor.paddedColumns + column]
                }
            }
        }
    }

    /// How many stores f16 could not hold since the last call; they were kept at ±65504.
    package func takeSaturations() throws -> Int {
        try saturations.invalidate()
        let count = saturations.mapped?.load(as: UInt32.self) ?? 0
        saturations.mapped?.storeBytes(of: 0, as: UInt32.self)
        try saturations.flush()
        return Int(count)
    }

    /// Time of the last run on the device, from its first to its last timestamp; nil where it has no timestamps.
    package func deviceTime() throws -> Duration? {
        try timestamps?.total().map { .nanoseconds(Int64($0)) }
    }

    /// When the commands of the last run started and ended; nil where the device has no timestamps.
    package func runTimes() throws -> RunTimes? { try timestamps?.read() }

    private func clearArrivals() throws {
        let commands = try CommandBuffer(on: gpu.device, label: "clear arrivals")
        try commands.begin()
        commands.fill(arrivals, offset: 0, size: arrivals.size / 4 * 4, with: 0)
        commands.barrier(from: .transfer, to: .compute)
        try commands.end()
        _ = try gpu.device.queue.wait(for: gpu.device.queue.submit([commands]))
    }

    private static func upload(_ constants: [(tensor: Tensor, values: [Float])], _ gpu: OpenDevice) throws -> Buffer {
        let size = constants.reduce(0) { $0 + $1.tensor.byteCount.roundedUp(to: MemoryPlan.alignment) }
        let buffer = try Buffer(on: gpu.device, size: max(size, 256), use: .device, label: "constants")
        let staging = Staging(gpu)
        var offset = 0
        for (tensor, values) in constants {
            _ = try staging.write(to: buffer, offset: offset, size: tensor.byteCount) { memory in
                memory.initializeMemory(as: UInt8.self, repeating: 0)
                let floats = memory.bindMemory(to: Float.self)
                for row in 0..<tensor.rows {
                    for column in 0..<tensor.columns {
                        floats[row * tensor.paddedColumns + column] = values[row * tensor.columns + column]
                    }
                }
                return true
            }
            offset += tensor.byteCount.roundedUp(to: MemoryPlan.alignment)
        }
        try staging.finish()
        return buffer
    }
}

// MARK: - Turns

extension Program {
    /// Hands the inputs and the commands in, a few pieces at a time as the client's turns come; nothing may be written or handed
    /// in before `end`.
    ///
    /// - Parameters:
    ///   - isWhole: whether a task that is cancelled hands in the rest all the same; else a run is left off between two
    ///     pieces, and what it computed is worth nothing.
    ///   - isolation: the device's thread.
    /// - Returns: the submission that ends the run, once it has been handed in.
    package func submit(
        as client: TurnClient, isWhole: Bool = false, isolation: isolated (any Actor)? = #isolation
    ) async throws -> SubmissionID {
        let turns = gpu.turns
        var last: SubmissionID?
        do {
            try makeReady()
            var start = 0
            let end = pieces.count
            while start < end {
                if !isWhole { try Task.checkCancellation() }
                let stop = pieceTimes.end(from: start, before: end, within: DeviceTurns.longestPiece)
                last = try await turns.submit(
                    pieces[start..<stop], as: client, pieces: (pieceTimes, start..<stop), isolation: isolation)
                start = stop
            }
            guard let last else { preconditionFailure("a program of no pieces") }
            return last
        } catch {
            // The next run must not meet what this one left on its way, nor what it has counted.
            lostCount = true
            if error is CancellationError, let last {
                try await end(of: last, as: client)
            } else {
                gpu.device.queue.drain()
            }
            throw error
        }
    }

    /// Waits for the end of a run that was handed in by turns; then its outputs can be read.
    package func end(
        of submission: SubmissionID, as client: TurnClient, isolation: isolated (any Actor)? = #isolation
    ) async throws {
        do {
            try await gpu.turns.end(of: submission, as: client, isolation: isolation)
            try readback.invalidate()
        } catch {
            gpu.device.queue.drain()
            throw error
        }
    }

    /// Runs once by turns.
    package func run(as client: TurnClient, isolation: isolated (any Actor)? = #isolation) async throws {
        try await end(of: try await submit(as: client, isolation: isolation), as: client, isolation: isolation)
    }
}

// MARK: - Recording

extension Program {
    private func record() throws {
        let lists = plan.commands
        for (index, list) in lists.enumerated() {
            let commands = try CommandBuffer(on: gpu.device, label: "piece \(index)")
            try commands.begin()
            for buffer in [arena.buffer, upload, constants, readback, saturations, arrivals] {
                commands.keepAlive(buffer)
            }
            timestamps?.openPiece(in: commands)
            for command in list { try record(command, into: commands) }
            timestamps?.closePiece(in: commands, isLast: index == lists.count - 1)
            try commands.end()
            pieces.append(commands)
        }
    }

    private func record(_ command: Plan.Command, into commands: CommandBuffer) throws {
        switch command {
        case .barrier(let from, let to):
            commands.barrier(from: PipelineStages(from), to: PipelineStages(to))
        case .dispatch(let part):
            let step = plan.steps[part.step]
            commands.beginLabel(step.label)
            commands.bind(try gpu.pipeline(for: step.dispatch))
            withUnsafeTemporaryAllocation(byteCount: step.dispatch.kernel.pushByteCount, alignment: 8) { bytes in
                step.dispatch.pack(into: bytes, saturations: saturations.address) { operand, _ in address(of: operand) }
                commands.push(UnsafeRawBufferPointer(bytes))
            }
            let slice = step.slices[part.slice]
            timestamps?.begin(in: commands)
            commands.dispatch(base: slice.base, groups: slice.groups)
            timestamps?.end(command, in: commands)
            commands.endLabel()
        case .copy(let output):
            let tensor = plan.outputs[output].tensor
            guard let span = plan.arenaSpan(of: tensor) else { return }
            timestamps?.begin(in: commands)
            commands.copy(
                from: arena.buffer, offset: span.lowerBound, to: readback, offset: outputOffsets[output],
                size: tensor.byteCount)
            timestamps?.end(command, in: commands)
        }
    }

    private func address(of operand: Operand) -> UInt64 {
        let base: UInt64
        switch plan.locations[operand.tensor.id] {
        case .arena(let span): base = arena.buffer.address + UInt64(span.lowerBound)
        case .input(let span): base = upload.address + UInt64(span.lowerBound)
        case .state(let slot):
            guard let states else { preconditionFailure("the program was made without states") }
            base = states.buffer(slot).address
        case .arrivals(let span): base = arrivals.address + UInt64(span.lowerBound)
        case .constant(let offset): base = constants.address + UInt64(offset)
        case .weight(let weight, let type):
            guard let address = weights.address(of: weight, type: type) else {
                preconditionFailure("\(weight.name) was not loaded")
            }
            base = address
        case nil: preconditionFailure("\(operand.tensor) has no place")
        }
        return base + UInt64(operand.byteOffset)
    }
}

extension Dispatch {
    /// Writes the push constants as the kernel's row lays them out.
    package func pack(
        into bytes: UnsafeMutableRawBufferPointer, saturations: UInt64, address: (Operand, _ field: String) -> UInt64
    ) {
        var offset = 0
        for (field, value) in zip(kernel.push, push) {
            switch value {
            case .operand(let operand):
                bytes.storeBytes(of: address(operand, field.name), toByteOffset: offset, as: UInt64.self)
            // An unused address is never read; a mapped one keeps drivers that look at it from stumbling.
            case .unused, .saturations: bytes.storeBytes(of: saturations, toByteOffset: offset, as: UInt64.self)
            case .uint(let value): bytes.storeBytes(of: UInt32(value), toByteOffset: offset, as: UInt32.self)
            case .float(let value): bytes.storeBytes(of: value, toByteOffset: offset, as: Float.self)
            }
            offset += field.kind.byteCount
        }
    }
}

extension PipelineStages {
    fileprivate init(_ stages: Plan.Stages) {
        self = []
        if stages.contains(.compute) { insert(.compute) }
        if stages.contains(.transfer) { insert(.transfer) }
        if stages.contains(.host) { insert(.host) }
    }
}
