/// Text to token ids and back as Llama 3 does it, and with it the Perception Language Model
/// (perception_models: apps/plm/tokenizer.py), with the vocabulary of a file.
///
/// Special tokens are cut out of the text if asked (``AddedTokens``), the rest is split into pieces (``LlamaPieces``)
/// and each piece encoded (``ByteLevelVocabulary``). Every text can be encoded, and its ids decode to the same text:
/// spaces before punctuation, which transformers can be told to remove, stay.
package struct BytePairTokenizer: Sendable {
    /// Id of the token that opens every text, if the file names one.
    package let beginOfText: UInt32?

    private let vocabulary: ByteLevelVocabulary
    private let added: AddedTokens

    init(vocabulary: ByteLevelVocabulary, added: AddedTokens, beginOfText: UInt32?) {
        self.vocabulary = vocabulary
        self.added = added
        self.beginOfText = beginOfText
    }

    /// One more than the largest id. Ids below may be unused.
    package var idCount: Int { max(vocabulary.tokens.idCount, Int(added.byID.keys.max() ?? 0) + 1) }

    /// The id of the special token called `name`, such as `<|eot_id|>`.
    package func specialID(_ name: String) -> UInt32? {
        guard let token = added.token(name), token.isSpecial else { return nil }
        return token.id
    }

    package func isSpecial(_ id: UInt32) -> Bool { added.byID[id]?.isSpecial == true }

    /// Ids of `text`, without ``beginOfText``.
    ///
    /// - Parameter allowSpecial: Whether names of special tokens in the text become those tokens. Otherwise they are
    ///   encoded as any other text, so that text from outside cannot pretend to be a part of the conversation's frame.
    package func encode(_ text: String, allowSpecial: Bool = false) -> [UInt32] {
        let bytes = Array(text.utf8)
        var ids: [UInt32] = []
        var start = 0
        var position = 0
        while position < bytes.count {
            guard let match = added.match(in: bytes, at: position, special: allowSpecial) else {
                position += 1
                continue
            }
            encode(bytes, in: start..<position, into: &ids)
            ids.append(match.id)
            position = match.end
            start = position
        }
        encode(bytes, in: start..<position, into: &ids)
        return ids
    }

    private func encode(_ text: [UInt8], in range: Range<Int>, into ids: inout [UInt32]) {
        for piece in LlamaPieces(text, in: range) { vocabulary.encode(text[piece], into: &ids) }
    }

    /// What the token with `id` stands for, not always whole characters; nil if no token has this id.
    ///
    /// For a special token the bytes of its name.
    package func bytes(of id: UInt32) -> [UInt8]? {
        vocabulary.tokens[id].map(Array.init) ?? added.byID[id].map { Array($0.text.utf8) }
    }

    /// The text of `ids`. Bytes that are not UTF-8 become U+FFFD; ids without token are skipped.
    ///
    /// - Parameter includingSpecial: Whether special tokens appear by name.
    package func decode(_ ids: some Sequence<UInt32>, includingSpecial: Bool = false) -> String {
        var bytes: [UInt8] = []
        for id in ids where includingSpecial || !isSpecial(id) { bytes += self.bytes(of: id) ?? [] }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// A decoder for ids that come one by one.
    package func streamDecoder(includingSpecial: Bool = false) -> StreamDecoder {
        StreamDecoder(self, includingSpecial: includingSpecial)
    }
}
