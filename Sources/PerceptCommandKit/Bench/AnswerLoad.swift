import Percept
import Synchronization

/// A language model that answers over and over, so that something else can be measured beside it.
struct AnswerLoad {
    private let model: PerceptionLanguageModel
    /// Tokens a second with nothing beside it.
    private(set) var alone = 0.0

    init(_ model: PerceptionLanguageModel) async throws {
        self.model = model
        // The first answer records.
        try await Self.answer(model, tokens: 4, Count())
        alone = try await beside { count in
            let (start, first) = (ContinuousClock.now, count.value)
            while count.value < first + 8 || .now - start < .seconds(1) { try await Task.sleep(for: .milliseconds(5)) }
        }.tokensPerSecond
    }

    /// Does something while an answer is made.
    ///
    /// - Returns: what it gave, and the answer's tokens a second meanwhile.
    func beside<Value: Sendable>(
        _ body: (Count) async throws -> Value
    ) async throws -> (value: Value, tokensPerSecond: Double) {
        let count = Count()
        let answering = Task { [model] in
            while !Task.isCancelled { try await Self.answer(model, tokens: 200, count) }
        }
        defer { answering.cancel() }
        // Measured from the first token on.
        while count.value == 0 { try await Task.sleep(for: .milliseconds(1)) }
        let (start, before) = (ContinuousClock.now, count.value)
        let value = try await body(count)
        return (value, Double(count.value - before) / ((.now - start) / .seconds(1)))
    }

    /// Tokens that were made.
    final class Count: Sendable {
        private let tokens = Atomic<Int>(0)
        var value: Int { tokens.load(ordering: .relaxed) }
        fileprivate func add(_ count: Int) { tokens.add(count, ordering: .relaxed) }
    }

    private static func answer(_ model: PerceptionLanguageModel, tokens: Int, _ count: Count) async throws {
        var options = GenerationOptions()
        options.maxTokens = tokens
        for try await piece in model.generate("Tell me all about it.", options: options) {
            count.add(piece.tokens.count)
        }
    }
}
