/// Tokens that are found in the text itself, before it is split: the special ones and others the vocabulary's author
/// added.
struct AddedTokens: Sendable {
    struct Token: Sendable, Hashable {
        let id: UInt32
        let text: String
        /// Special tokens structure a conversation; they are not text.
        let isSpecial: Bool
    }

    private(set) var byID: [UInt32: Token] = [:]
    /// The id that the bytes from the root to a node spell.
    private var ends: [UInt32?] = [nil]
    /// Child nodes by node and byte.
    private var children: [UInt64: UInt32] = [:]
    /// Whether a token begins with the byte.
    private var isFirst = [Bool](repeating: false, count: 256)

    /// - Returns: False, and adds nothing, if the text is empty or taken, or the id is.
    mutating func insert(_ token: Token) -> Bool {
        guard !token.text.isEmpty, byID[token.id] == nil else { return false }
        var node: UInt32 = 0
        for byte in token.text.utf8 {
            let key = UInt64(node) << 8 | UInt64(byte)
            if let child = children[key] {
                node = child
            } else {
                node = UInt32(ends.count)
                children[key] = node
                ends.append(nil)
            }
        }
        guard ends[Int(node)] == nil else { return false }
        ends[Int(node)] = token.id
        byID[token.id] = token
        if let first = token.text.utf8.first { isFirst[Int(first)] = true }
        return true
    }

    /// The longest token that begins at `position`; special ones only if `special`.
    func match(in text: [UInt8], at position: Int, special: Bool) -> (id: UInt32, end: Int)? {
        guard isFirst[Int(text[position])] else { return nil }
        var match: (id: UInt32, end: Int)?
        var node: UInt32 = 0
        for index in position..<text.count {
            guard let child = children[UInt64(node) << 8 | UInt64(text[index])] else { break }
            node = child
            if let id = ends[Int(node)], special || byID[id]?.isSpecial == false { match = (id, index + 1) }
        }
        return match
    }

    /// The token whose text is `text`, byte for byte.
    func token(_ text: String) -> Token? {
        var node: UInt32 = 0
        for byte in text.utf8 {
            guard let child = children[UInt64(node) << 8 | UInt64(byte)] else { return nil }
            node = child
        }
        return ends[Int(node)].flatMap { byID[$0] }
    }
}
