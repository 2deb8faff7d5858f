/// A conversation with a Perception Language Model, as the sequence its decoder reads (perception_models:
/// core/data/conversation.py, format `plm_sft`; the same as transformers' chat template).
///
/// The original knows one question about media; text alone and several turns are transformers'.
package struct PLMPrompt: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        case image
        case video
    }

    /// An image or a video of a user's turn.
    package struct Media: Hashable, Sendable {
        package var kind: Kind
        /// Tiles with their thumbnail, or frames.
        package var chunks: Int

        package init(_ kind: Kind, chunks: Int) {
            self.kind = kind
            self.chunks = chunks
        }
    }

    package enum Role: String, Hashable, Sendable {
        case user
        case assistant
    }

    package struct Turn: Hashable, Sendable {
        package var role: Role
        package var text: String
        /// Of a user's turn.
        package var media: [Media]

        package static func user(_ text: String, media: [Media] = []) -> Turn {
            Turn(role: .user, text: text, media: media)
        }

        package static func assistant(_ text: String) -> Turn { Turn(role: .assistant, text: text, media: []) }
    }

    /// A piece of the sequence; texts are tokenised one by one, even where they touch.
    package enum Part: Hashable, Sendable {
        /// A special token, by the original's name.
        case special(String)
        /// Ordinary text, in which nothing is a special token.
        case text(String)
        /// The places of consecutive chunks' tokens.
        case media(Placeholder)
    }

    package struct Placeholder: Hashable, Sendable {
        package var kind: Kind
        /// Which of all media of the conversation, counted in the order they were given.
        package var item: Int
        /// Which of its chunks.
        package var chunks: Range<Int>
        /// Positions it takes.
        package var tokens: Int

        package init(kind: Kind, item: Int, chunks: Range<Int>, tokens: Int) {
            self.kind = kind
            self.item = item
            self.chunks = chunks
            self.tokens = tokens
        }
    }

    /// What every released model was trained with; it must be the same to the letter.
    package static let standardSystem =
        "You are a helpful language and vision assistant. You are able to understand the visual content that the user "
        + "provides, and assist the user with a variety of tasks using natural language."

    package var system: String
    package var turns: [Turn]
    /// Whether white space around a message is dropped, as transformers does and the original does not.
    package var trims: Bool

    package init(system: String = standardSystem, turns: [Turn], trims: Bool = true) {
        self.system = system
        self.turns = turns
        self.trims = trims
    }

    /// The sequence, up to where the model answers.
    ///
    /// - Parameter tokensPerChunk: see ``PLMConfig/tokensPerChunk``.
    package func parts(tokensPerChunk: Int) -> [Part] {
        var parts: [Part] = [.special("<|begin_of_text|>")]
        func append(_ role: String, _ body: [Part]) {
            parts += Self.header(role) + body + [.special("<|eot_id|>")]
        }
        append("system", Self.text(trims ? Self.trimmed(system[...]) : system))
        var item = 0
        for turn in turns {
            append(turn.role.rawValue, body(of: turn, firstItem: item, tokensPerChunk))
            item += turn.media.count
        }
        return parts + Self.header("assistant")
    }

    private static func header(_ role: String) -> [Part] {
        [.special("<|start_header_id|>"), .text(role), .special("<|end_header_id|>"), .text("\n\n")]
    }

    private static func text(_ text: String) -> [Part] { text.isEmpty ? [] : [.text(text)] }
}

extension PLMPrompt {
    private static let imageTag = "<image>"
    /// In the order in which the reference removes them.
    private static let tags = ["<image>\n", "\n<image>", "<image>", "<video>\n", "\n<video>", "<video>"]

    /// Media and text of one turn. As many image tags as there are chunks are their places; else tags are dropped, and
    /// the media stand in front, images before videos.
    private func body(of turn: Turn, firstItem: Int, _ tokensPerChunk: Int) -> [Part] {
        guard !turn.media.isEmpty else { return Self.text(trims ? Self.trimmed(turn.text[...]) : turn.text) }
        let placeholders = turn.media.enumerated().map { index, media in
            Placeholder(
                kind: media.kind, item: firstItem + index, chunks: 0..<media.chunks,
                tokens: media.chunks * tokensPerChunk)
        }
        let pieces = Self.split(turn.text, at: Self.imageTag)
        let chunks = placeholders.flatMap { placeholder in
            placeholder.chunks.map { chunk in
                var single = placeholder
                single.chunks = chunk..<chunk + 1
                single.tokens = tokensPerChunk
                return single
            }
        }
        if pieces.count - 1 == chunks.count {
            return interleaved(pieces, chunks)
        }
        var text = turn.text
        for tag in Self.tags { text = Self.split(text, at: tag).joined() }
        let ordered = placeholders.filter { $0.kind == .image } + placeholders.filter { $0.kind == .video }
        return ordered.filter { $0.tokens > 0 }.map(Part.media) + Self.text(trims ? Self.trimmed(text[...]) : text)
    }

    /// Texts with a chunk between each two.
    private func interleaved(_ texts: [String], _ chunks: [Placeholder]) -> [Part] {
        var parts: [Part] = []
        for (index, text) in texts.enumerated() {
            var text = text
            if trims, index == 0 { text = Self.trimmed(text[...], end: false) }
            if trims, index == texts.count - 1 { text = Self.trimmed(text[...], start: false) }
            parts += Self.text(text)
            if index < chunks.count { parts.append(.media(chunks[index])) }
        }
        return parts
    }

    /// The pieces between occurrences of `tag`, found from the left, code point by code point: a character that
    /// combines with a tag's last one does not hide the tag.
    private static func split(_ text: String, at tag: String) -> [String] {
        let scalars = text.unicodeScalars
        let wanted = Array(tag.unicodeScalars)
        var pieces: [String] = []
        var start = scalars.startIndex
        var position = start
        while position < scalars.endIndex {
            if scalars[position...].starts(with: wanted) {
                pieces.append(String(scalars[start..<position]))
                position = scalars.index(position, offsetBy: wanted.count)
                start = position
            } else {
                position = scalars.index(after: position)
            }
        }
        return pieces + [String(scalars[start...])]
    }

    /// `text` without white space at its ends: what Python calls that, the separators U+001C to U+001F included.
    private static func trimmed(_ text: Substring, start: Bool = true, end: Bool = true) -> String {
        func isSpace(_ scalar: Unicode.Scalar) -> Bool {
            scalar.properties.isWhitespace || (0x1C...0x1F).contains(scalar.value)
        }
        var scalars = text.unicodeScalars
        if start { scalars = scalars.drop(while: isSpace) }
        while end, let last = scalars.last, isSpace(last) { scalars.removeLast() }
        return String(Substring(scalars))
    }
}

extension [PLMPrompt.Part] {
    /// Positions the media take.
    package var mediaTokens: Int {
        reduce(0) { sum, part in if case .media(let placeholder) = part { sum + placeholder.tokens } else { sum } }
    }

    /// The sequence as one string, for reading and comparing.
    ///
    /// - Parameters:
    ///   - image: what stands at each place of an image's token.
    ///   - video: the same for a video; the original has the image's there too.
    package func rendered(image: String = "<|image|>", video: String = "<|video|>") -> String {
        map { part in
            switch part {
            case .special(let name): name
            case .text(let text): text
            case .media(let placeholder):
                String(repeating: placeholder.kind == .image ? image : video, count: placeholder.tokens)
            }
        }.joined()
    }
}
