public import Logging
import PerceptEngine
import PerceptGraph
import PerceptModels
import PerceptRuntime

/// Perception Language Model on a Vulkan device: images, videos and questions in, text out as it is generated.
///
/// Up to 32 answers are made at a time: each step takes all of them one token on, and a newcomer's pictures and prompt are
/// computed between steps. What conversations have said stays on the device: a further question encodes neither its media nor
/// its turns again, also where several conversations take turns, or another begins with the same picture.
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

    /// Device memory that the keys and values of a position take.
    public nonisolated let bytesPerPosition: Int

    private let model: LoadedLanguageModel
    private let answers: Answers
    let prompts: PromptEncoder

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
    ///   - conversationMemory: bytes of device memory for keys and values beside those of one full context: for further
    ///     answers at a time, and for conversations that wait for their next turn, of which those that waited longest are let
    ///     go and computed again when they go on. Nil for as much as one full context takes; less where there is less.
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
        modelName = model.config.name
        contextLength = room
        prompts = try PerceptError.wrap { try PromptEncoder(model, rules: rules) }
        let chosen = try PerceptError.wrap {
            try LanguageFormat.fitting(
                weights.asked, stored: model.storedWeights, quantizesCache: cache == .q8, config: model.config,
                storage: precision.storage, positions: room, conversationMemory: conversationMemory, on: gpu.runtime)
        }
        self.weights = LanguageWeights(chosen.format.matrices)
        storedWeights = model.storedWeights.map { LanguageWeights($0) }
        memoryPlan = LanguageMemoryPlan(chosen.memory)
        var graphs = chosen.format.graphs(
            model.config, storage: precision.storage, positions: room, pages: chosen.pages)
        graphs.decoder.fusesDraw = graphs.decoder.config.vocabulary <= gpu.runtime.profile.fusedDrawColumns
        bytesPerPosition = graphs.decoder.pageByteCount / Pages.rows
        let engine = LanguageEngine(
            graphs, from: model.weights, on: gpu.runtime, programMemory: gpu.programMemory, logger: logger
        ) { fraction in
            try Task.checkCancellation()
            progress(fraction)
        }
        answers = Answers(engine, rules: rules)
    }

    /// Positions of the reference's cache (perception_models: apps/plm/generate.py).
    private static let referenceContext = 11264

    /// Uploads weights and records programs before the first question: those that decode, and those that take in a prompt.
    ///
    /// - Parameters:
    ///   - pictures: whether pictures will be asked about. Then one of 1024 x 1024 pixels is looked at, so that the first of
    ///     that size, or of a smaller one, waits for nothing; kinds of files that lie in memory otherwise may still be recorded
    ///     for once.
    ///   - answers: how many will be made at a time; 32 at most.
    /// - Throws: ``PerceptError`` with ``PerceptError/Code/temporary`` where device memory does not suffice.
    public func prepare(pictures: Bool = false, answers: Int = 1) async throws(PerceptError) {
        do {
            try await withEngine { engine in
                try engine.prepare(sequences: answers)
                guard pictures else { return }
                let black = try PromptMedia(id: 0, .image(Image.black(width: 1024, height: 1024).frame))
                let plan = try MediaPlan(black, isAlone: true, rules: prompts.rules, limits: MediaLimits(tiles: 1))
                try await MediaChunks(plan, of: black, rules: prompts.rules).forEach { _, input in
                    try await engine.see(input, prompts.rules.rounding(plan.kind), place: 0)
                }
            }
        } catch { throw PerceptError(error) }
    }

    /// Device memory in bytes: weights loaded so far, keys and values and other states, and what recorded programs hold.
    public var memoryUse: (weights: Int, states: Int, programs: Int) {
        (engine.host.weights.byteCount, engine.host.states.byteCount, engine.programByteCount)
    }

    /// What a user may want to know of how the model was loaded.
    public var notes: [String] { model.notes + engine.host.notes }

    /// Stores in which f16 could not hold a value and kept it at ±65504; all since the model was opened.
    public var saturations: Int { engine.host.saturations }

    /// Pages of keys and values, and those of them that no answer has.
    package var pages: (available: Int, all: Int) { (answers.availablePages, graphs.decoder.pages) }
    /// Waits until no answer is being made.
    package func settled() async throws { try await answers.alone {} }

    private var engine: LanguageEngine { answers.engine }
    /// What the model runs.
    var graphs: PLMGraphs { engine.graphs }

    /// Lets go of everything on the device, and of what conversations have left there.
    func unload() async throws {
        try await answers.alone {
            answers.forget()
            engine.unload()
        }
    }

    /// Runs `body` on the decoder while no answer is being made; what it leaves in the states is nobody's conversation.
    func withEngine<T>(_ body: nonisolated(nonsending) (LanguageEngine) async throws -> T) async throws -> T {
        try await answers.alone {
            answers.forget()
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
        let limit = min(options.maxTokens, contextLength - prompt.ids.count)
        let answer = Answer(
            prompt, options.settings, keepsLogits: options.logProbabilities != nil, limit: limit)
        var isKept = false
        defer {
            answers.leave(answer, keeps: isKept)
            answers.engine.host.keepPipelines()
        }
        let last: GeneratedPiece
        do {
            last = try await answerButLast(answer, encodingTime, options, deliver)
            isKept = goesOn
        } catch is CancellationError {
            isKept = goesOn
            throw CancellationError()
        }
        // Whoever has the last piece may end the process: what was compiled is kept before.
        answers.engine.host.keepPipelines()
        deliver(last)
        return answer.use
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
        _ answer: Answer, _ encodingTime: Duration, _ options: GenerationOptions,
        _ deliver: (GeneratedPiece) -> Void
    ) async throws -> GeneratedPiece {
        try await join(answer)
        let start = ContinuousClock.now
        defer {
            let times = answer.times
            gpu.runtime.turns.trace.note(
                "answer", from: start - times.prompt - times.vision - times.queue,
                [
                    "waiting": times.queue, "pictures": times.vision, "prompt": times.prompt,
                    "decoding": .now - start,
                ])
        }
        var text = AnswerText(model.tokenizer, stops: options.stops, ends: prompts.stops)
        var count = 0
        while count < answer.limit, !text.isAtEnd {
            try Task.checkCancellation()
            guard let drawn = try await answer.next() else {
                // Others need its pages: it goes on where it was once there are some.
                try await join(answer)
                continue
            }
            count += 1
            let logits = drawn.logits.map(LogProbabilities.init)
            guard let piece = text.take([drawn.token], logits, best: options.logProbabilities ?? 0) else {
                throw PerceptError(.badData, "\(modelName): the weights lead to logits that are not finite")
            }
            if !piece.tokens.isEmpty { deliver(GeneratedPiece(piece)) }
        }
        try Task.checkCancellation()
        try answers.engine.host.collectSaturations()
        let rest = text.finish()
        let reason: FinishReason =
            if let stop = text.stop { .stop(stop) } else if text.isAtEnd { .endOfTurn } else {
                answer.limit < options.maxTokens ? .contextFull : .tokenLimit
            }
        return GeneratedPiece(
            text: rest, tokens: [], probabilities: [],
            summary: GenerationSummary(
                promptTokens: answer.prompt.ids.count, reusedTokens: answer.firstReused ?? 0,
                tokens: text.tokens.count, reason: reason, encodedChunks: answer.encodedChunks,
                waitingTime: answer.times.queue, visionTime: answer.times.vision + encodingTime,
                promptTime: answer.times.prompt, decodingTime: .now - start))
    }

    private func join(_ answer: Answer) async throws {
        try await answers.join(answer)
        if answers.wantsSteps() { Task { await answers.step() } }
    }
}
