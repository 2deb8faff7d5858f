package import Logging
import PerceptFiles
package import PerceptGraph
package import PerceptModels
package import PerceptRuntime
import PerceptVulkan

/// A language model on a device: what sees, and the decoder that is moved on from position to position.
///
/// Knows positions, ids, pages and chunks of pictures, nothing of texts and conversations. All calls come from the device's
/// thread. What takes in prompts and what decodes have memory of their own, so that both may be on their way at a time;
/// each has one user at a time, who waits for the end of what came before, but for steps, of which two may be on their way.
package final class LanguageEngine {
    package let graphs: PLMGraphs
    package let host: ModelHost
    private let promptClient = TurnClient(.interactive, name: "prompts")
    private let stepClient = TurnClient(.interactive, name: "steps")
    /// The memory that programs compute in, one after another; made with the first of them.
    private var arenas: [Arenas: Arena] = [:]
    /// Which of two programs takes the next step: the other may be on its way.
    private var turn = 0
    /// The last run of a prompt, where it may be on its way.
    private var promptRun: SubmissionID?

    private enum Arenas { case prompts, steps }

    private enum Key: Hashable {
        case prompt(rows: Int)
        case copyPage
        case first(keepsLogits: Bool)
        case step(rows: Int, keepsLogits: Bool, turn: Int)
        case vision(ResizeRounding)
    }

    /// - Parameters:
    ///   - programMemory: as of `ModelHost`; what sees counts, the decoder does not.
    ///   - progress: told the fraction of the weights done that a program still lacked.
    package init(
        _ graphs: PLMGraphs, from provider: any WeightProvider, on gpu: OpenDevice, programMemory: Int = .max,
        logger: Logger = Logger(label: "percept") { _ in SwiftLogNoOpLogHandler() },
        progress: @escaping (Double) throws -> Void = { _ in }
    ) {
        self.graphs = graphs
        let decoder = graphs.decoder
        host = ModelHost(
            on: gpu, from: provider,
            initialStates: [LanguageDecoder.ropeSlot: { decoder.rotaryValues.map(\.bitPattern) }],
            programMemory: programMemory, logger: logger, progress: progress)
    }

    /// What prompts have taken of the device since the last call, pictures included.
    package func takePromptUse() -> DeviceUse { promptClient.takeUse() }
    /// What steps of decoding have taken since the last call.
    package func takeStepUse() -> DeviceUse { stepClient.takeUse() }

    /// Bytes of the programs recorded so far.
    package var programByteCount: Int { arenas.values.reduce(host.programByteCount) { $0 + $1.byteCount } }

    /// Lets go of everything on the device; what is needed next is uploaded and recorded anew.
    package func unload() {
        arenas = [:]
        host.unload()
    }

    /// Makes everything that prompts and decoding need, so that nothing is recorded or allocated afterwards but for media.
    ///
    /// - Parameter sequences: that are decoded at a time.
    package func prepare(sequences: Int = 1) throws {
        let most = PLMGraphs.stepRows.first { $0 >= sequences } ?? PLMGraphs.mostSequences
        for rows in PLMGraphs.stepRows where rows <= most {
            for turn in 0..<2 { _ = try step(rows: rows, keepsLogits: false, turn: turn) }
        }
        _ = (try first(keepsLogits: false), try copyPage())
        for rows in graphs.promptRows { _ = try prompt(rows: rows) }
    }

    // MARK: Programs

    private func prompt(rows: Int) throws -> Recorded<PLMGraphs.Prompt> {
        try host.program(Key.prompt(rows: rows), try options(.prompts)) { _ in
            let prompt = graphs.prompt(rows: rows)
            return Recording(prompt.graph, prompt)
        }
    }

    private func copyPage() throws -> Recorded<Tensor> {
        try host.program(Key.copyPage, try options(.prompts)) { _ in
            let copy = graphs.copyPage()
            return Recording(copy.graph, copy.rows)
        }
    }

    private func first(keepsLogits: Bool) throws -> Recorded<PLMGraphs.Draw> {
        try host.program(Key.first(keepsLogits: keepsLogits), try options(.prompts, keepsLogits: keepsLogits)) { _ in
            let draw = drawing(keepsLogits).first()
            return Recording(draw.graph, draw)
        }
    }

    private func step(rows: Int, keepsLogits: Bool, turn: Int) throws -> Recorded<PLMGraphs.Draw> {
        let key = Key.step(rows: rows, keepsLogits: keepsLogits, turn: turn)
        return try host.program(key, try options(.steps, keepsLogits: keepsLogits)) { _ in
            let draw = drawing(keepsLogits).step(rows: rows)
            return Recording(draw.graph, draw)
        }
    }

    /// The model with a decoder that draws like this.
    private func drawing(_ keepsLogits: Bool) -> PLMGraphs {
        var changed = graphs
        changed.decoder.keepsLogits = keepsLogits || graphs.decoder.keepsLogits
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

    /// - Parameter keepsLogits: whether it is a program that keeps logits, which its arena was not made for.
    private func options(_ use: Arenas, keepsLogits: Bool = false) throws -> RecordingOptions {
        if keepsLogits, !graphs.decoder.keepsLogits {
            // Kept: logits are read from the program that drew, which another must not push out meanwhile.
            return RecordingOptions(isKept: true)
        }
        if let arena = arenas[use] { return RecordingOptions(arena: arena, isKept: true) }
        let largest = try graphs.arenaByteCount(
            of: use == .prompts ? graphs.prompting : graphs.stepping, for: host.gpu.profile)
        let arena = try host.makingRoom { try Arena(byteCount: largest, on: host.gpu) }
        arenas[use] = arena
        return RecordingOptions(arena: arena, isKept: true)
    }

    // MARK: Prompts

    /// Chunks of pictures and videos whose features there is room for.
    package var mediaPlaces: Int { graphs.decoder.mediaRows / graphs.config.tokensPerChunk }

    /// Has a chunk of a picture or video seen: its features go to a place among the rows of media.
    package func see(
        _ input: ImageInput, _ rounding: ResizeRounding, place: Int, isolation: isolated (any Actor)? = #isolation
    ) async throws {
        let vision = try vision(holding: input.capacity, rounding)
        await Self.write(input, to: StagedImage(vision.slots.slot, of: vision.program))
        vision.program.fill(vision.slots.first, [UInt32(place * graphs.config.tokensPerChunk)])
        try await vision.program.run(as: promptClient)
    }

    /// Copies pixels, apart from the device's thread.
    private nonisolated static func write(_ input: ImageInput, to place: StagedImage) async { place.write(input) }

    /// Puts ids at positions from `first` on, in runs of at most 512. The last one is on its way afterwards: `drawFirst` and
    /// `endPrompt` wait for it.
    ///
    /// - Parameters:
    ///   - ids: at least one; an id with the top bit set is a row of media.
    ///   - pages: of the sequence.
    package func prefill(
        _ ids: ArraySlice<UInt32>, at first: Int, pages: [Int], isolation: isolated (any Actor)? = #isolation
    ) async throws {
        precondition(!ids.isEmpty && first + ids.count <= pages.count * Pages.rows)
        var start = ids.startIndex
        while start < ids.endIndex {
            let left = ids.endIndex - start
            let rows = PLMGraphs.promptRows.first { $0 >= left } ?? PLMGraphs.largestPrompt
            let count = min(rows, left)
            let prompt = try prompt(rows: rows)
            let (program, slots) = (prompt.program, prompt.slots)
            try await endPrompt()
            program.fill(slots.ids, Array(ids[start..<start + count]))
            let places = Place.prompt(
                first: first + start - ids.startIndex, count: count, rows: rows, pages: pages)
            program.fill(slots.stand.places, places.words)
            program.fill(slots.stand.pages, pages.map(UInt32.init))
            promptRun = try await program.submit(as: promptClient)
            start += count
        }
    }

    /// Waits for the last run of a prompt.
    package func endPrompt(isolation: isolated (any Actor)? = #isolation) async throws {
        guard let run = promptRun else { return }
        promptRun = nil
        try await end(of: run, as: promptClient)
    }

    /// Draws the token after the prompt.
    ///
    /// - Parameters:
    ///   - position: the prompt's last.
    ///   - slot: where the token is kept for the next step.
    ///   - keepsLogits: whether its logits are wanted.
    /// - Returns: the token, `DrawnToken.notFinite` where there was none, and its logits.
    package func drawFirst(
        _ settings: SamplingSettings, position: Int, slot: Int, keepsLogits: Bool = false,
        isolation: isolated (any Actor)? = #isolation
    ) async throws -> (token: UInt32, logits: [Float]?) {
        let first = try first(keepsLogits: keepsLogits)
        let word = Self.stepWords + slot
        let place = Place(position: position, row: nil, keys: position + 1, slot: slot, drawn: word)
        first.program.fill(first.slots.drawn.places, place.words)
        first.program.fill(first.slots.drawn.settings, settings.words)
        let submission = try await first.program.submit(as: promptClient, isWhole: true)
        promptRun = nil
        try await end(of: submission, as: promptClient)
        return (try drawn(word), first.slots.drawn.logits.map { first.program.values($0) })
    }

    /// Copies the first positions of a page to another page, for a prompt that follows.
    package func copyPage(
        _ source: Int, to target: Int, count: Int, isolation: isolated (any Actor)? = #isolation
    ) async throws {
        let copy = try copyPage()
        try await endPrompt()
        copy.program.fill(copy.slots, [source * Pages.rows, target * Pages.rows, count].map { UInt32($0) })
        promptRun = try await copy.program.submit(as: promptClient)
    }

    // MARK: Decoding

    /// What a step of decoding takes of one sequence.
    package struct StepRow {
        /// Where the token at hand stands in its sequence.
        package let position: Int
        package let pages: [Int]
        package let slot: Int
        package let settings: SamplingSettings

        package init(position: Int, pages: [Int], slot: Int, settings: SamplingSettings = SamplingSettings()) {
            self.position = position
            self.pages = pages
            self.slot = slot
            self.settings = settings
        }
    }

    /// A step that is on its way.
    package struct Step {
        fileprivate let submission: SubmissionID
        fileprivate let program: Program
        fileprivate let logits: Output?
        fileprivate let firstWord: Int
    }

    /// Words of drawn tokens that the steps of one turn have; those of first tokens lie behind both turns'.
    private static let turnWords = PLMGraphs.mostSequences
    private static let stepWords = 2 * turnWords

    /// Takes the tokens at hand of up to 32 sequences one position on and draws the next ones; at most two steps are on
    /// their way.
    ///
    /// - Parameter keepsLogits: whether somebody wants logits.
    package func step(
        _ rows: [StepRow], keepsLogits: Bool = false, isolation: isolated (any Actor)? = #isolation
    ) async throws -> Step {
        guard let count = PLMGraphs.stepRows.first(where: { $0 >= rows.count }), !rows.isEmpty else {
            preconditionFailure("a step of \(rows.count) rows")
        }
        let recorded = try step(rows: count, keepsLogits: keepsLogits, turn: turn)
        let firstWord = turn * Self.turnWords
        turn = 1 - turn
        fill(recorded, rows, count, firstWord)
        let submission = try await recorded.program.submit(as: stepClient, isWhole: true)
        return Step(
            submission: submission, program: recorded.program, logits: recorded.slots.drawn.logits,
            firstWord: firstWord)
    }

    /// Writes where rows are straight into a program's inputs.
    private func fill(_ recorded: Recorded<PLMGraphs.Draw>, _ rows: [StepRow], _ count: Int, _ firstWord: Int) {
        let (program, slots) = (recorded.program, recorded.slots)
        guard let pages = slots.pages else { preconditionFailure("a step without pages") }
        let places = program.input(slots.drawn.places).bindMemory(to: UInt32.self)
        let settings = program.input(slots.drawn.settings).bindMemory(to: UInt32.self)
        let table = program.input(pages).bindMemory(to: UInt32.self)
        for index in 0..<count {
            var place = Place.filling
            if index < rows.count {
                let row = rows[index]
                place = Place(
                    position: row.position, row: Pages.row(of: row.position, in: row.pages), keys: row.position + 1,
                    slot: row.slot, drawn: firstWord + index)
                row.settings.write(to: settings, at: index * SamplingSettings.wordCount)
                for (number, page) in row.pages.enumerated() {
                    table[index * pages.paddedColumns + number] = UInt32(page)
                }
            }
            place.write(to: places, at: index * Place.wordCount)
        }
    }

    /// Waits for the end of a step.
    package func end(of step: Step, isolation: isolated (any Actor)? = #isolation) async throws {
        try await step.program.end(of: step.submission, as: stepClient)
    }

    private func end(
        of submission: SubmissionID, as client: TurnClient, isolation: isolated (any Actor)? = #isolation
    ) async throws {
        do { try await host.gpu.turns.end(of: submission, as: client) } catch {
            host.gpu.device.queue.drain()
            throw error
        }
    }

    /// The token of a row of a step that has ended; `DrawnToken.notFinite` where there was none.
    package func token(_ row: Int, of step: Step) throws -> UInt32 { try drawn(step.firstWord + row) }

    /// Logits of a row of a step that has ended, where they are kept; until the step after the next.
    package func logits(_ row: Int, of step: Step) -> [Float] {
        guard let logits = step.logits else { preconditionFailure("the decoder keeps no logits") }
        return step.program.row(row, of: logits)
    }

    private func drawn(_ word: Int) throws -> UInt32 {
        try host.states.read(LanguageDecoder.drawnSlot).load(fromByteOffset: 4 * word, as: UInt32.self)
    }

    // MARK: Timing

    /// A program of its own that takes in a made-up prompt at an empty context, whose commands are timed.
    package func timedPrefill(rows: Int, _ timing: ProgramTiming) throws -> Program {
        let prompt = graphs.prompt(rows: rows)
        let program = try host.record(prompt.graph, RecordingOptions(timing: timing, limit: .drivers))
        program.fill(prompt.ids, (0..<rows).map { UInt32($0 * 31 % 97) })
        let pages = Array(0..<Pages.count(positions: rows))
        program.fill(prompt.stand.places, Place.prompt(first: 0, count: rows, rows: rows, pages: pages).words)
        program.fill(prompt.stand.pages, pages.map(UInt32.init))
        return program
    }

    /// A program of its own that takes one step of sequences behind `depth` positions, whatever these hold; its commands are
    /// timed.
    package func timedStep(sequences: Int, depth: Int, _ timing: ProgramTiming) throws -> Program {
        let draw = graphs.step(rows: sequences)
        let program = try host.record(draw.graph, RecordingOptions(timing: timing, limit: .drivers))
        let count = Pages.count(positions: depth + 1)
        let rows = (0..<sequences).map { sequence in
            // Where there is not room for all, they share.
            let pages = (0..<count).map { (sequence * count + $0) % graphs.decoder.pages }
            return StepRow(position: depth, pages: pages, slot: sequence)
        }
        fill(Recorded(program: program, slots: draw, capacity: .none), rows, sequences, 0)
        return program
    }
}

extension PLMGraphs {
    /// Bytes that programs need to compute in, one after another.
    func arenaByteCount(of graphs: [Graph], for profile: DeviceProfile) throws -> Int {
        try graphs.map { try Plan($0, for: profile).arenaByteCount }.max() ?? 0
    }
}

extension Place {
    fileprivate func write(to words: UnsafeMutableBufferPointer<UInt32>, at start: Int) {
        words[start] = UInt32(position)
        words[start + 1] = row.map { UInt32($0) } ?? .max
        words[start + 2] = UInt32(keys)
        words[start + 3] = UInt32(slot)
        words[start + 4] = UInt32(drawn)
    }
}

extension Program {
    /// Fills an input with 32-bit words of rows that are whole octets, or of one row; what `words` do not reach is zero.
    fileprivate func fill(_ tensor: Tensor, _ words: [UInt32]) {
        let memory = input(tensor)
        memory.initializeMemory(as: UInt8.self, repeating: 0)
        words.withUnsafeBytes { memory.copyMemory(from: $0) }
    }

    /// A row of an f32 output, padding taken out.
    fileprivate func row(_ row: Int, of output: Output) -> [Float] {
        let tensor = plan.outputs[output.index].tensor
        let floats = self.output(output).bindMemory(to: Float.self)
        return Array(floats[row * tensor.paddedColumns..<row * tensor.paddedColumns + tensor.columns])
    }
}
