import Foundation
import Percept

/// Answers of a language model: what ends them, and what is told beside them.
struct AnswerChecks {
    let model: PerceptionLanguageModel

    private struct Answer {
        var text = ""
        var pieces: [GeneratedPiece] = []
        let summary: GenerationSummary
    }

    func run() async throws {
        let whole = try await answer(GenerationOptions())
        try require(whole.summary.reason == .endOfTurn && whole.text.count > 8, "an answer of “\(whole.text)”")
        try await checkEnds(whole)
        try await checkProbabilities(whole)
        try await checkDrawing()
        try await checkConversation()
        try await checkCancelling()
        let text = try await generate(GenerationOptions()).text()
        try require(text == whole.text, "the same question has another answer: “\(text)”")
    }

    private func generate(_ options: GenerationOptions) throws -> GeneratedAnswer {
        let image = try Painting(width: 96, height: 96).image()
        return model.generate("Describe the image.", about: [.image(image)], options: options)
    }

    private func answer(_ options: GenerationOptions) async throws -> Answer {
        var pieces: [GeneratedPiece] = []
        for try await piece in try generate(options) { pieces.append(piece) }
        let summary = try unwrap(pieces.last?.summary, "an answer has no summary")
        return Answer(text: pieces.map(\.text).joined(), pieces: pieces, summary: summary)
    }

    private func checkEnds(_ whole: Answer) async throws {
        let words = whole.text.split(separator: " ")
        let stop = String(words[words.count / 2])
        let place = try unwrap(whole.text.range(of: stop)?.lowerBound, "no place of \(stop)")
        let cut = try await answer(GenerationOptions(stops: ["not in it", stop]))
        try require(cut.text == whole.text[..<place], "an answer that ends at “\(stop)” is “\(cut.text)”")
        try require(cut.summary.reason == .stop(stop) && cut.summary.isComplete, "it ended by \(cut.summary.reason)")
        let short = try await answer(GenerationOptions(maxTokens: 2))
        try require(
            short.summary.reason == .tokenLimit && short.summary.tokens == 2 && !short.summary.isComplete,
            "an answer of two tokens ended by \(short.summary.reason) behind \(short.summary.tokens)")
        try require(whole.text.hasPrefix(short.text), "a short answer begins otherwise: “\(short.text)”")
    }

    private func checkProbabilities(_ whole: Answer) async throws {
        let told = try await answer(GenerationOptions(logProbabilities: 3))
        try require(told.text == whole.text, "with log probabilities the answer is “\(told.text)”")
        for piece in told.pieces {
            try require(piece.probabilities.count == piece.tokens.count, "a token has no probability")
            for (token, drawn) in zip(piece.tokens, piece.probabilities) {
                try require(drawn.taken.token == token, "the probability is one of another token")
                try require(drawn.best.count == 3, "\(drawn.best.count) best tokens are told of")
                // Nothing is drawn at a temperature of 0: the best is taken.
                try require(
                    drawn.best[0] == drawn.taken, "“\(drawn.taken.text)” was taken, not “\(drawn.best[0].text)”")
                let logarithms = drawn.best.map(\.logProbability)
                try require(
                    logarithms == logarithms.sorted(by: >) && logarithms[0] <= 0, "log probabilities of \(logarithms)")
                let sum = logarithms.reduce(0) { $0 + exp(Double($1)) }
                try require(sum > 0.2 && sum < 1 + 1e-4, "three probabilities sum up to \(sum)")
            }
        }
        let alone = try await answer(GenerationOptions(maxTokens: 3, logProbabilities: 0))
        try require(
            alone.pieces.allSatisfy { $0.probabilities.allSatisfy(\.best.isEmpty) }, "more is told than was asked for")
        try require(whole.pieces.allSatisfy(\.probabilities.isEmpty), "probabilities are told unasked")
    }

    /// What is drawn depends on the seed alone.
    private func checkDrawing() async throws {
        let options = GenerationOptions(maxTokens: 12, temperature: 3, seed: 7)
        let (one, other) = (try await answer(options), try await answer(options))
        try require(one.text == other.text, "one seed draws “\(one.text)” and “\(other.text)”")
    }

    private func checkConversation() async throws {
        let image = try Painting(width: 96, height: 96).image()
        var conversation = Conversation("Describe the image.", about: [.image(image)])
        conversation.answer(try await model.generate(conversation).text())
        conversation.ask("What colour is it?")
        var summary: GenerationSummary?
        for try await piece in model.generate(conversation, options: GenerationOptions(maxTokens: 8)) {
            summary = piece.summary ?? summary
        }
        let end = try unwrap(summary, "a second answer has no summary")
        try require(end.reusedTokens > 0, "nothing was known from the turn before")
    }

    /// An answer whose reader is cancelled ends with an error, not as if all were said.
    private func checkCancelling() async throws {
        let pieces = try generate(GenerationOptions(maxTokens: 500, temperature: 50))
        let (arrivals, arrival) = AsyncStream.makeStream(of: Void.self)
        let reader = Task { () -> PerceptError? in
            do throws(PerceptError) {
                for try await _ in pieces { arrival.yield() }
                return nil
            } catch { return error }
        }
        for await _ in arrivals { break }
        reader.cancel()
        let error = try unwrap(await reader.value, "a cancelled answer ends as if it were whole")
        try require(
            error.code == .cancelled && error.reason == .cancelled,
            "a cancelled answer ends with \(error.code): \(error)")
    }
}
