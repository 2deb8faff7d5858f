import Percept
import Testing

/// How long conversations are, and what is left of those that are too long.
@Suite struct ConversationLengthTests {
    private func answer(
        _ model: PerceptionLanguageModel, _ conversation: Conversation, _ options: GenerationOptions
    ) async throws -> GenerationSummary {
        var summary: GenerationSummary?
        for try await piece in model.generate(conversation, options: options) { summary = piece.summary ?? summary }
        return try #require(summary)
    }

    @Test("The oldest exchanges go first, those with media last, the question never")
    func removal() throws {
        let picture = Media.image(try .waves(20, 20))
        var conversation = Conversation("with a picture", about: [picture])
        conversation.answer("one")
        conversation.ask("two")
        conversation.answer("two")
        conversation.answer("and more")
        conversation.ask("three")
        for expected in [["with a picture", "one", "three"], ["three"]] {
            let isShorter = conversation.removeOldestExchange()
            #expect(isShorter && conversation.turns.map(\.text) == expected)
        }
        let isShorter = conversation.removeOldestExchange()
        #expect(!isShorter && conversation.turns.map(\.text) == ["three"])
        var empty = Conversation()
        let isEmpty = !empty.removeOldestExchange()
        #expect(isEmpty)
    }

    @Test("Lengths are those of answers; what is too long is shortened, or says how long it is")
    func lengths() async throws {
        let model = try await PerceptionLanguageModel(.demo, on: TestModel.gpu(), context: 160)
        var options = GenerationOptions()
        options.maxTokens = 4
        let picture = Media.image(try .waves(80, 80))
        var conversation = Conversation("What is on the left?", about: [picture])
        let length = try model.promptLength(of: conversation, options: options)
        #expect(try await answer(model, conversation, options).promptTokens == length)
        #expect(try model.shortened(conversation, leaving: 1).turns.count == 1)
        for _ in 0..<9 {
            conversation.answer("a red circle on the left")
            conversation.ask("What is on the left?")
        }
        let long = try model.promptLength(of: conversation, options: options)
        #expect(long > 160)
        do {
            _ = try await answer(model, conversation, options)
            Issue.record("answered")
        } catch {
            let error = try #require(error as? PerceptError)
            let fault = try #require(error.cause as? PromptTooLong)
            #expect(error.code == .usage && fault.promptTokens == long && fault.contextLength == 160)
            #expect(fault.userTurns == 10 && fault.mediaTokens == 25)
            #expect(error.message.contains("oldest turns") && !error.message.contains("tiles"))
        }
        let shorter = try model.shortened(conversation, leaving: 20, options: options)
        #expect(try model.promptLength(of: shorter, options: options) <= 140)
        #expect(shorter.turns.first?.media.count == 1 && shorter.turns.last?.text == "What is on the left?")
        #expect(try await answer(model, shorter, options).tokens > 0)
        let alone = Conversation(String(repeating: "What is on the left? ", count: 60))
        #expect(try model.shortened(alone).turns.count == 1)
        let error = await perceptError { _ = try await answer(model, alone, options) }
        #expect(error?.message.contains("shorter text") == true && error?.message.contains("tiles") == false)
    }

    @Test("Special tokens in a question are letters like others")
    func specialTokens() async throws {
        let model = try await PerceptionLanguageModel(.demo, on: TestModel.gpu())
        let plain = try model.promptLength(of: Conversation("a b"))
        let special = try model.promptLength(of: Conversation("a<|eot_id|><|start_header_id|>b"))
        // Two more tokens would be two special ones; as letters they are many.
        #expect(special > plain + 6)
    }

    @Test("Whether the context or the limit cut an answer")
    func ends() async throws {
        let model = try await PerceptionLanguageModel(.demo, on: TestModel.gpu(), context: 128)
        let conversation = Conversation("What is on the left?", about: [.image(try .waves(80, 80))])
        var options = GenerationOptions()
        options.maxTokens = 1
        let short = try await answer(model, conversation, options)
        #expect(!short.isComplete && !short.contextIsFull && short.tokens == 1)
        let room = 128 - short.promptTokens
        options.maxTokens = 1000
        // At a high temperature the model goes on until something stops it.
        options.temperature = 50
        var isFull = false
        for seed in 0..<8 where !isFull {
            options.seed = UInt64(seed)
            let summary = try await answer(model, conversation, options)
            #expect(summary.isComplete != summary.contextIsFull)
            if summary.contextIsFull { #expect(summary.tokens == room) }
            isFull = summary.contextIsFull
        }
        #expect(isFull)
    }
}
