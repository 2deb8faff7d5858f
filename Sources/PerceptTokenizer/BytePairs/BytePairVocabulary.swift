/// Byte-level byte-pair vocabulary in the layout of CLIP.
///
/// Ids 0 ..< 256 are the bytes, printable ones first; 256 ..< 512 the same at the end of a word; then one id per merge,
/// in rank order. A merge of lower id is applied first.
struct BytePairVocabulary: Sendable {
    /// Ids of bytes and merges; the two special ids follow.
    let symbolCount: UInt32

    private let byteIDs: [UInt32]
    private let merges: [Pair: UInt32]

    private struct Pair: Hashable {
        let left: UInt32
        let right: UInt32
    }

    /// Reads UTF-8 text with one `left right` per line.
    ///
    /// Both symbols of a line must be bytes or results of earlier lines, and no two lines may have the same result:
    /// ``encode(_:into:)`` relies on a merge ranking after those that made its parts.
    init(merges text: [UInt8]) throws(MergesError) {
        var byteIDs = [UInt32](repeating: 0, count: 256)
        var ids: [[UInt8]: UInt32] = [:]
        var merges: [Pair: UInt32] = [:]
        for (id, (byte, symbol)) in ByteAlphabet.characters.enumerated() {
            let name = Array(String(symbol).utf8)
            byteIDs[Int(byte)] = UInt32(id)
            ids[name] = UInt32(id)
            ids[name + Self.wordEnd] = UInt32(id + 256)
        }
        let body = text.last == Self.newline ? text.dropLast() : text[...]
        let lines = text.isEmpty ? [] : body.split(separator: Self.newline, omittingEmptySubsequences: false)
        ids.reserveCapacity(512 + lines.count)
        merges.reserveCapacity(lines.count)
        for (index, line) in lines.enumerated() {
            let number = index + 1
            let symbols = line.split(separator: Self.space, omittingEmptySubsequences: false).map(Array.init)
            guard symbols.count == 2, !symbols[0].isEmpty, !symbols[1].isEmpty else {
                throw .malformed(line: number)
            }
            guard let left = ids[symbols[0]] else { throw .unknownSymbol(Self.text(symbols[0]), line: number) }
            guard let right = ids[symbols[1]] else { throw .unknownSymbol(Self.text(symbols[1]), line: number) }
            let merged = symbols[0] + symbols[1]
            let id = UInt32(512 + index)
            guard ids.updateValue(id, forKey: merged) == nil else {
                throw .repeated(Self.text(merged), line: number)
            }
            merges[Pair(left: left, right: right)] = id
        }
        self.byteIDs = byteIDs
        self.merges = merges
        symbolCount = UInt32(512 + lines.count)
    }

    /// Appends the ids of one word: the lowest-ranked adjacent pair is merged until none is left, leftmost first.
    func encode(_ word: [UInt8], into ids: inout [UInt32]) {
        guard let last = word.last else { return }
        var symbols = word.map { byteIDs[Int($0)] }
        symbols[symbols.count - 1] = byteIDs[Int(last)] + 256
        mergeNeighbours(of: &symbols) { pair in
            // Ids of merges are in rank order.
            merges[Pair(left: pair.left, right: pair.right)].map { Merge(rank: $0, id: $0) }
        }
        ids += symbols
    }

    private static let newline = UInt8(ascii: "\n")
    private static let space = UInt8(ascii: " ")
    private static let wordEnd = Array("</w>".utf8)

    private static func text(_ symbol: [UInt8]) -> String { String(decoding: symbol, as: UTF8.self) }
}
