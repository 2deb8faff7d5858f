import Foundation
import Percept
import PerceptRuntime
import PerceptVulkan
import Testing

/// Conversations with a tiny language model.
@Suite("Language model", .serialized)
struct LanguageModelTests {
    private func withModel<T>(
        precision: Precision = .f32, cache: LanguageCache = .full, context: Int? = nil, on gpu: GPU? = nil,
        _ body: (PerceptionLanguageModel) async throws -> T
    ) async throws -> T {
        try await withTemporaryDirectory { directory in
            try TestLanguageModel.write(to: directory)
            let model = try await PerceptionLanguageModel(
                .path(directory.path), on: gpu ?? TestModel.gpu(), precision: precision, cache: cache, context: context)
            return try await body(model)
        }
    }

    private func answer(
        _ model: PerceptionLanguageModel, _ conversation: Conversation, _ options: GenerationOptions
    ) async throws -> (text: String, tokens: [Int], summary: GenerationSummary) {
        var (text, tokens) = ("", [Int]())
        var summary: GenerationSummary?
        for try await piece in model.generate(conversation, options: options) {
            text += piece.text
            tokens += piece.tokens
            summary = piece.summary
        }
        return (text, tokens, try #require(summary))
    }

    private func options(tokens: Int, _ change: (inout GenerationOptions) -> Void = { _ in }) -> GenerationOptions {
        var options = GenerationOptions()
        options.maxTokens = tokens
        options.maxTiles = 1
        change(&options)
        return options
    }

    @Test("the same question twice: the same answer, the prompt known the second time")
    func repeated() async throws {
        try await withModel { model in
            let media = Media.image(try .waves(50, 40))
            let conversation = Conversation("What is this?", about: [media])
            let first = try await answer(model, conversation, options(tokens: 40))
            let again = try await answer(model, conversation, options(tokens: 40))
            #expect(first.text == again.text && first.tokens == again.tokens)
            #expect(Set(first.tokens).count > 3, "the model says one thing over and over: nothing is tested")
            #expect(first.summary.tokens == first.tokens.count && first.summary.encodedChunks == 1)
            #expect(first.summary.reusedTokens == 0 && again.summary.encodedChunks == 0)
            #expect(again.summary.reusedTokens == again.summary.promptTokens - 1)
        }
    }

    @Test(
        "three turns about one image encode it once, and say what a model that knows nothing yet says",
        arguments: LanguageCache.allCases)
    func turns(cache: LanguageCache) async throws {
        try await withModel(cache: cache) { model in
            let media = Media.image(try .waves(70, 40))
            var conversation = Conversation("What is this?", about: [media])
            for (turn, question) in ["And that?", "Why?", "Thank you."].enumerated() {
                let kept = try await answer(model, conversation, options(tokens: 12))
                let fresh = try await withModel(cache: cache) {
                    try await answer($0, conversation, options(tokens: 12))
                }
                #expect(kept.tokens == fresh.tokens, "turn \(turn)")
                #expect(kept.summary.encodedChunks == (turn == 0 ? 1 : 0) && fresh.summary.encodedChunks == 1)
                #expect((kept.summary.reusedTokens > 0) == (turn > 0))
                conversation.answer(kept.text)
                conversation.ask(question)
            }
        }
    }

    @Test(
        "two conversations in turn each go on where they were, and a third about the same picture does not look at it",
        arguments: LanguageCache.allCases)
    func inTurn(cache: LanguageCache) async throws {
        try await withModel(cache: cache) { model in
            let options = options(tokens: 12)
            var conversations = try [0, 1].map { seed in
                Conversation("What is this?", about: [.image(try .waves(70, 40, seed: seed))])
            }
            var lengths = [0, 0]
            for turn in 0..<3 {
                for index in conversations.indices {
                    let kept = try await answer(model, conversations[index], options)
                    let fresh = try await withModel(cache: cache) {
                        try await answer($0, conversations[index], options)
                    }
                    #expect(kept.tokens == fresh.tokens, "turn \(turn) of \(index)")
                    #expect(kept.summary.encodedChunks == (turn == 0 ? 1 : 0))
                    if turn > 0 { #expect(kept.summary.reusedTokens >= lengths[index], "turn \(turn) of \(index)") }
                    lengths[index] = kept.summary.promptTokens
                    conversations[index].answer(kept.text)
                    conversations[index].ask("And then?")
                }
            }
            // The same pixels, decoded anew.
            let third = Conversation("Which colour is it?", about: [.image(try .waves(70, 40))])
            let found = try await answer(model, third, options)
            #expect(found.summary.encodedChunks == 0 && found.summary.reusedTokens > 10)
            #expect(found.tokens == (try await withModel(cache: cache) { try await answer($0, third, options) }).tokens)
            #expect(found.tokens.count > 3)
        }
    }

    @Test("memory for further conversations is taken once, and as much as it may be")
    func conversationMemory() async throws {
        try await withTemporaryDirectory { directory in
            try TestLanguageModel.write(to: directory)
            var taken: [Int] = []
            for budget in [0, 100_000] {
                let model = try await PerceptionLanguageModel(
                    .path(directory.path), on: TestModel.gpu(), precision: .f32, conversationMemory: budget)
                let first = try await answer(model, Conversation("Question 0"), options(tokens: 20))
                let states = await model.memoryUse.states
                for index in 1..<12 {
                    _ = try await answer(model, Conversation("Question \(index), another"), options(tokens: 20))
                    #expect(await model.memoryUse.states == states)
                }
                taken.append(states)
                let again = try await answer(model, Conversation("Question 0"), options(tokens: 20))
                #expect(again.tokens == first.tokens)
            }
            #expect(taken[1] > taken[0] && taken[1] <= taken[0] + 100_000)
        }
    }

    @Test("another image in the same place is looked at")
    func otherImage() async throws {
        try await withModel { model in
            let options = options(tokens: 12)
            func conversation(_ seed: Int) throws -> Conversation {
                Conversation("What is this?", about: [.image(try .waves(50, 40, seed: seed))])
            }
            _ = try await answer(model, conversation(0), options)
            let second = try await answer(model, conversation(5), options)
            let fresh = try await withModel { try await answer($0, conversation(5), options) }
            #expect(second.tokens == fresh.tokens && second.summary.encodedChunks == 1)
            #expect(second.summary.reusedTokens > 0, "the system's part does not change")
        }
    }

    @Test("tiles, several images, a video")
    func media() async throws {
        try await withModel { model in
            let image = Media.image(try .waves(90, 40))
            func chunks(_ media: [Media], _ change: (inout GenerationOptions) -> Void) async throws -> Int {
                let conversation = Conversation("What?", about: media)
                return try await answer(model, conversation, options(tokens: 2, change)).summary.encodedChunks
            }
            // No grid of four tiles holds the picture; the widest of its shape is 2 x 1.
            #expect(try await chunks([image]) { $0.maxTiles = 4 } == 3)
            #expect(try await chunks([image]) { $0.maxTiles = 1 } == 1)
            let pair = [Media.image(try .waves(90, 40, seed: 1)), .image(try .waves(20, 20))]
            #expect(try await chunks(pair) { $0.maxTiles = nil } == 2)
            // Asked for, tiles are cut of several too: one is 2 x 1, the other 2 x 2.
            #expect(try await chunks(pair) { $0.maxTiles = 4 } == 3 + 5)
            let clip = Media.video(try VideoClip(contentsOf: TestModel.media.appending(path: "shapes.mp4")))
            #expect(try await chunks([clip]) { $0.maxFrames = 5 } == 5)
        }
    }

    @Test("a seed decides what is drawn; another draws another; temperature 0 needs none")
    func sampling() async throws {
        try await withModel { model in
            func tokens(_ seed: UInt64, temperature: Float) async throws -> [Int] {
                try await answer(
                    model, Conversation("Tell me more."),
                    options(tokens: 24) {
                        $0.seed = seed
                        $0.temperature = temperature
                        $0.topK = 40
                    }
                ).tokens
            }
            let drawn = try await tokens(3, temperature: 1)
            #expect(try await tokens(3, temperature: 1) == drawn)
            #expect(try await tokens(4, temperature: 1) != drawn)
            let greedy = try await tokens(3, temperature: 0)
            #expect(try await tokens(4, temperature: 0) == greedy)
        }
    }

    @Test("who stops reading stops the model, and the next question finds it in order")
    func cancelled() async throws {
        try await withModel { model in
            let conversation = Conversation("Go on for long.")
            let whole = try await answer(model, conversation, options(tokens: 60))
            var read = 0
            for try await piece in model.generate(conversation, options: options(tokens: 600)) {
                read += piece.tokens.count
                if read >= 3 { break }
            }
            let again = try await answer(model, conversation, options(tokens: 60))
            #expect(again.tokens == whole.tokens)
        }
    }

    @Test("decoding records no commands and allocates no memory", arguments: LanguageCache.allCases)
    func steadyState(cache: LanguageCache) async throws {
        let gpu = try TestModel.privateGPU()
        try await withModel(precision: .f16, cache: cache, on: gpu) { model in
            let conversation = Conversation("What is this?", about: [.image(try .waves(50, 40))])
            // The second time the prompt is one token: its program is recorded then.
            for _ in 0..<2 { _ = try await answer(model, conversation, options(tokens: 4)) }
            let memory = gpu.runtime.device.memoryStatistics
            let recorded = gpu.runtime.device.statistics.recordedCommandBuffers
            let long = try await answer(model, conversation, options(tokens: 200))
            #expect(long.tokens.count > 100)
            #expect(gpu.runtime.device.memoryStatistics == memory)
            #expect(gpu.runtime.device.statistics.recordedCommandBuffers == recorded)
        }
    }

    @Test("what cannot be answered is refused, and the next question is not")
    func refusals() async throws {
        try await withModel(context: 256) { model in
            func refusal(_ conversation: Conversation, _ options: GenerationOptions) async -> PerceptError? {
                do {
                    _ = try await answer(model, conversation, options)
                    return nil
                } catch { return error as? PerceptError }
            }
            let long = Conversation(String(repeating: "word ", count: 400))
            #expect(await refusal(long, options(tokens: 5))?.message.contains("of 256 positions") == true)
            await #expect(throws: PerceptError.self) {
                try await model.measureDecoding(depth: 250, tokens: 20, runs: 1)
            }
            var answered = Conversation("One?")
            answered.answer("Two.")
            for (conversation, options) in [
                (answered, options(tokens: 5)), (Conversation(), options(tokens: 5)),
                (Conversation("x"), options(tokens: 0)),
                (Conversation("x"), options(tokens: 5) { $0.temperature = -1 }),
                (Conversation("x"), options(tokens: 5) { $0.topP = 0 }),
                (Conversation("x"), options(tokens: 5) { $0.maxTiles = 0 }),
            ] {
                #expect(await refusal(conversation, options)?.code == .usage)
            }
            #expect(try await answer(model, Conversation("x"), options(tokens: 5)).tokens.count == 5)
            // An answer ends where the room does.
            let full = try await answer(model, Conversation("x"), options(tokens: 5000))
            #expect(full.summary.promptTokens + full.tokens.count == 256 || full.summary.isComplete)
        }
    }

    @Test("damaged and unfit files are named")
    func files() async throws {
        try await withTemporaryDirectory { directory in
            try TestLanguageModel.write(to: directory)
            let gpu = try TestModel.gpu()
            func fault() async -> PerceptError? {
                do {
                    _ = try await PerceptionLanguageModel(.path(directory.path), on: gpu)
                    return nil
                } catch { return error }
            }
            let tokenizer = directory.appending(path: "tokenizer.json")
            let whole = try Data(contentsOf: tokenizer)
            try whole.prefix(whole.count / 2).write(to: tokenizer)
            #expect(await fault()?.code == .badData)
            #expect(await fault()?.message.contains("tokenizer.json") == true)
            let text = String(decoding: whole, as: UTF8.self)
            try Data(text.replacingOccurrences(of: "<|eot_id|>", with: "<|eot|>").utf8).write(to: tokenizer)
            #expect(await fault()?.message.contains("<|eot_id|>") == true)
            try FileManager.default.removeItem(at: tokenizer)
            #expect(await fault()?.code == .missingInput)
        }
    }
}
