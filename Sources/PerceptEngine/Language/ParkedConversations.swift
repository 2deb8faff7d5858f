import PerceptVulkan

/// Keys and values of conversations that wait for their next turn, on the device, within a budget of bytes: those that were
/// used longest ago go first.
struct ParkedConversations {
    struct Entry {
        /// What its positions hold.
        let keys: [PositionKey]
        let buffer: Buffer
        fileprivate(set) var lastUse: Int
    }

    let budget: Int
    private(set) var entries: [Entry] = []
    private var uses = 0

    init(budget: Int) { self.budget = budget }

    var byteCount: Int { entries.reduce(0) { $0 + $1.buffer.size } }

    /// The conversation that begins most like `keys`, and how many positions they share; asking counts as a use.
    mutating func longest(_ keys: [PositionKey]) -> (entry: Entry, shared: Int)? {
        let shared = entries.map { $0.keys.commonPrefix(keys) }
        guard let index = shared.indices.max(by: { shared[$0] < shared[$1] }), shared[index] > 0 else { return nil }
        uses += 1
        entries[index].lastUse = uses
        return (entries[index], shared[index])
    }

    /// Lets go of conversations until one of so many bytes has room.
    ///
    /// - Returns: false where it never has.
    mutating func makeRoom(for bytes: Int) -> Bool {
        guard bytes <= budget else { return false }
        while byteCount + bytes > budget,
            let oldest = entries.indices.min(by: { entries[$0].lastUse < entries[$1].lastUse })
        {
            entries.remove(at: oldest)
        }
        return true
    }

    /// Keeps a conversation in place of those that it goes on from.
    mutating func add(_ keys: [PositionKey], _ buffer: Buffer) {
        entries.removeAll { $0.keys.commonPrefix(keys) == $0.keys.count }
        uses += 1
        entries.append(Entry(keys: keys, buffer: buffer, lastUse: uses))
    }

    /// - Returns: whether there were any.
    mutating func removeAll() -> Bool {
        defer { entries = [] }
        return !entries.isEmpty
    }
}

/// What a position of a decoder holds, so that equal keys mean equal keys and values behind equal prefixes: a token, or a row of
/// an image's or a video's features by their content.
package struct PositionKey: Hashable, Sendable {
    private let word: UInt64

    package init(token: UInt32) { word = UInt64(token) }

    /// - Parameter row: among the rows of the media's features.
    init(_ media: MediaKey, row: Int) {
        var hasher = Hasher()
        hasher.combine(media.hash)
        hasher.combine(row)
        word = UInt64(truncatingIfNeeded: hasher.finalize()) | 1 << 63
    }
}

/// What an image or a video of a prompt is and how it is cut, in a word.
struct MediaKey {
    let hash: Int

    init(_ plan: MediaPlan) { hash = plan.hashValue }
}

extension [PositionKey] {
    /// Positions from the first on that hold the same.
    func commonPrefix(_ other: [PositionKey]) -> Int { zip(self, other).prefix { $0 == $1 }.count }
}
