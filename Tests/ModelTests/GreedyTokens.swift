import PerceptEngine
import PerceptModels

extension LanguageEngine {
    /// A prompt, and the tokens behind it, two steps on their way at a time; logits are those of the last token, where they are
    /// kept.
    ///
    /// - Parameters:
    ///   - cuts: where runs of the prompt end.
    ///   - pages: of the sequence.
    func greedy(
        _ ids: [UInt32], cuts: [Int] = [], pages: [Int] = [0, 1, 2], count: Int,
        isolation: isolated (any Actor)? = #isolation
    ) async throws -> (tokens: [UInt32], logits: [Float]) {
        var start = 0
        for end in cuts + [ids.count] {
            try await prefill(ids[start..<end], at: start, pages: pages)
            start = end
        }
        let first = try await drawFirst(SamplingSettings(), position: ids.count - 1, slot: 5)
        var (tokens, logits) = ([first.token], first.logits ?? [])
        var flights: [Step] = []
        for number in 1...count {
            if number < count {
                let row = StepRow(position: ids.count + number - 1, pages: pages, slot: 5)
                flights.append(try await step([row]))
            }
            guard flights.count == 2 || number == count, !flights.isEmpty else { continue }
            repeat {
                let step = flights.removeFirst()
                try await end(of: step)
                tokens.append(try token(0, of: step))
                if graphs.decoder.keepsLogits { logits = self.logits(0, of: step) }
            } while number == count && !flights.isEmpty
        }
        return (tokens, logits)
    }
}
