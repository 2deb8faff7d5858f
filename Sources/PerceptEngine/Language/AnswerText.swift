import PerceptGraph

/// An answer as its tokens come in: its text, and what ends it.
package struct AnswerText {
    /// What came with some tokens.
    package struct Piece {
        package var text = ""
        package var tokens: [UInt32] = []
        /// For each token its own log probability and text, then those of the most probable ones; empty without logits.
        package var probabilities: [[(token: UInt32, text: String, logProbability: Float)]] = []
    }

    /// All tokens that were taken, the one that ends a turn left out.
    package private(set) var tokens: [UInt32] = []
    package private(set) var isAtEnd = false
    /// The text that ended it, if one did.
    package var stop: String? { matcher.found }

    private let tokenizer: LanguageTokenizer
    private let ends: Set<UInt32>
    private var decoder: LanguageTokenizer.Decoder
    private var matcher: StopMatcher

    /// - Parameters:
    ///   - stops: texts that end it.
    ///   - ends: tokens that end it.
    package init(_ tokenizer: LanguageTokenizer, stops: [String], ends: Set<UInt32>) {
        self.tokenizer = tokenizer
        self.ends = ends
        decoder = tokenizer.decoder()
        matcher = StopMatcher(stops)
    }

    /// Takes tokens in, up to the one that ends the answer.
    ///
    /// - Parameters:
    ///   - logits: of the last token.
    ///   - best: how many of the most probable tokens are told.
    /// - Returns: nil where a token could not be drawn, since logits were not finite.
    package mutating func take(_ drawn: [UInt32], _ logits: LogProbabilities?, best: Int) -> Piece? {
        var piece = Piece()
        for token in drawn {
            if ends.contains(token) {
                isAtEnd = true
                break
            }
            guard token != DrawnToken.notFinite else { return nil }
            tokens.append(token)
            piece.tokens.append(token)
            if let logits {
                piece.probabilities.append(
                    ([token] + logits.best(best)).map { ($0, tokenizer.text(of: $0), logits[$0]) })
            }
            piece.text += matcher.append(decoder.append(token))
            if matcher.found != nil {
                isAtEnd = true
                break
            }
        }
        return piece
    }

    /// What is left of the text once no token comes any more.
    package mutating func finish() -> String {
        guard matcher.found == nil else { return "" }
        let last = matcher.append(decoder.finish())
        return last + matcher.finish()
    }
}

extension LanguageTokenizer {
    /// What one token stands for.
    func text(of token: UInt32) -> String {
        var decoder = decoder()
        return decoder.append(token) + decoder.finish()
    }
}
