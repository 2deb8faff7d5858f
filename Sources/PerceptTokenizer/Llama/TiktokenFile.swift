extension BytePairTokenizer {
    /// Reads the `tokenizer.model` of Llama 3: one token a line, its bytes in base64 and its rank, which is its id. The
    /// 256 special tokens follow the last rank (perception_models: apps/plm/tokenizer.py).
    ///
    /// - Parameter file: Name of the file, for errors.
    package init(tiktoken bytes: [UInt8], file: String) throws(TokenizerError) {
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        let count = lines.count { !$0.isEmpty }
        var tokens = TokenTable(capacity: count)
        for (index, line) in lines.enumerated() where !line.isEmpty {
            guard let (token, rank) = Self.rankedToken(line) else { throw .malformedLine(file: file, line: index + 1) }
            let name = { String(decoding: token, as: UTF8.self) }
            // With every rank below the count and none twice, none is left out.
            guard rank < min(count, Self.mostIDs) else { throw .idOutOfRange(file: file, token: name(), id: rank) }
            switch tokens.insert(token[...], id: UInt32(rank)) {
            case .done: break
            case .repeatedToken: throw .repeatedToken(file: file, token: name())
            case .repeatedID: throw .repeatedID(file: file, token: name(), id: rank)
            }
        }
        var added = AddedTokens()
        for (index, name) in Self.llamaSpecials.enumerated() {
            _ = added.insert(.init(id: UInt32(count + index), text: name, isSpecial: true))
        }
        self.init(
            vocabulary: try ByteLevelVocabulary(tokens: tokens, merges: .byID, takesWholePieces: true, file: file),
            added: added, beginOfText: added.token("<|begin_of_text|>")?.id)
    }

    /// Largest number of ids of a file, far above any published, to bound what a hostile one can allocate.
    static let mostIDs = 1 << 20

    private static func rankedToken(_ line: ArraySlice<UInt8>) -> (token: [UInt8], rank: Int)? {
        let fields = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard fields.count == 2, let token = decodedBase64(fields[0]), !token.isEmpty,
            fields[1].allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }),
            let rank = Int(String(decoding: fields[1], as: UTF8.self))
        else { return nil }
        return (token, rank)
    }

    /// In the order of their ids.
    private static let llamaSpecials =
        ["<|begin_of_text|>", "<|end_of_text|>", "<|image|>"] + (1...3).map(reserved)
        + ["<|start_header_id|>", "<|end_header_id|>", reserved(4), "<|eot_id|>"] + (5...250).map(reserved)

    private static func reserved(_ number: Int) -> String { "<|reserved_special_token_\(number)|>" }
}
