import Foundation
import PerceptModels
import PerceptTokenizer

/// How much of a text an encoder reads.
public struct TextLength: Sendable, Hashable {
    /// Tokens of the text, those that open and close it left out.
    public let tokens: Int
    /// Of them, those that count: the first ones, as many as the context holds, or as stand before a literal
    /// `<end_of_text>`.
    public let read: Int

    /// Whether some of it does not count.
    public var isCut: Bool { read < tokens }
}

extension PerceptionEncoder {
    /// How much of each text ``embed(texts:)`` reads.
    ///
    /// - Throws: ``PerceptError`` with ``PerceptError/Code/usage`` for a model without a text tower.
    public nonisolated func lengths(ofTexts texts: [String]) throws(PerceptError) -> [TextLength] {
        let (tokenizer, context) = try textReader()
        return texts.map { Self.length(tokenizer.tokens($0), end: tokenizer.endOfText, context: context) }
    }

    /// What a user may want to know of texts before they are embedded: which are cut, with how many of their tokens count.
    ///
    /// - Throws: ``PerceptError`` with ``PerceptError/Code/usage`` for a model without a text tower.
    public nonisolated func notes(onTexts texts: [String]) throws(PerceptError) -> [String] {
        let cut = zip(texts, try lengths(ofTexts: texts)).filter(\.1.isCut)
        return Self.few(cut.map { "\(Self.quoted($0)) is cut: the first \($1.read) of its \($1.tokens) tokens count" })
        {
            "\($0) more texts are cut"
        }
    }

    /// What a user may want to know of labels before they are embedded: which are cut in one of the templates, and which
    /// are the same to the model, be it for the cut or since it knows no capitals.
    ///
    /// - Throws: ``PerceptError`` with ``PerceptError/Code/usage`` for a model without a text tower.
    public nonisolated func notes(
        onLabels labels: [String], templates: [String] = ["{}"]
    ) throws(PerceptError) -> [String] {
        let (tokenizer, context) = try textReader()
        var cut: [String] = []
        // The first label of each kind, by what the tower reads of it.
        var first: [[[UInt32]]: String] = [:]
        var same: [String] = []
        for label in labels {
            let texts = Self.texts(label, templates)
            let ids = texts.map { tokenizer.tokens($0) }
            let lengths = ids.map { Self.length($0, end: tokenizer.endOfText, context: context) }
            if let (text, length) = zip(texts, lengths).first(where: { $1.isCut }) {
                let within = text == label ? "" : ", in \(Self.quoted(text))"
                cut.append(
                    "the label \(Self.quoted(label)) is cut\(within): the first \(length.read) of \(length.tokens) tokens count"
                )
            }
            let read = zip(ids, lengths).map { Array($0[...$1.read]) }
            if let other = first[read] {
                if other != label {
                    same.append("the labels \(Self.quoted(other)) and \(Self.quoted(label)) are the same to the model")
                }
            } else {
                first[read] = label
            }
        }
        return Self.few(cut) { "\($0) more labels are cut" } + Self.few(same) { "\($0) more labels equal others" }
    }

    /// A label in every template.
    nonisolated static func texts(_ label: String, _ templates: [String]) -> [String] {
        templates.map { $0.replacingOccurrences(of: "{}", with: label) }
    }

    private nonisolated func textReader() throws(PerceptError) -> (CLIPTokenizer, context: Int) {
        guard let text, let tokenizer else {
            throw PerceptError(.usage, "\(modelName) has no text tower")
        }
        return (tokenizer, text.context)
    }

    /// - Parameter ids: with those that open and close the text. Pooling stops at the first that closes one.
    private nonisolated static func length(_ ids: [UInt32], end: UInt32, context: Int) -> TextLength {
        let stop = ids.firstIndex(of: end) ?? ids.count - 1
        return TextLength(tokens: ids.count - 2, read: max(min(stop, context - 1) - 1, 0))
    }

    /// A long list by its beginning.
    private nonisolated static func few(_ notes: [String], rest: (Int) -> String) -> [String] {
        let shown = 5
        return notes.count <= shown + 1 ? notes : notes.prefix(shown) + [rest(notes.count - shown)]
    }

    /// A text in a message: its beginning, on one line.
    private nonisolated static func quoted(_ text: String) -> String {
        let shown = 60
        let line = String(text.prefix(shown).map { $0.isNewline ? " " : $0 })
        return "“\(line)\(text.count > shown ? "…" : "")”"
    }
}
