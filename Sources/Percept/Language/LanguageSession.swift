package import PerceptGraph
package import PerceptModels
package import PerceptRuntime
package import PerceptVulkan

/// How a token is drawn; the words of `SamplingSettings` in `Shaders/include/sampling.glsl`.
package struct SamplingSettings: Hashable, Sendable {
    package var temperature: Float
    /// 1: all.
    package var topP: Float
    /// 0: all.
    package var topK: Int
    package var seed: UInt64

    package init(temperature: Float = 0, topP: Float = 1, topK: Int = 0, seed: UInt64 = 0) {
        self.temperature = temperature
        self.topP = topP
        self.topK = topK
        self.seed = seed
    }

    var words: [UInt32] {
        [
            temperature.bitPattern, topP.bitPattern, UInt32(topK), UInt32(truncatingIfNeeded: seed),
            UInt32(seed >> 32), 0, 0, 0,
        ]
    }
}

/// A decoder on a device: its weights, its states, and the programs that move it on.
///
/// Knows positions and ids, nothing of texts and conversations. All calls come from the GPU's thread.
package final class LanguageSession {
    package let decoder: LanguageDecoder
    package let weights: WeightStore
    package let states: StateStore
    private let gpu: PerceptRuntime.GPU
    private let provider: any WeightProvider
    private let progress: (Double) throws -> Void
    private var programs: [Recording: Program] = [:]
    /// Other work that has turns on the device meanwhile; nil for none.
    var pacing: Pacing?
    /// How finely programs are cut.
    private var limit = Plan.PieceLimit.drivers
    /// Of all programs: they run one after another. Made with the first.
    private var arena: Arena?

    /// A program of the decoder.
    enum Recording: Hashable {
        case prefill(rows: Int)
        case first
        case step

        /// All that a decoder can come to need.
        static func all(_ decoder: LanguageDecoder) -> [Recording] {
            let buckets = LanguageSession.buckets
            let largest = buckets.firstIndex { $0 >= decoder.positions } ?? buckets.count - 1
            return buckets[...largest].map { .prefill(rows: $0) } + [.first, .step]
        }

        func graph(_ decoder: LanguageDecoder) -> Graph {
            var graph = Graph()
            switch self {
            case .prefill(let rows): decoder.prefill(rows: rows, in: &graph)
            case .first: decoder.first(in: &graph)
            case .step: decoder.step(in: &graph)
            }
            return graph
        }
    }

    /// Rows that a run of a prompt has; the last run is filled up.
    private static let buckets = [16, 32, 64, 128, 256, 512]
    static var largestBucket: Int { buckets[buckets.count - 1] }

    /// - Parameter progress: told the fraction of the weights done that a program still lacked.
    package init(
        _ decoder: LanguageDecoder, from provider: any WeightProvider, weights: WeightStore, on gpu: PerceptRuntime.GPU,
        progress: @escaping (Double) throws -> Void = { _ in }
    ) {
        self.decoder = decoder
        self.provider = provider
        self.weights = weights
        self.gpu = gpu
        self.progress = progress
        states = StateStore(on: gpu)
    }

    /// Bytes of the programs recorded so far.
    package var programByteCount: Int {
        programs.values.reduce(arena?.byteCount ?? 0) { $0 + Program.byteCount($1.plan, sharesArena: true) }
    }

    /// Lets go of everything on the device; what is needed next is uploaded and recorded anew.
    package func unload() {
        programs = [:]
        arena = nil
        states.removeAll()
        weights.removeAll()
    }

    /// Uploads what a graph asks for, plans and records it, in an arena of its own unless one is given.
    package func record(
        _ graph: Graph, arena: Arena? = nil, timing: ProgramTiming = .run, repeats: Bool = false
    ) throws -> Program {
        try weights.load(graph, from: provider, progress: progress)
        let knowsRope = states.holds("rope")
        try states.allocate(graph)
        if !knowsRope, states.holds("rope") { try states.write("rope", decoder.rotaryValues.map(\.bitPattern)) }
        let plan = try Plan(graph, for: gpu.profile, weightTypes: weights.types, limit: limit)
        return try Program(
            plan, weights, states: states, arena: arena, on: gpu, timing: timing, repeats: repeats)
    }

    private func program(_ recording: Recording) throws -> Program {
        if let known = programs[recording] { return known }
        let program = try record(
            recording.graph(decoder), arena: try sharedArena(), repeats: recording == .step)
        programs[recording] = program
        return program
    }

    private func sharedArena() throws -> Arena {
        if let arena { return arena }
        let plans = try Recording.all(decoder).map { try Plan($0.graph(decoder), for: gpu.profile) }
        let made = try Arena(byteCount: plans.map(\.arenaByteCount).max() ?? 0, on: gpu)
        arena = made
        return made
    }

    /// Makes everything that decoding needs, so that nothing is recorded or allocated afterwards but for the prompt.
    package func prepare() throws {
        _ = try program(.step)
        _ = try program(.first)
    }

    /// A program of its own that takes in a made-up prompt at an empty context, whose commands are timed.
    func timedPrefill(rows: Int, _ timing: ProgramTiming) throws -> Program {
        var graph = Graph()
        decoder.prefill(rows: rows, in: &graph)
        let program = try record(graph, timing: timing)
        program.setWords("ids", (0..<rows).map { UInt32($0 * 31 % 97) })
        program.setWords("cursor", [0, UInt32(rows), 0, 0, 0, 0, 0, 0])
        return program
    }

    /// A program of its own that takes one step, whose commands are timed.
    func timedStep(_ timing: ProgramTiming) throws -> Program {
        var graph = Graph()
        decoder.step(in: &graph)
        let program = try record(graph, timing: timing)
        program.setWords("settings", SamplingSettings().words)
        return program
    }

    // MARK: - Running

    /// Cuts programs finely from here on.
    ///
    /// - Returns: whether they were not before: programs recorded until then are let go.
    package func cutForTurns() -> Bool {
        guard limit != .turns else { return false }
        limit = .turns
        programs = [:]
        return true
    }

    /// Runs a program once and waits for it.
    func run(_ program: Program) throws {
        if let pacing { _ = try program.run(pacing) } else { try program.run() }
    }

    /// Puts ids at positions from `first` on, in runs of at most 512.
    ///
    /// - Parameter ids: at least one; an id with the top bit set is a row of the state `media`.
    package func prefill(_ ids: ArraySlice<UInt32>, at first: Int) throws {
        precondition(!ids.isEmpty && first + ids.count <= decoder.positions)
        var start = ids.startIndex
        while start < ids.endIndex {
            try Task.checkCancellation()
            let left = ids.endIndex - start
            let rows = Self.buckets.first { $0 >= left } ?? Self.largestBucket
            let count = min(rows, left)
            let program = try program(.prefill(rows: rows))
            let memory = program.input("ids")
            memory.initializeMemory(as: UInt8.self, repeating: 0)
            let words = memory.bindMemory(to: UInt32.self)
            for index in 0..<count { words[index] = ids[start + index] }
            program.setWords("cursor", [UInt32(first + start - ids.startIndex), UInt32(count), 0, 0, 0, 0, 0, 0])
            try run(program)
            start += count
        }
    }

    /// Draws the token after the prompt; it is number 0.
    package func drawFirst(_ settings: SamplingSettings) throws -> SubmissionID {
        let program = try program(.first)
        program.setWords("settings", settings.words)
        try self.program(.step).setWords("settings", settings.words)
        if let pacing { return try program.run(pacing) }
        return try program.submit()
    }

    /// Draws `count` more tokens, each from the one before.
    package func step(_ count: Int) throws -> SubmissionID {
        let program = try program(.step)
        guard let pacing else { return try program.submit(count) }
        for _ in 1..<count { _ = try program.run(pacing) }
        return try program.run(pacing)
    }

    package func wait(for submission: SubmissionID) throws { _ = try gpu.device.queue.wait(for: submission) }

    /// Tokens by their number since the prompt; the last `ringCapacity` are there once their submission is done.
    package func tokens(_ numbers: Range<Int>) throws -> [UInt32] {
        let ring = try states.read("tokens")
        return numbers.map { ring.load(fromByteOffset: 4 * ($0 % LanguageDecoder.ringCapacity), as: UInt32.self) }
    }

    /// Logits of the last token drawn, where the decoder keeps them.
    package func logits(first: Bool) throws -> [Float] { try program(first ? .first : .step).values("logits") }

    /// Stores that f16 could not hold since the last call.
    package func takeSaturations() throws -> Int {
        try programs.values.reduce(0) { try $0 + $1.takeSaturations() }
    }
}

extension Program {
    /// Fills an input of 32-bit words, one row.
    func setWords(_ name: String, _ words: [UInt32]) {
        words.withUnsafeBytes { input(name).copyMemory(from: $0) }
    }
}
