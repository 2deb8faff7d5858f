/// Byte-level byte-pair vocabulary whose ids a file gives.
struct ByteLevelVocabulary: Sendable {
    enum Merges: Sendable {
        /// What each listed pair becomes; by the ids of both, the left one in the upper half (`tokenizer.json`).
        case listed([UInt64: Merge])
        /// Any two tokens whose bytes together are a token, ranked by its id (tiktoken).
        case byID
    }

    let tokens: TokenTable
    private let merges: Merges
    /// Whether a piece that is itself a token is taken whole, whatever the merges would make of it.
    private let takesWholePieces: Bool
    private let byteIDs: [UInt32]

    /// - Throws: ``TokenizerError/missingByte(file:byte:)``.
    init(tokens: TokenTable, merges: Merges, takesWholePieces: Bool, file: String) throws(TokenizerError) {
        var byteIDs: [UInt32] = []
        for byte in UInt8.min...UInt8.max {
            guard let id = tokens.id(of: [byte]) else { throw .missingByte(file: file, byte: byte) }
            byteIDs.append(id)
        }
        self.tokens = tokens
        self.merges = merges
        self.takesWholePieces = takesWholePieces
        self.byteIDs = byteIDs
    }

    static func pair(_ left: UInt32, _ right: UInt32) -> UInt64 { UInt64(left) << 32 | UInt64(right) }

    /// Appends the ids of one piece.
    func encode(_ piece: ArraySlice<UInt8>, into ids: inout [UInt32]) {
        if takesWholePieces, let id = tokens.id(of: piece) {
            ids.append(id)
            return
        }
        var symbols = piece.map { byteIDs[Int($0)] }
        switch merges {
        case .listed(let merges):
            mergeNeighbours(of: &symbols) { merges[Self.pair($0.left, $0.right)] }
        case .byID:
            let start = piece.startIndex
            mergeNeighbours(of: &symbols) { pair in
                let bytes = piece[start + pair.range.lowerBound..<start + pair.range.upperBound]
                return tokens.id(of: bytes).map { Merge(rank: $0, id: $0) }
            }
        }
        ids += symbols
    }
}
