import PerceptEngine

/// A token and how probable it was: the model's own probabilities, before any temperature.
public struct TokenProbability: Sendable, Hashable {
    /// The token's id.
    public let token: Int
    /// What it stands for; bytes that are no whole character show as U+FFFD.
    public let text: String
    /// The natural logarithm of its probability.
    public let logProbability: Float
}

/// A part of an answer as it comes.
public struct GeneratedPiece: Sendable {
    /// Whole characters; often a word, sometimes nothing yet.
    public let text: String
    /// The ids that were drawn since the last piece, the stop token left out. Their text may come with a later piece, and
    /// that of a text which ended the answer does not come.
    public let tokens: [Int]
    /// For each of ``tokens`` its own probability, then those of the most probable tokens; empty unless
    /// ``GenerationOptions/logProbabilities`` asks for them.
    public let probabilities: [DrawnToken]
    /// What the answer took; with the last piece only.
    public let summary: GenerationSummary?

    /// A token that was taken.
    public struct DrawnToken: Sendable, Hashable {
        /// Itself.
        public let taken: TokenProbability
        /// The most probable tokens in its place, the most probable first.
        public let best: [TokenProbability]
    }
}

extension GeneratedPiece {
    init(_ piece: AnswerText.Piece) {
        let told = piece.probabilities.map { tokens in
            tokens.map { TokenProbability(token: Int($0.token), text: $0.text, logProbability: $0.logProbability) }
        }
        self.init(
            text: piece.text, tokens: piece.tokens.map(Int.init),
            probabilities: told.map { DrawnToken(taken: $0[0], best: Array($0.dropFirst())) }, summary: nil)
    }
}

/// Why an answer ended.
public enum FinishReason: Sendable, Hashable {
    /// The model ended it.
    case endOfTurn
    /// One of ``GenerationOptions/stops`` appeared.
    case stop(String)
    /// ``GenerationOptions/maxTokens`` were there.
    case tokenLimit
    /// The context is full.
    case contextFull
}

/// What an answer took.
public struct GenerationSummary: Sendable, Hashable {
    /// Positions of the prompt, those of media included.
    public let promptTokens: Int
    /// Positions of the prompt that were there, from the turn before or from another conversation that begins alike.
    public let reusedTokens: Int
    /// Tokens of the answer, the stop token left out.
    public let tokens: Int
    /// Why it ended.
    public let reason: FinishReason
    /// Chunks (thumbnails, tiles, frames) that went through the vision tower.
    public let encodedChunks: Int
    /// Time until the answer's prompt was taken in, behind those that came before it.
    public let waitingTime: Duration
    /// Time that the vision tower took, preprocessing included.
    public let visionTime: Duration
    /// Time that the prompt took, up to the first token.
    public let promptTime: Duration
    /// Time from the first token to the last.
    public let decodingTime: Duration

    /// Whether the answer is as long as it was to be: the model ended it, or a text that was asked for; else it was cut.
    public var isComplete: Bool {
        switch reason {
        case .endOfTurn, .stop: true
        case .tokenLimit, .contextFull: false
        }
    }
    /// Whether it was cut since the context is full, before ``GenerationOptions/maxTokens`` were there.
    public var contextIsFull: Bool { reason == .contextFull }
}

/// An answer as it is generated, piece by piece, iterated once.
///
/// Leaving the loop ends the work. Where the task that iterates is cancelled, the next piece is an error of
/// ``PerceptError/Code/cancelled``: an answer that ends without one is whole, and its last piece has a
/// ``GeneratedPiece/summary``.
public struct GeneratedAnswer: AsyncSequence, Sendable {
    public typealias Element = GeneratedPiece
    public typealias Failure = PerceptError

    private let pieces: AsyncThrowingStream<GeneratedPiece, any Error>

    init(_ pieces: AsyncThrowingStream<GeneratedPiece, any Error>) { self.pieces = pieces }

    public func makeAsyncIterator() -> Iterator { Iterator(pieces: pieces.makeAsyncIterator()) }

    public struct Iterator: AsyncIteratorProtocol {
        fileprivate var pieces: AsyncThrowingStream<GeneratedPiece, any Error>.Iterator
        private var isAtEnd = false

        fileprivate init(pieces: AsyncThrowingStream<GeneratedPiece, any Error>.Iterator) { self.pieces = pieces }

        /// - Throws: ``PerceptError``: what kept the answer from being made.
        public mutating func next() async throws(PerceptError) -> GeneratedPiece? {
            try await next(isolation: nil)
        }

        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(PerceptError) -> GeneratedPiece? {
            guard !isAtEnd else { return nil }
            let piece: GeneratedPiece?
            do { piece = try await pieces.next(isolation: actor) } catch {
                isAtEnd = true
                throw PerceptError(error)
            }
            if let piece {
                isAtEnd = piece.summary != nil
                return piece
            }
            // A stream whose reader is cancelled ends as if all were said.
            isAtEnd = true
            throw PerceptError(.cancelled, "cancelled")
        }
    }

    /// The whole text, once it is there.
    ///
    /// - Throws: ``PerceptError``: what kept the answer from being made.
    public func text() async throws(PerceptError) -> String {
        var text = ""
        for try await piece in self { text += piece.text }
        return text
    }
}
