public import Logging
import PerceptEngine
import PerceptGraph
import PerceptModels
import PerceptRuntime
import PerceptVulkan

/// Perception Language Model on a Vulkan device: images, videos and questions in, text out as it is generated.
///
/// What a conversation has said stays on the device: a further question encodes neither its media nor its turns again.
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
    /// What the states hold: the ids at each position, and the media whose features are in which rows.
    private var known: (ids: [UInt32], media: [MediaPlan]) = ([], [])

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
    ///   - preprocessing: whether pictures and videos become the tower's input as in the original release, or as the
    ///     processors beside a checkpoint in transformers' layout say; see <doc:NumbersAndBounds>.
    ///   - logger: told of pipelines that could not be kept; silent unless given.
    ///   - progress: told the fraction, 0 to 1, of the weights that the program at hand still lacked.
    /// - Throws: ``PerceptError`` naming the file and the fault, with ``PerceptError/Code/usage`` for a name that no model
    ///   has, a context that cannot be, weights in a format that the checkpoint does not have and processors that are not
    ///   there, or with ``PerceptError/Code/temporary`` where device memory does not suffice.
    public init(
        _ source: ModelSource, on gpu: GPU, precision: Precision = .f16, weights: LanguageWeights = .auto,
        cache: LanguageCache = .full, context: Int? = nil, preprocessing: Preprocessing = .official,
        logger: Logger = GPU.silent, progress: @escaping @Sendable (Double) -> Void = { _ in }
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
            graphs, from: model.weights, on: gpu.runtime, programMemory: gpu.programMemory, logger: logger
        ) { fraction in
            try Task.checkCancellation()
            progress(fraction)
        }
    }

    /// Positions of the reference's cache (perception_models: apps/plm/generate.py).
    private static let referenceContext = 11264

    /// Uploads the decoder's weights and records its programs before the first question.
    ///
    /// - Throws: ``PerceptError`` with ``PerceptError/Code/temporary`` where device memory does not suffice.
    public func prepare() throws(PerceptError) {
        try PerceptError.wrap {
            try engine.host.working { try engine.prepare() }
        }
    }

    /// Device memory in bytes: weights loaded so far, keys and values and other states, and what recorded programs hold.
    public var memoryUse: (weights: Int, states: Int, programs: Int) {
        (engine.host.weights.byteCount, engine.host.states.byteCount, engine.programByteCount)
    }

    /// What a user may want to know of how the model was loaded.
    public var notes: [String] { model.notes + engine.host.notes }

    /// Stores in which f16 could not hold a value and kept it at ±65504; all since the model was opened.
    public var saturations: Int { engine.host.saturations }

    /// Lets go of everything on the device, and of what conversations have left there.
    func unload() {
        known = ([], [])
        engine.unload()
    }

    /// Runs `body` on the decoder; what it leaves in the states is nobody's conversation.
    func withEngine<T>(_ body: (LanguageEngine) throws -> T) throws -> T {
        known = ([], [])
        return try engine.host.working { try body(engine) }
    }

    // MARK: Answers

    /// The answer to a question about images and videos, piece by piece.
    ///
    /// Cancelling the task that reads it ends it, and what was read then looks like an answer that is whole: no error is
    /// thrown, and only the ``GeneratedPiece/summary`` of the last piece is missing.
    ///
    /// - Parameters:
    ///   - question: as typed.
    ///   - media: shown with it; one image may be cut in tiles, several get one view each unless tiles are asked for.
    ///   - options: how the answer is made.
    /// - Returns: a sequence that throws ``PerceptError``: ``PerceptError/Code/usage`` where the prompt has no room in the
    ///   context (its cause is ``PromptTooLong``), ``PerceptError/Code/badData`` for damaged media and weights.
    public nonisolated func generate(
        _ question: String, about media: [Media] = [], options: GenerationOptions = GenerationOptions()
    ) -> AsyncThrowingStream<GeneratedPiece, any Error> {
        generate(Conversation(question, about: media), options: options)
    }

    /// The answer to the last part of a conversation, piece by piece; see ``generate(_:about:options:)``.
    public nonisolated func generate(
        _ conversation: Conversation, options: GenerationOptions = GenerationOptions()
    ) -> AsyncThrowingStream<GeneratedPiece, any Error> {
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
        }
    }

    /// Describes a picture, in one plain view, while others have turns on the device.
    ///
    /// - Returns: the answer, the pieces it went to the device in, and what the longest took.
    func describe(
        _ image: Image, question: String, maxTokens: Int, pacing: Pacing?
    ) throws -> (text: String, pieces: Int, longestPiece: Duration) {
        var options = GenerationOptions()
        options.maxTokens = maxTokens
        options.maxTiles = 1
        if pacing != nil { engine.cutForTurns() }
        engine.pacing = pacing
        defer { engine.pacing = nil }
        var text = ""
        try answer(Conversation(question, about: [.image(image)]), options) { text += $0.text }
        let taken = pacing?.taken
        return (text, taken?.count ?? 0, taken?.longest ?? .zero)
    }

    private func answer(
        _ conversation: Conversation, _ options: GenerationOptions, _ deliver: (GeneratedPiece) -> Void
    ) throws {
        try engine.host.working { try answerAtOnce(conversation, options, deliver) }
    }

    private func answerAtOnce(
        _ conversation: Conversation, _ options: GenerationOptions, _ deliver: (GeneratedPiece) -> Void
    ) throws {
        try options.check()
        guard conversation.turns.last?.isUser == true else {
            throw PerceptError(.usage, "the last part of a conversation must be the user's")
        }
        let clock = ContinuousClock()
        var start = clock.now
        func lap() -> Duration {
            defer { start = clock.now }
            return clock.now - start
        }
        let prompt = try prompts.encode(conversation.turns.map(\.prompt), options.mediaLimits)
        guard prompt.ids.count < contextLength else {
            let fault = PromptTooLong(
                promptTokens: prompt.ids.count, mediaTokens: prompt.mediaTokens, contextLength: contextLength,
                userTurns: conversation.turns.count(where: \.isUser))
            throw PerceptError(.usage, fault.description, cause: fault)
        }
        // Before the first failure, nothing is known of the states any more.
        let held = known
        known = ([], [])
        let keptMedia = zip(held.media, prompt.media).prefix { $0 == $1.plan }.count
        let encoded = try encodeMedia(prompt, from: keptMedia)
        let visionTime = lap()

        let firstChangedRow = prompt.media.dropFirst(keptMedia).first?.firstRow ?? Int.max
        let reused = min(
            zip(held.ids, prompt.ids).prefix { $0 == $1 && !PromptEncoder.isMedia($0, from: firstChangedRow) }.count,
            prompt.ids.count - 1)
        try engine.prefill(prompt.ids[reused...], at: reused)
        var submission = try engine.drawFirst(options.settings)
        try engine.wait(for: submission)
        let promptTime = lap()

        let limit = min(options.maxTokens, contextLength - prompt.ids.count)
        var decoder = model.tokenizer.decoder()
        var accepted: [UInt32] = []
        var isComplete = false
        var flying: [(SubmissionID, count: Int)] = [(submission, 1)]
        var submitted = 1
        var read = 0
        var stepsAtOnce = 1
        while !flying.isEmpty {
            // One submission runs while the one before is read: the device never waits for the host.
            while flying.count < 2, submitted < limit {
                let count = min(stepsAtOnce, limit - submitted)
                submission = try engine.step(count)
                flying.append((submission, count))
                submitted += count
            }
            let (next, count) = flying.removeFirst()
            let began = clock.now
            try engine.wait(for: next)
            let took = clock.now - began
            // As many steps as fill a short moment, so that a cancelled task ends soon and no submission runs long.
            if read > 0, engine.pacing == nil, took * (2 * stepsAtOnce) / count < Self.longestSubmission {
                stepsAtOnce = min(2 * stepsAtOnce, Self.mostSteps)
            }
            let drawn = try engine.tokens(read..<read + count)
            read += count
            let end = drawn.firstIndex(where: prompts.stops.contains) ?? drawn.count
            guard !drawn[..<end].contains(DrawnToken.notFinite) else {
                // Steps on their way write to the states of the next answer.
                try engine.wait(for: submission)
                throw PerceptError(.badData, "\(modelName): the weights lead to logits that are not finite")
            }
            isComplete = end < drawn.count
            let text = drawn[..<end].map { decoder.append($0) }.joined()
            accepted += drawn[..<end]
            if end > 0 { deliver(GeneratedPiece(text: text, tokens: drawn[..<end].map(Int.init), summary: nil)) }
            if isComplete || Task.isCancelled { break }
        }
        try engine.wait(for: submission)
        // The last token drawn has no keys and values yet.
        known = (prompt.ids + accepted.dropLast(), prompt.media.map(\.plan))
        try engine.host.collectSaturations()
        try Task.checkCancellation()
        deliver(
            GeneratedPiece(
                text: decoder.finish(), tokens: [],
                summary: GenerationSummary(
                    promptTokens: prompt.ids.count, reusedTokens: reused, tokens: accepted.count,
                    isComplete: isComplete,
                    contextIsFull: !isComplete && limit < options.maxTokens, encodedChunks: encoded,
                    visionTime: visionTime, promptTime: promptTime,
                    decodingTime: lap())))
    }

    /// Steps of one submission at most.
    private static let mostSteps = 16
    /// What a submission of several steps may take.
    private static let longestSubmission = Duration.milliseconds(50)

    // MARK: Media

    /// Has the chunks of all media but the first `kept` seen.
    ///
    /// - Returns: how many chunks there were.
    private func encodeMedia(_ prompt: PromptEncoder.Prompt, from kept: Int) throws -> Int {
        var encoded = 0
        for item in prompt.media.dropFirst(kept) {
            let rounding = prompts.rules.rounding(item.plan.kind)
            try item.plan.forEachChunk(of: item.media, rules: prompts.rules) { chunk, input in
                try Task.checkCancellation()
                try engine.see(input, rounding, row: item.firstRow + chunk * config.tokensPerChunk)
                encoded += 1
            }
        }
        return encoded
    }
}
