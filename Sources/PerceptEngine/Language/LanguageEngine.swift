package import Logging
import PerceptFiles
package import PerceptGraph
package import PerceptModels
package import PerceptRuntime
package import PerceptVulkan

/// A language model on a device: what sees, and the decoder that is moved on from position to position.
///
/// Knows positions, ids and chunks of pictures, nothing of texts and conversations. All calls come from the device's
/// thread, and from one user at a time: what runs goes out by turns, and `use` says whose it is.
package final class LanguageEngine {
    package let graphs: PLMGraphs
    package let host: ModelHost
    /// Whether tokens are drawn with their logits beside them, which is slower, and one at a time.
    package var keepsLogits: Bool
    /// Who has the decoder, whose states hold one conversation.
    package let use = ExclusiveUse()
    private let client = TurnClient(.interactive)
    /// What the positions hold; nothing while that is not known.
    private var held: [PositionKey] = []
    /// Whether that may go on.
    private var heldGoesOn = true
    private var parked: ParkedConversations
    /// The memory that all programs of the decoder compute in, one after another; made with the first of them.
    private var arena: Arena?

    private enum Key: Hashable {
        case prompt(rows: Int)
        case first(keepsLogits: Bool)
        case step(keepsLogits: Bool)
        case vision(ResizeRounding)
    }

    /// - Parameters:
    ///   - programMemory: as of `ModelHost`; what sees counts, the decoder does not.
    ///   - parkedMemory: bytes that conversations may take that wait for their next turn.
    ///   - progress: told the fraction of the weights done that a program still lacked.
    package init(
        _ graphs: PLMGraphs, from provider: any WeightProvider, on gpu: OpenDevice, programMemory: Int = .max,
        parkedMemory: Int = 0,
        logger: Logger = Logger(label: "percept") { _ in SwiftLogNoOpLogHandler() },
        progress: @escaping (Double) throws -> Void = { _ in }
    ) {
        self.graphs = graphs
        let decoder = graphs.decoder
        keepsLogits = decoder.keepsLogits
        parked = ParkedConversations(budget: parkedMemory)
        host = ModelHost(
            on: gpu, from: provider,
            initialStates: [LanguageDecoder.ropeSlot: { decoder.rotaryValues.map(\.bitPattern) }],
            programMemory: programMemory, logger: logger, progress: progress)
        host.makesMoreRoom = { [weak self] in self?.parked.removeAll() ?? false }
    }

    /// What has run on the device since the last call.
    package func takeUse() -> DeviceUse { client.takeUse() }

    /// Bytes of the programs recorded so far.
    package var programByteCount: Int { host.programByteCount + (arena?.byteCount ?? 0) }

    /// Lets go of everything on the device; what is needed next is uploaded and recorded anew.
    package func unload() {
        forget()
        arena = nil
        host.unload()
    }

    /// Makes everything that prompts and decoding need, so that nothing is recorded or allocated afterwards but for media.
    package func prepare() throws {
        _ = try step()
        _ = try first()
        for rows in graphs.promptRows { _ = try prompt(rows: rows) }
    }

    // MARK: Conversations

    /// Bytes of conversations that wait for their next turn.
    package var parkedByteCount: Int { parked.byteCount }

    /// Lets go of what conversations have left.
    package func forget() {
        held = []
        _ = parked.removeAll()
    }

    /// Makes the positions ready for a prompt: what a conversation has left that began like it is brought back, and what would
    /// be overwritten is parked, if there is enough of it. What the positions hold is unknown from here on until `hold`.
    ///
    /// - Returns: positions, fewer than the prompt has, whose keys and values are there.
    package func begin(_ keys: [PositionKey], isolation: isolated (any Actor)? = #isolation) async throws -> Int {
        let before = held
        held = []
        let here = before.commonPrefix(keys)
        if heldGoesOn, before.count - here >= Self.leastParked { try await park(before) }
        var shared = here
        if let best = parked.longest(keys), best.shared > here {
            shared = best.shared
            let (slots, saved) = (graphs.decoder.cacheSlots, best.entry.keys.count)
            try await host.gpu.turns.run(
                host.states.restoring(rows: shared, of: saved, to: slots, from: best.entry.buffer), as: client)
        }
        return min(shared, keys.count - 1)
    }

    /// Notes what the positions hold.
    ///
    /// - Parameter goesOn: whether it may have further turns, so that it is worth keeping.
    package func hold(_ keys: [PositionKey], goesOn: Bool) { (held, heldGoesOn) = (keys, goesOn) }

    /// Positions that are worth a copy; fewer are computed again as fast.
    private static let leastParked = 8

    private func park(_ keys: [PositionKey], isolation: isolated (any Actor)? = #isolation) async throws {
        if let known = parked.longest(keys), known.shared == keys.count { return }
        let slots = graphs.decoder.cacheSlots
        let bytes = host.states.byteCount(rows: keys.count, of: slots)
        guard parked.makeRoom(for: bytes) else { return }
        do {
            let buffer = try Buffer(on: host.gpu.device, size: bytes, use: .device, label: "conversation")
            try await host.gpu.turns.run(host.states.saving(rows: keys.count, of: slots, to: buffer), as: client)
            parked.add(keys, buffer)
        } catch let error as any KnownFault where error.kind == .temporary {
            // Without memory for it, it is computed again.
            _ = parked.removeAll()
        }
    }

    // MARK: Programs

    private func prompt(rows: Int) throws -> Recorded<PLMGraphs.Prompt> {
        try host.program(Key.prompt(rows: rows), try options()) { _ in
            let prompt = graphs.prompt(rows: rows)
            return Recording(prompt.graph, prompt)
        }
    }

    private func first() throws -> Recorded<PLMGraphs.Draw> {
        try host.program(Key.first(keepsLogits: keepsLogits), try options(draws: true)) { _ in
            let draw = drawing.first()
            return Recording(draw.graph, draw)
        }
    }

    private func step() throws -> Recorded<PLMGraphs.Draw> {
        try host.program(Key.step(keepsLogits: keepsLogits), try options(draws: true, repeats: true)) { _ in
            let draw = drawing.step()
            return Recording(draw.graph, draw)
        }
    }

    /// The model with a decoder that draws as it is to now.
    private var drawing: PLMGraphs {
        guard keepsLogits, !graphs.decoder.keepsLogits else { return graphs }
        var changed = graphs
        changed.decoder.keepsLogits = true
        return changed
    }

    /// What sees, recorded anew only where an image is larger, or of another layout, than all before it.
    private func vision(
        holding capacity: PixelCapacity, _ rounding: ResizeRounding
    ) throws -> Recorded<PLMGraphs.Vision> {
        try host.program(Key.vision(rounding), holding: capacity) { room in
            let vision = graphs.vision(holding: room, rounding: rounding)
            return Recording(vision.graph, vision, capacity: vision.capacity)
        }
    }

    /// - Parameter draws: whether it is a program that may keep logits, which its shared arena was not made for.
    private func options(draws: Bool = false, repeats: Bool = false) throws -> RecordingOptions {
        if draws, keepsLogits, !graphs.decoder.keepsLogits {
            // Kept: logits are read from the program that drew, which another must not push out meanwhile.
            return RecordingOptions(repeats: repeats, isKept: true)
        }
        if arena == nil {
            let largest = try graphs.decoding.map { try Plan($0, for: host.gpu.profile).arenaByteCount }.max() ?? 0
            arena = try host.makingRoom { try Arena(byteCount: largest, on: host.gpu) }
        }
        return RecordingOptions(repeats: repeats, arena: arena, isKept: true)
    }

    // MARK: Running

    /// Has a chunk of a picture or video seen: its features go to the rows of media from `row` on.
    package func see(
        _ input: ImageInput, _ rounding: ResizeRounding, row: Int, isolation: isolated (any Actor)? = #isolation
    ) async throws {
        let vision = try vision(holding: input.capacity, rounding)
        await Self.write(input, to: StagedImage(vision.slots.slot, of: vision.program))
        vision.program.fill(vision.slots.cursor, Cursor(first: row).words)
        try await vision.program.run(as: client)
    }

    /// Copies pixels, apart from the device's thread.
    private nonisolated static func write(_ input: ImageInput, to place: StagedImage) async { place.write(input) }

    /// Puts ids at positions from `first` on, in runs of at most 512.
    ///
    /// - Parameter ids: at least one; an id with the top bit set is a row of media.
    package func prefill(
        _ ids: ArraySlice<UInt32>, at first: Int, isolation: isolated (any Actor)? = #isolation
    ) async throws {
        precondition(!ids.isEmpty && first + ids.count <= graphs.decoder.positions)
        var start = ids.startIndex
        while start < ids.endIndex {
            let left = ids.endIndex - start
            let rows = PLMGraphs.promptRows.first { $0 >= left } ?? PLMGraphs.largestPrompt
            let count = min(rows, left)
            let prompt = try prompt(rows: rows)
            prompt.program.fill(prompt.slots.ids, Array(ids[start..<start + count]))
            let cursor = Cursor(first: first + start - ids.startIndex, count: count)
            prompt.program.fill(prompt.slots.cursor, cursor.words)
            try await prompt.program.run(as: client)
            start += count
        }
    }

    /// Draws the token after the prompt; it is number 0.
    package func drawFirst(
        _ settings: SamplingSettings, isolation: isolated (any Actor)? = #isolation
    ) async throws -> SubmissionID {
        let (first, step) = (try first(), try step())
        for recorded in [first, step] { recorded.program.fill(recorded.slots.settings, settings.words) }
        return try await first.program.submit(as: client, isWhole: true)
    }

    /// Draws `count` more tokens, each from the one before.
    package func step(_ count: Int, isolation: isolated (any Actor)? = #isolation) async throws -> SubmissionID {
        try await step().program.submit(count, as: client, isWhole: true)
    }

    /// Waits for the end of what was handed in.
    package func end(of submission: SubmissionID, isolation: isolated (any Actor)? = #isolation) async throws {
        do { try await host.gpu.turns.end(of: submission, as: client) } catch {
            host.gpu.device.queue.drain()
            throw error
        }
    }

    /// Tokens by their number since the prompt; the last `ringCapacity` are there once their submission is done.
    package func tokens(_ numbers: Range<Int>) throws -> [UInt32] {
        let ring = try host.states.read(LanguageDecoder.tokensSlot)
        return numbers.map { ring.load(fromByteOffset: 4 * ($0 % LanguageDecoder.ringCapacity), as: UInt32.self) }
    }

    /// Logits of the last token drawn, where they are kept.
    ///
    /// - Parameters:
    ///   - isFirst: whether it is the one after the prompt.
    ///   - submission: the one that drew it, which is waited for.
    package func logits(
        first isFirst: Bool, behind submission: SubmissionID, isolation: isolated (any Actor)? = #isolation
    ) async throws -> [Float] {
        let recorded = isFirst ? try first() : try step()
        try await recorded.program.end(of: submission, as: client)
        guard let logits = recorded.slots.logits else { preconditionFailure("the decoder keeps no logits") }
        return recorded.program.values(logits)
    }

    // MARK: Timing

    /// A program of its own that takes in a made-up prompt at an empty context, whose commands are timed.
    package func timedPrefill(rows: Int, _ timing: ProgramTiming) throws -> Program {
        let prompt = graphs.prompt(rows: rows)
        let program = try host.record(prompt.graph, RecordingOptions(timing: timing, limit: .drivers))
        program.fill(prompt.ids, (0..<rows).map { UInt32($0 * 31 % 97) })
        program.fill(prompt.cursor, Cursor(first: 0, count: rows).words)
        return program
    }

    /// A program of its own that takes one step, whose commands are timed.
    package func timedStep(_ timing: ProgramTiming) throws -> Program {
        let step = graphs.step()
        let program = try host.record(step.graph, RecordingOptions(timing: timing, limit: .drivers))
        program.fill(step.settings, SamplingSettings().words)
        return program
    }
}

extension Program {
    /// Fills an input of one row of 32-bit words: what `words` do not reach is zero.
    fileprivate func fill(_ tensor: Tensor, _ words: [UInt32]) {
        let memory = input(tensor)
        memory.initializeMemory(as: UInt8.self, repeating: 0)
        words.withUnsafeBytes { memory.copyMemory(from: $0) }
    }
}
