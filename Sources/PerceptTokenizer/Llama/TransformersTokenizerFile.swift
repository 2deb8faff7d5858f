import PerceptJSON

extension BytePairTokenizer {
    /// Reads a `tokenizer.json` of the transformers library: a byte-level byte-pair model split by Llama 3's pattern.
    ///
    /// What the file asks for and is not done here is refused by name. Truncation, padding and the decoder are not
    /// read: the first two are settings of calls, and a byte-level model has but one decoder.
    ///
    /// - Parameter file: Name of the file, for errors.
    package init(tokenizerJSON bytes: [UInt8], file: String) throws(TokenizerError) {
        let root = try TokenizerField(bytes, file: file)
        if let normalizer = try root.member("normalizer") { throw try normalizer.unsupported("normalizer") }
        try root.required("pre_tokenizer", "an object").checkSplitsAsLlama()
        let added = try root.addedTokens()
        self.init(
            vocabulary: try root.required("model", "an object").vocabulary(added), added: added,
            beginOfText: try root.member("post_processor")?.opening(added))
    }
}

extension TokenizerField {
    fileprivate func unsupported(_ what: String) throws(TokenizerError) -> TokenizerError {
        .unsupported(file: file, feature: "\(what) \(try string("type"))")
    }

    // MARK: Splitting

    /// A sequence of Llama 3's split and the replacement of bytes by characters.
    fileprivate func checkSplitsAsLlama() throws(TokenizerError) {
        guard try string("type") == "Sequence" else { throw try unsupported("pre-tokenizer") }
        let steps = try required("pretokenizers", "an array").elements()
        for step in steps where !["Split", "ByteLevel"].contains(try step.string("type")) {
            throw try step.unsupported("pre-tokenizer")
        }
        guard steps.count == 2, try steps[0].string("type") == "Split", try steps[1].string("type") == "ByteLevel"
        else { throw .unsupported(file: file, feature: "a pre-tokenizer other than Split, then ByteLevel,") }
        try steps[0].checkPattern()
        for (option, standard) in [("add_prefix_space", true), ("use_regex", true)] {
            guard try !steps[1].bool(option, default: standard) else {
                throw .unsupported(file: file, feature: "\(option) of the pre-tokenizer ByteLevel")
            }
        }
    }

    private func checkPattern() throws(TokenizerError) {
        let pattern = try required("pattern", "an object")
        guard let regex = try pattern.member("Regex")?.string() else {
            throw .unsupported(file: file, feature: "a pattern other than a Regex")
        }
        // By bytes: strings with equal marks in another order are equal otherwise.
        guard regex.utf8.elementsEqual(LlamaPieces.pattern.utf8) else {
            throw .unsupported(file: file, feature: "the split pattern \(regex.prefix(200))")
        }
        let behavior = try string("behavior")
        guard behavior == "Isolated", try !bool("invert", default: false) else {
            throw .unsupported(file: file, feature: "a split other than Isolated, or inverted,")
        }
    }

    // MARK: Tokens

    fileprivate func addedTokens() throws(TokenizerError) -> AddedTokens {
        var added = AddedTokens()
        var size = 0
        for field in try member("added_tokens")?.elements() ?? [] {
            let text = try field.string("content")
            let id = try field.required("id", "a whole number").integer()
            for option in ["single_word", "lstrip", "rstrip"] where try field.bool(option, default: false) {
                throw .unsupported(file: file, feature: "\(option) of the added token \(text.debugDescription)")
            }
            guard 0..<BytePairTokenizer.mostIDs ~= id else { throw .idOutOfRange(file: file, token: text, id: id) }
            guard !text.isEmpty else { throw .field(file: file, path: "\(field.path).content", expected: "some text") }
            // Looking for it takes as many steps at every character of a text made for that.
            guard text.utf8.count <= Self.longestAddedToken else {
                throw .unsupported(file: file, feature: "an added token of \(text.utf8.count) bytes")
            }
            size += text.utf8.count
            guard size <= Self.mostAddedBytes else {
                throw .unsupported(file: file, feature: "more than \(Self.mostAddedBytes) bytes of added tokens")
            }
            guard added.byID[UInt32(id)] == nil else { throw .repeatedID(file: file, token: text, id: id) }
            let token = AddedTokens.Token(
                id: UInt32(id), text: text, isSpecial: try field.bool("special", default: false))
            guard added.insert(token) else { throw .repeatedToken(file: file, token: text) }
        }
        return added
    }

    /// Bounds what a hostile file can allocate.
    private static var mostAddedBytes: Int { 1 << 20 }
    private static var longestAddedToken: Int { 256 }

    fileprivate func vocabulary(_ added: AddedTokens) throws(TokenizerError) -> ByteLevelVocabulary {
        guard try member("type")?.string() ?? "BPE" == "BPE" else { throw try unsupported("model") }
        if let dropout = try member("dropout") {
            guard case 0 = try dropout.number() else { throw .unsupported(file: file, feature: "dropout") }
        }
        for option in ["continuing_subword_prefix", "end_of_word_suffix"] {
            guard try member(option)?.string().isEmpty ?? true else { throw .unsupported(file: file, feature: option) }
        }
        guard try !bool("byte_fallback", default: false) else {
            throw .unsupported(file: file, feature: "byte_fallback")
        }
        let tokens = try tokenTable(added)
        return try ByteLevelVocabulary(
            tokens: tokens, merges: .listed(try merges(of: tokens)),
            takesWholePieces: try bool("ignore_merges", default: false), file: file)
    }

