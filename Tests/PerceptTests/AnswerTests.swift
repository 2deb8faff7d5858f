import Foundation
import Percept
import PerceptEngine
import TestSupport
import Testing

/// What ends an answer, and what is told beside its text.
@Suite("Answers", .serialized)
struct AnswerTests {
    private static let picture = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures/demo/captioner/one-00.png")

    private func model() async throws -> PerceptionLanguageModel {
        try await PerceptionLanguageModel(.demo, on: TestModel.gpu(), precision: .f32)
    }

    private func read(
        _ model: PerceptionLanguageModel, _ options: GenerationOptions
    ) async throws -> (text: String, pieces: [GeneratedPiece], summary: GenerationSummary) {
        var (text, pieces): (String, [GeneratedPiece]) = ("", [])
        for try await piece in model.generate(
            "Describe the image.", about: [.image(try Image(contentsOf: Self.picture))], options: options)
        {
            text += piece.text
            pieces.append(piece)
        }
        return (text, pieces, try #require(pieces.last?.summary))
    }

    @Test("A text ends the answer where it first appears, whatever pieces it comes in")
    func stops() async throws {
        let model = try await model()
        let whole = try await read(model, GenerationOptions())
        #expect(whole.summary.reason == .endOfTurn && whole.text.count > 12)
        let characters = Array(whole.text)
        for range in [0..<3, 4..<9, 7..<8, 5..<12] {
            let stop = String(characters[range])
            let first = try #require(whole.text.range(of: stop)?.lowerBound)
            let cut = try await read(model, GenerationOptions(stops: ["not in it", stop]))
            #expect(cut.text == whole.text[..<first])
            #expect(cut.summary.reason == .stop(stop) && cut.summary.isComplete)
        }
        let none = try await read(model, GenerationOptions(stops: [whole.text + "!"]))
        #expect(none.text == whole.text && none.summary.reason == .endOfTurn)
        let short = try await read(model, GenerationOptions(maxTokens: 2))
        #expect(short.summary.reason == .tokenLimit && !short.summary.isComplete)
    }

    @Test("Stops are found across pieces, and what only begins like one is kept")
    func matcher() {
        func text(_ pieces: [String], _ stops: [String]) -> [String?] {
            var matcher = StopMatcher(stops)
            let said = pieces.map { matcher.append($0) }.joined()
            return [said + matcher.finish(), matcher.found]
        }
        #expect(text(["ab", "ab", "c"], ["abc"]) == ["ab", "abc"])
        #expect(text(["aab"], ["ab", "aab"]) == ["", "aab"])
        #expect(text(["xa", "b"], ["abc"]) == ["xab", nil])
        #expect(text(["one\n", "\ntwo"], ["\n\n"]) == ["one", "\n\n"])
        #expect(text(["e\u{301}", "x"], ["\u{301}x"]) == ["e", "\u{301}x"])
        #expect(text(["a"], []) == ["a", nil])
    }

    @Test("Log probabilities are of the tokens that are taken, and asking for them changes no token")
    func logProbabilities() async throws {
        let model = try await model()
        let plain = try await read(model, GenerationOptions())
        let told = try await read(model, GenerationOptions(logProbabilities: 3))
        #expect(told.text == plain.text && told.summary.tokens == plain.summary.tokens)
        let tokens = told.pieces.flatMap(\.probabilities)
        #expect(tokens.count == told.summary.tokens)
        #expect(tokens.map(\.taken.token) == plain.pieces.flatMap(\.tokens))
        for token in tokens {
            // Greedy: what was taken is the most probable.
            #expect(token.best.count == 3 && token.best[0].token == token.taken.token)
            #expect(token.best[0].logProbability == token.taken.logProbability && token.taken.logProbability <= 0)
            #expect(token.best[0].logProbability >= token.best[1].logProbability)
            #expect(token.best.reduce(0) { $0 + exp(Double($1.logProbability)) } <= 1.000_01)
        }
        #expect(tokens.map(\.taken.text).joined().contains(plain.text.prefix(8)))
        let sum = LogProbabilities([1, 2, 3])
        #expect(abs(exp(Double(sum[0])) + exp(Double(sum[1])) + exp(Double(sum[2])) - 1) < 1e-6)
        #expect(LogProbabilities([1, 3, 3, 2]).best(3) == [1, 2, 3])
        await #expect(throws: PerceptError.self) { _ = try await read(model, GenerationOptions(logProbabilities: 21)) }
    }

    @Test("An answer whose reader is cancelled throws")
    func cancelled() async throws {
        let model = try await model()
        let reader = Task { () -> Bool in
            do {
                while true {
                    for try await _ in model.generate("What is this?") { try await Task.sleep(for: .milliseconds(1)) }
                }
            } catch let error as PerceptError { return error.code == .cancelled } catch {
                return error is CancellationError
            }
        }
        try await Task.sleep(for: .milliseconds(300))
        reader.cancel()
        #expect(await reader.value)
        let answer = Task { try await model.generate("What is this?").text() }
        answer.cancel()
        let error = await #expect(throws: PerceptError.self) { try await answer.value }
        #expect(error?.reason == .cancelled)
        // And the model goes on answering.
        #expect(try await !model.generate("What is this?").text().isEmpty)
    }

    @Test("Prepared for pictures, a question about one records nothing")
    func prepared() async throws {
        let model = try await model()
        try await model.prepare(pictures: true)
        let before = await model.memoryUse
        _ = try await read(model, GenerationOptions(maxTiles: 1))
        let after = await model.memoryUse
        #expect(before.programs == after.programs && before.weights == after.weights && before.states == after.states)
    }

    @Test("Errors say what a program may do about them")
    func reasons() async throws {
        func reason(_ body: () async throws -> Void) async -> PerceptError.Reason? {
            do { try await body() } catch { return PerceptError(error).reason }
            return nil
        }
        let gpu = try TestModel.gpu()
        let missing = await reason { _ = try await PerceptionEncoder(.named("PE-Core-G14-448"), on: gpu) }
        #expect(missing == .modelNotDownloaded(name: "PE-Core-G14-448"))
        let unknown = await reason { _ = try await PerceptionEncoder(.named("PE-Core-X"), on: gpu) }
        #expect(unknown == .unknownModel(name: "PE-Core-X"))
        let other = await #expect(throws: PerceptError.self) {
            _ = try await PerceptionEncoder(.named("PLM-1B"), on: gpu)
        }
        #expect(other?.message.contains("language model") == true)
        #expect(await reason { _ = try Image(contentsOf: URL(filePath: "/nowhere.png")) } == .fileMissing)
        #expect(await reason { _ = try Image(data: Data([1, 2, 3])) } == .fileUnreadable)
        #expect(await reason { _ = try await PerceptionEncoder(.path("/nowhere"), on: gpu) } == .fileMissing)
        var options = GPU.Options()
        options.device = "no such card"
        #expect(await reason { _ = try GPU.open(options) } == .deviceNotFound)
        let long = await reason {
            let small = try await PerceptionLanguageModel(.demo, on: gpu, context: 64)
            _ = try await small.generate(String(repeating: "many words ", count: 100)).text()
        }
        #expect(long == .promptTooLong)
    }
}
