import PerceptEngine

/// A conversation that leaves no room for an answer: the cause of the ``PerceptError`` that says so.
public struct PromptTooLong: Error, Sendable, Hashable, CustomStringConvertible {
    /// Positions that the conversation takes, those of media included.
    public let promptTokens: Int
    /// How many of the prompt's positions are those of pictures and videos.
    public let mediaTokens: Int
    /// Positions there are, ``PerceptionLanguageModel/contextLength``.
    public let contextLength: Int
    /// How often the user has spoken in it.
    public let userTurns: Int

    public var description: String {
        let advice =
            if userTurns > 1 {
                "leave out its oldest turns, or make the context larger"
            } else if mediaTokens > 0 {
                "try fewer tiles or frames, or a larger context"
            } else {
                "try a shorter text, or a larger context"
            }
        let subject = userTurns > 1 ? "the conversation" : "the prompt"
        return "\(subject) takes \(promptTokens) of \(contextLength) positions and leaves none to answer; \(advice)"
    }
}

extension PerceptionLanguageModel {
    /// Positions that a conversation takes of the ``contextLength``, media and the frame of the dialogue included.
    ///
    /// Texts are encoded and sizes of media looked at; nothing runs on the device.
    ///
    /// - Throws: ``PerceptError`` for options that make no sense and a video without frames.
    public nonisolated func promptLength(
        of conversation: Conversation, options: GenerationOptions = GenerationOptions()
    ) throws(PerceptError) -> Int {
        try PerceptError.wrap {
            try options.check()
            return try prompts.encode(conversation.turns.map(\.prompt), options.mediaLimits).ids.count
        }
    }

    /// A conversation without as many of its oldest exchanges as it takes to leave `room` positions for the answer.
    ///
    /// Exchanges that show media are left out last, since what is said later is mostly about them, and the user's last part
    /// never: where it is too long by itself, ``generate(_:options:)`` will say so.
    ///
    /// - Parameter room: positions to leave free; at least one is.
    /// - Throws: ``PerceptError`` as ``promptLength(of:options:)``.
    public nonisolated func shortened(
        _ conversation: Conversation, leaving room: Int = 1, options: GenerationOptions = GenerationOptions()
    ) throws(PerceptError) -> Conversation {
        var shorter = conversation
        while try promptLength(of: shorter, options: options) > contextLength - max(room, 1) {
            guard shorter.removeOldestExchange() else { break }
        }
        return shorter
    }
}

extension Conversation {
    /// Leaves out what the user first said and what was answered; of exchanges without media where there are any.
    ///
    /// - Returns: false where only the user's last part is left.
    public mutating func removeOldestExchange() -> Bool {
        let starts = turns.indices.filter { turns[$0].isUser }
        let exchanges = zip(starts, starts.dropFirst()).map { $0..<$1 }
        guard
            let oldest = exchanges.first(where: { turns[$0].allSatisfy(\.media.isEmpty) }) ?? exchanges.first
        else { return false }
        turns.removeSubrange(oldest)
        return true
    }
}