    private func tokenTable(_ added: AddedTokens) throws(TokenizerError) -> TokenTable {
        let vocab = try required("vocab", "an object")
        guard case .object(let members) = vocab.value else { throw vocab.mustBe("an object") }
        var tokens = TokenTable(capacity: members.count)
        var bytes: [UInt8] = []
        for entry in members {
            guard case .integer(let id) = entry.value else {
                throw .field(file: file, path: "\(vocab.path).\(entry.name)", expected: "a whole number")
            }
            guard 0..<BytePairTokenizer.mostIDs ~= id else {
                throw .idOutOfRange(file: file, token: entry.name, id: id)
            }
            if let token = added.byID[UInt32(id)] {
                guard token.text.utf8.elementsEqual(entry.name.utf8) else {
                    throw .repeatedID(file: file, token: entry.name, id: id)
                }
                // Special tokens never come from merges or whole pieces, or any text could contain them.
                if token.isSpecial { continue }
            } else if added.token(entry.name) != nil {
                throw .repeatedToken(file: file, token: entry.name)
            }
            bytes.removeAll(keepingCapacity: true)
            guard ByteAlphabet.append(bytesOf: entry.name, to: &bytes), !bytes.isEmpty else {
                throw .unsupported(file: file, feature: "the token \(entry.name.debugDescription), which is not bytes,")
            }
            switch tokens.insert(bytes[...], id: UInt32(id)) {
            case .done: break
            case .repeatedToken: throw .repeatedToken(file: file, token: entry.name)
            case .repeatedID: throw .repeatedID(file: file, token: entry.name, id: id)
            }
        }
        return tokens
    }

    // MARK: Merges

    private func merges(of tokens: TokenTable) throws(TokenizerError) -> [UInt64: Merge] {
        let list = try required("merges", "an array")
        guard case .array(let values) = list.value else { throw list.mustBe("an array") }
        var merges = [UInt64: Merge](minimumCapacity: values.count)
        var bytes: [UInt8] = []
        for (rank, value) in values.enumerated() {
            guard let (left, right) = Self.symbols(value) else {
                throw .field(file: file, path: "\(list.path)[\(rank)]", expected: "two symbols")
            }
            bytes.removeAll(keepingCapacity: true)
            guard ByteAlphabet.append(bytesOf: left, to: &bytes), let leftID = tokens.id(of: bytes[...]) else {
                throw .unknownSymbol(file: file, symbol: String(left), merge: rank)
            }
            let middle = bytes.count
            guard ByteAlphabet.append(bytesOf: right, to: &bytes), let rightID = tokens.id(of: bytes[middle...]) else {
                throw .unknownSymbol(file: file, symbol: String(right), merge: rank)
            }
            guard let id = tokens.id(of: bytes[...]) else {
                throw .unknownSymbol(file: file, symbol: String(left + right), merge: rank)
            }
            let merge = Merge(rank: UInt32(rank), id: id)
            guard merges.updateValue(merge, forKey: ByteLevelVocabulary.pair(leftID, rightID)) == nil else {
                throw .repeatedMerge(file: file, merge: rank)
            }
        }
        return merges
    }

    /// The parts of `"left right"` or `["left", "right"]`: files have either.
    private static func symbols(_ value: JSON) -> (left: Substring, right: Substring)? {
        switch value {
        case .string(let text):
            guard let space = text.utf8.firstIndex(of: UInt8(ascii: " ")) else { return nil }
            return (text[..<space], text[text.utf8.index(after: space)...])
        case .array(let parts):
            guard parts.count == 2, case .string(let left) = parts[0], case .string(let right) = parts[1] else {
                return nil
            }
            return (left[...], right[...])
        default:
            return nil
        }
    }

    // MARK: Opening

    /// The token that a template sets before a text, if there is a template.
    fileprivate func opening(_ added: AddedTokens) throws(TokenizerError) -> UInt32? {
        switch try string("type") {
        case "ByteLevel":
            // Only shifts offsets.
            return nil
        case "Sequence":
            var opening: UInt32?
            for processor in try required("processors", "an array").elements() {
                guard let id = try processor.opening(added) else { continue }
                guard opening == nil else { throw .unsupported(file: file, feature: "more than one template") }
                opening = id
            }
            return opening
        case "TemplateProcessing":
            let parts = try required("single", "an array").elements()
            if parts.count == 1, try parts[0].member("Sequence") != nil { return nil }
            guard parts.count == 2, let first = try parts[0].member("SpecialToken"),
                try parts[1].member("Sequence") != nil
            else { throw .unsupported(file: file, feature: "a template other than one token and the text") }
            let name = try first.string("id")
            guard let token = added.token(name) else {
                throw .field(file: file, path: "\(first.path).id", expected: "an added token")
            }
            return token.id
        default:
            throw try unsupported("post-processor")
        }
    }
}
