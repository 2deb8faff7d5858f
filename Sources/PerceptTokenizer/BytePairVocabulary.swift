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
        let alphabet = Self.byteAlphabet
        var byteIDs = [UInt32](repeating: 0, count: 256)
        var ids: [[UInt8]: UInt32] = [:]
        var merges: [Pair: UInt32] = [:]
        for (id, (byte, symbol)) in alphabet.enumerated() {
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

    /// Appends the ids of one word.
    ///
    /// The lowest-ranked adjacent pair is merged until none is left, leftmost first. Symbols form a linked list and
    /// candidate pairs a heap, so a word of n bytes costs O(n log n).
    func encode(_ word: [UInt8], into ids: inout [UInt32]) {
        guard let last = word.last else { return }
        var symbols = word.map { byteIDs[Int($0)] }
        symbols[symbols.count - 1] = byteIDs[Int(last)] + 256

        let end = symbols.count
        var next = Array(1...end)
        var previous = Array(-1..<(end - 1))
        var candidates = MergeHeap()
        func offer(_ left: Int, _ right: Int) {
            guard let id = merges[Pair(left: symbols[left], right: symbols[right])] else { return }
            candidates.push(.init(id: id, left: left, right: right))
        }
        for right in symbols.indices.dropFirst() { offer(right - 1, right) }

        while let merge = candidates.pop() {
            // A candidate is stale once either side has merged with something else.
            let (left, right) = (merge.left, merge.right)
            guard symbols[left] != Self.absorbed, next[left] == right,
                merges[Pair(left: symbols[left], right: symbols[right])] == merge.id
            else { continue }
            symbols[left] = merge.id
            symbols[right] = Self.absorbed
            next[left] = next[right]
            if next[left] < end {
                previous[next[left]] = left
                offer(left, next[left])
            }
            if previous[left] >= 0 { offer(previous[left], left) }
        }
        var position = 0
        while position < end {
            ids.append(symbols[position])
            position = next[position]
        }
    }

    private static let absorbed = UInt32.max
    private static let newline = UInt8(ascii: "\n")
    private static let space = UInt8(ascii: " ")
    private static let wordEnd = Array("</w>".utf8)

    private static func text(_ symbol: [UInt8]) -> String { String(decoding: symbol, as: UTF8.self) }

    /// The bytes in id order, each with the character that stands for it in a merges file: printable Latin-1
    /// characters for themselves, then the rest as U+0100, U+0101, ...
    private static var byteAlphabet: [(byte: UInt8, symbol: Unicode.Scalar)] {
        let printable = [0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF].flatMap { (range: ClosedRange<UInt8>) in Array(range) }
        let others = (UInt8.min...UInt8.max).filter { !printable.contains($0) }
        return printable.map { ($0, Unicode.Scalar($0)) }
            + zip(others, (0x100 as UInt32)...).compactMap { byte, value in
                Unicode.Scalar(value).map { (byte, $0) }
            }
    }
}
