/// Tokens as bytes, found by id and by their bytes.
///
/// A hash table of ids over one array of bytes: looking up a part of a text copies nothing, and a vocabulary of a
/// hundred thousand tokens is filled in some hundredths of a second.
struct TokenTable: Sendable {
    /// One more than the largest id.
    private(set) var idCount = 0
    /// Length of the longest token in bytes.
    private(set) var longest = 0

    private var bytes: [UInt8] = []
    /// Where the bytes of each id lie; nil for ids without token.
    private var ranges: [Range<Int>?] = []
    /// Ids by hash, the next free place for those whose place is taken. At most half are used.
    private var slots: [UInt32?]
    private var count = 0

    enum Insertion {
        case done, repeatedToken, repeatedID
    }

    /// - Parameter capacity: How many tokens there can be.
    init(capacity: Int) {
        var size = 16
        while size < 2 * capacity { size *= 2 }
        slots = Array(repeating: nil, count: size)
    }

    mutating func insert(_ token: ArraySlice<UInt8>, id: UInt32) -> Insertion {
        precondition(2 * count < slots.count, "more tokens than the table was made for")
        let slot = slot(of: token)
        guard slots[slot] == nil else { return .repeatedToken }
        let index = Int(id)
        if index >= ranges.count { ranges += Array(repeating: nil, count: index + 1 - ranges.count) }
        guard ranges[index] == nil else { return .repeatedID }
        ranges[index] = bytes.count..<bytes.count + token.count
        bytes += token
        slots[slot] = id
        count += 1
        idCount = max(idCount, index + 1)
        longest = max(longest, token.count)
        return .done
    }

    func id(of token: ArraySlice<UInt8>) -> UInt32? {
        token.count > longest ? nil : slots[slot(of: token)]
    }

    /// The bytes of the token with `id`.
    subscript(id: UInt32) -> ArraySlice<UInt8>? {
        guard id < ranges.count, let range = ranges[Int(id)] else { return nil }
        return bytes[range]
    }

    /// The place that holds `token`, or the free one where it belongs. Hashes are seeded anew by every process, so no
    /// file can make them collide.
    private func slot(of token: ArraySlice<UInt8>) -> Int {
        var hasher = Hasher()
        token.withUnsafeBytes { hasher.combine(bytes: $0) }
        var slot = hasher.finalize() & (slots.count - 1)
        while let id = slots[slot], let range = ranges[Int(id)], bytes[range] != token {
            slot = (slot + 1) & (slots.count - 1)
        }
        return slot
    }
}
