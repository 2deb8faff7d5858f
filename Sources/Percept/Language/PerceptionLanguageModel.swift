public import Logging
import PerceptEngine
import PerceptGraph
import PerceptModels
import PerceptRuntime
import PerceptVulkan

/// Perception Language Model on a Vulkan device: images, videos and questions in, text out as it is generated.
///
/// What conversations have said stays on the device: a further question encodes neither its media nor its turns again,
/// also where several conversations take turns, or another begins with the same picture.
///
/// ```swift
/// let model = try await PerceptionLanguageModel(.named("PLM-1B"), on: GPU.preferred())
/// for try await piece in model.generate("What is on the table?", about: [.image(image)]) {
///     print(piece.text, terminator: "")
/// }
/// ```
public actor PerceptionLanguageModel {
    /// The device that everything runs on.
    public nonisolated let gpu: GPU
    /// How matrices and activations are stored.
    public nonisolated let precision: Precision
    /// The name of the published model, or of the directory.
    public nonisolated let modelName: String
    /// How matrices are stored: what was asked for, or what `auto` chose.
    public nonisolated let weights: LanguageWeights
    /// The format of a checkpoint that ``CheckpointQuantizer`` wrote; nil for others.
    public nonisolated let storedWeights: LanguageWeights?
    /// How keys and values are stored.
    public nonisolated let cache: LanguageCache
    /// Device memory that everything together may come to take.
    public nonisolated let memoryPlan: LanguageMemoryPlan
    /// Positions of a conversation, media and answers included, that there is room for.
    public nonisolated let contextLength: Int

    private let config: PLMConfig
    private let model: LoadedLanguageModel
    private let engine: LanguageEngine
    let prompts: PromptEncoder
    /// The media whose features are in the rows of media, from the first on.
    private var seen: [MediaPlan] = []

    /// Work runs on the device's thread.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { gpu.runtime.thread.asUnownedSerialExecutor() }

    /// Opens a model; its weights are uploaded when they are first needed, or by ``prepare()``.
    ///
    /// - Parameters:
    ///   - source: where configuration, tokenizer and weights are read from.
    ///   - gpu: an opened device.
    ///   - precision: how matrices and activations are stored.
    ///   - weights: how matrices are stored. A checkpoint in quantised rows is taken as it is or decoded, never quantised
    ///     anew.
    ///   - cache: how keys and values are stored.
    ///   - context: positions to make room for; nil for the most the model was trained for, at most 11,264 as in the
    ///     reference.
    ///   - conversationMemory: bytes of device memory that conversations may take that wait for their next turn; those that
    ///     waited longest are let go, and computed again when they go on. Nil for as much as one full context takes.
    ///   - preprocessing: whether pictures and videos become the tower's input as in the original release, or as the
    ///     processors beside a checkpoint in transformers' layout say; see <doc:NumbersAndBounds>.
    ///   - logger: told of pipelines that could not be kept; silent unless given.
    ///   - progress: told the fraction, 0 to 1, of the weights that the program at hand still lacked.
    /// - Throws: ``PerceptError`` naming the file and the fault, with ``PerceptError/Code/usage`` for a name that no model
    ///   has, a context that cannot be, weights in a format that the checkpoint does not have and processors that are not
    ///   there, or with ``PerceptError/Code/temporary`` where device memory does not suffice.
    public init(
        _ source: ModelSource, on gpu: GPU, precision: Precision = .f16, weights: LanguageWeights = .auto,
        cache: LanguageCache = .full, context: Int? = nil, conversationMemory: Int? = nil,
        preprocessing: Preprocessing = .official, logger: Logger = GPU.silent,
        progress: @escaping @Sendable (Double) -> Void = { _ in }
    ) async throws(PerceptError) {
        let (model, rules) = try PerceptError.wrap {
            let model = try LoadedLanguageModel(source.origin)
            let processing = preprocessing == .checkpoint ? try model.processing() : nil
            return (model, MediaRules(config: model.config, processing: processing))
        }
        let trained = min(model.config.language.maxPositions, Self.referenceContext)
        let room = context ?? trained
        guard room >= 64, room <= model.config.language.maxPositions else {
            throw PerceptError(
                .usage,
                "a context of \(room) positions is not between 64 and the \(model.config.language.maxPositions) of "
                    + model.config.name)
        }
        self.gpu = gpu
        self.precision = precision
        self.cache = cache
        self.model = model
        self.config = model.config
        modelName = model.config.name
        contextLength = room
        prompts = try PerceptError.wrap { try PromptEncoder(model, rules: rules) }
        let chosen = try PerceptError.wrap {
            try LanguageFormat.fitting(
                weights.asked, stored: model.storedWeights, quantizesCache: cache == .q8, config: model.config,
                storage: precision.storage, positions: room, on: gpu.runtime)
        }
        self.weights = LanguageWeights(chosen.format.matrices)
        storedWeights = model.storedWeights.map { LanguageWeights($0) }
        memoryPlan = LanguageMemoryPlan(chosen.memory)
        var graphs = chosen.format.graphs(model.config, storage: precision.storage, positions: room)
        graphs.decoder.fusesDraw = graphs.decoder.config.vocabulary <= gpu.runtime.profile.fusedDrawColumns
        engine = LanguageEngine(
            graphs, from: model.weights, on: gpu.runtime, programMemory: gpu.programMemory,
            parkedMemory: max(conversationMemory ?? chosen.memory.context, 0), logger: logger
        ) { fraction in
            try Task.checkCancellation()
            progress(fraction)
        }
    }

    /// Positions of the reference's cache (perception_models: apps/plm/generate.py).
    private static let referenceContext = 11264

    /// Uploads weights and records programs before the first question: those that decode, and those that take in a prompt.
    ///
    /// - Parameter pictures: whether pictures will be asked about. Then one of 1024 x 1024 pixels is looked at, so that the
    ///   first of that size, or of a smaller one, waits for nothing; kinds of files that lie in memory otherwise may still
    ///   be recorded for once.
    /// - Throws: ``PerceptError`` with ``PerceptError/Code/temporary`` where device memory does not suffice.
    public func prepare(pictures: Bool = false) async throws(PerceptError) {
        do {
            try await withEngine { engine in
                try engine.prepare()
                guard pictures else { return }
                let black = try PromptMedia(id: 0, .image(Image.black(width: 1024, height: 1024).frame))
                let plan = try MediaPlan(black, isAlone: true, rules: prompts.rules, limits: MediaLimits(tiles: 1))
                try await MediaChunks(plan, of: black, rules: prompts.rules).forEach { _, input in
                    try await engine.see(input, prompts.rules.rounding(plan.kind), row: 0)
                }
            }
        } catch { throw PerceptError(error) }
    }

    /// Device memory in bytes: weights loaded so far, keys and values (of conversations that wait too) and other states, and
    /// what recorded programs hold.
    public var memoryUse: (weights: Int, states: Int, programs: Int) {
        (
            engine.host.weights.byteCount, engine.host.states.byteCount + engine.parkedByteCount,
            engine.programByteCount
        )
    }

    /// What a user may want to know of how the model was loaded.
    public var notes: [String] { model.notes + engine.host.notes }

    /// Stores in which f16 could not hold a value and kept it at ±65504; all since the model was opened.
    public var saturations: Int { engine.host.saturations }

    /// What the model runs.
    var graphs: PLMGraphs { engine.graphs }

    /// Lets go of everything on the device, and of what conversations have left there.
    func unload() async throws {
        try await engine.use {
            seen = []
            engine.unload()
        }
    }

    /// Runs `body` on the decoder when nobody else has it; what it leaves in the states is nobody's conversation.
    func withEngine<T>(_ body: nonisolated(nonsending) (LanguageEngine) async throws -> T) async throws -> T {
        try await engine.use {
            seen = []
            engine.forget()
            defer { engine.host.keepPipelines() }
            return try await body(engine)
        }
    }

    // MARK: Answers

    /// The answer to a question about images and videos, piece by piece.
    ///
    /// - Parameters:
    ///   - question: as typed.
    ///   - media: shown with it; one image may be cut in tiles, several get one view each unless tiles are asked for.
    ///   - options: how the answer is made.
    /// - Returns: a sequence that throws ``PerceptError``: ``PerceptError/Code/usage`` where the prompt has no room in the
    ///   context (its cause is ``PromptTooLong``), ``PerceptError/Code/badData`` for damaged media and weights.
    public nonisolated func generate(
        _ question: String, about media: [Media] = [], options: GenerationOptions = GenerationOptions()
    ) -> GeneratedAnswer {
        generate(Conversation(question, about: media), options: options)
    }

    /// The answer to the last part of a conversation, piece by piece; see ``generate(_:about:options:)``.
    public nonisolated func generate(
        _ conversation: Conversation, options: GenerationOptions = GenerationOptions()
    ) -> GeneratedAnswer {
        GeneratedAnswer(
            AsyncThrowingStream { continuation in
                let task = Task {
                    do {
                        try await self.answer(conversation, options) { continuation.yield($0) }
                        continuation.finish()
                    } catch {
                        continuation.finish(throwing: PerceptError(error))
                    }
                }
                continuation.onTermination = { _ in task.cancel() }
            })
    }

    /// Describes a picture, in one plain view.
    ///
    /// - Returns: the answer, and what it took on the device.
    func describe(_ image: Image, question: String, maxTokens: Int) async throws -> (text: String, use: DeviceUse) {
        var options = GenerationOptions()
        options.maxTokens = maxTokens
        options.maxTiles = 1
        var text = ""
        let conversation = Conversation(question, about: [.image(image)])
        let use = try await answer(conversation, options, goesOn: false) { text += $0.text }
        return (text, use)
    }

    @discardableResult
    private func answer(
        _ conversation: Conversation, _ options: GenerationOptions, goesOn: Bool = true,
        _ deliver: (GeneratedPiece) -> Void
    ) async throws -> DeviceUse {
        try options.check()
        let (prompt, encodingTime) = try await Self.encode(conversation, options, by: prompts)
        guard prompt.ids.count < contextLength else {
            let fault = PromptTooLong(
                promptTokens: prompt.ids.count, mediaTokens: prompt.mediaTokens, contextLength: contextLength,
                userTurns: conversation.turns.count(where: \.isUser))
            throw PerceptError(.usage, fault.description, cause: fault)
        }
        return try await engine.use {
            _ = engine.takeUse()
            engine.keepsLogits = options.logProbabilities != nil
            defer {
                engine.keepsLogits = false
                engine.host.keepPipelines()
            }
            let last = try await answerButLast(prompt, encodingTime, options, goesOn, deliver)
            // Whoever has the last piece may end the process: what was compiled is kept before.
            engine.host.keepPipelines()
            deliver(last)
            return engine.takeUse()
        }
    }

    /// The ids of a conversation, made apart from the device's thread.
    private nonisolated static func encode(
        _ conversation: Conversation, _ options: GenerationOptions, by prompts: PromptEncoder
    ) async throws -> (PromptEncoder.Prompt, Duration) {
        guard conversation.turns.last?.isUser == true else {
            throw PerceptError(.usage, "the last part of a conversation must be the user's")
        }
        let start = ContinuousClock.now
        let prompt = try prompts.encode(conversation.turns.map(\.prompt), options.mediaLimits)
        return (prompt, .now - start)
    }

    /// - Returns: the last piece.
    private func answerButLast(
        _ prompt: PromptEncoder.Prompt, _ encodingTime: Duration, _ options: GenerationOptions, _ goesOn: Bool,
        _ deliver: (GeneratedPiece) -> Void
    ) async throws -> GeneratedPiece {
        let clock = ContinuousClock()
        var start = clock.now - encodingTime
        func lap() -> Duration {
            defer { start = clock.now }
            return clock.now - start
        }
        let reused = try await engine.begin(prompt.keys)
        let encoded = try await encodeMedia(prompt, behind: reused)
        let visionTime = lap()

        try await engine.prefill(prompt.ids[reused...], at: reused)
        var submission = try await engine.drawFirst(options.settings)
        try await engine.end(of: submission)
        let promptTime = lap()

        let limit = min(options.maxTokens, contextLength - prompt.ids.count)
        var text = AnswerText(model.tokenizer, stops: options.stops, ends: prompts.stops)
        var flying: [(SubmissionID, count: Int)] = [(submission, 1)]
        var submitted = 1
        var read = 0
        var stepsAtOnce = 1
        // Logits are those of the last step alone.
        let mostFlying = engine.keepsLogits ? 1 : 2
        while read < limit {
            // One submission runs while the one before is read: the device never waits for the host.
            while flying.count < mostFlying, submitted < limit {
                let count = min(stepsAtOnce, limit - submitted)
                submission = try await engine.step(count)
                flying.append((submission, count))
                submitted += count
            }
            let (next, count) = flying.removeFirst()
            let began = clock.now
            try await engine.end(of: next)
            let took = clock.now - began
            // As many steps as go out as one piece.
            if read > 0, mostFlying > 1, took * (2 * stepsAtOnce) / count < DeviceTurns.longestPiece {
                stepsAtOnce = min(2 * stepsAtOnce, Self.mostSteps)
            }
            let drawn = try engine.tokens(read..<read + count)
            let logits = engine.keepsLogits ? try await engine.logits(first: read == 0, behind: next) : nil
            read += count
            guard let piece = text.take(drawn, logits.map(LogProbabilities.init), best: options.logProbabilities ?? 0)
            else {
                // Steps on their way write to the states of the next answer.
                try await engine.end(of: submission)
                throw PerceptError(.badData, "\(modelName): the weights lead to logits that are not finite")
            }
            if !piece.tokens.isEmpty { deliver(GeneratedPiece(piece)) }
            if text.isAtEnd || Task.isCancelled { break }
        }
        try await engine.end(of: submission)
        // The last token drawn has no keys and values yet.
        engine.hold(prompt.keys + text.tokens.dropLast().map { PositionKey(token: $0) }, goesOn: goesOn)
        try engine.host.collectSaturations()
        try Task.checkCancellation()
        let rest = text.finish()
        let reason: FinishReason =
            if let stop = text.stop { .stop(stop) } else if text.isAtEnd { .endOfTurn } else {
                limit < options.maxTokens ? .contextFull : .tokenLimit
            }
        return GeneratedPiece(
            text: rest, tokens: [], probabilities: [],
            summary: GenerationSummary(
                promptTokens: prompt.ids.count, reusedTokens: reused, tokens: text.tokens.count, reason: reason,
                encodedChunks: encoded, visionTime: visionTime, promptTime: promptTime, decodingTime: lap()))
    }

    /// Steps of one submission at most.
    private static let mostSteps = 16

    // MARK: Media

    /// Has the chunks of those media seen that positions from `reused` on need, but for those whose features are there.
    ///
    /// - Returns: how many chunks there were.
    private func encodeMedia(_ prompt: PromptEncoder.Prompt, behind reused: Int) async throws -> Int {
        var encoded = 0
        let needed = prompt.media.count - prompt.media(behind: reused)
        let there = zip(seen, prompt.media).prefix { $0 == $1.plan }.count
        guard needed < prompt.media.count, there < prompt.media.count else { return 0 }
        let first = max(there, needed)
        // What lies behind is written over.
        seen = Array(seen[..<there])
        for item in prompt.media.dropFirst(first) {
            let rounding = prompts.rules.rounding(item.plan.kind)
            try await MediaChunks(item.plan, of: item.media, rules: prompts.rules).forEach { chunk, input in
                try await engine.see(input, rounding, row: item.firstRow + chunk * config.tokensPerChunk)
                encoded += 1
            }
        }
        if first == there { seen = prompt.media.map(\.plan) }
        return encoded
    }
}
