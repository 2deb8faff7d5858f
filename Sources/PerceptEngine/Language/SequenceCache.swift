import PerceptGraph

/// Who has the pages of a decoder's cache, and what earlier conversations have left in them.
///
/// A page has as many users as there are sequences that it is part of: those that are being answered, and those that are
/// kept, of which the ones that were used longest ago go when pages are wanted.
package struct SequenceCache {
    /// Positions from the first on, and the pages that they lie in.
    package struct Prefix: Sendable {
        package let pages: [Int]
        /// Positions; those of the last page may be fewer than it has.
        package let count: Int
    }

    private struct Kept {
        let keys: [PositionKey]
        let pages: [Int]
        var lastUse: Int
    }

    /// Sequences that each page is part of, and how many of these are kept ones.
    private var users: [(all: Int, kept: Int)]
    private var free: [Int]
    private var kept: [Kept] = []
    private var uses = 0

    package init(pages: Int) {
        users = Array(repeating: (0, 0), count: pages)
        // The first are taken first.
        free = (0..<pages).reversed()
    }

    /// Pages that can be taken: those that at most kept sequences have.
    package var availableCount: Int { free.count + users.count { $0.all > 0 && $0.all == $0.kept } }

    // MARK: Pages

    /// Takes pages for a sequence; kept ones go as far as they must.
    ///
    /// - Returns: nil, and nothing has changed, where there are not so many.
    package mutating func take(_ count: Int) -> [Int]? {
        guard count <= availableCount else { return nil }
        while free.count < count,
            let oldest = kept.indices.min(by: { kept[$0].lastUse < kept[$1].lastUse })
        {
            removeKept(at: oldest)
        }
        let pages = Array(free.suffix(count).reversed())
        free.removeLast(count)
        for page in pages { users[page].all = 1 }
        return pages
    }

    /// Has pages that others have too.
    package mutating func retain(_ pages: some Sequence<Int>) {
        for page in pages { users[page].all += 1 }
    }

    package mutating func release(_ pages: some Sequence<Int>) {
        for page in pages {
            users[page].all -= 1
            precondition(users[page].all >= users[page].kept, "page \(page) was given back twice")
            if users[page].all == 0 { free.append(page) }
        }
    }

    // MARK: Conversations

    /// Keeps what positions hold for whoever begins like that, in place of sequences that it goes on from.
    package mutating func keep(_ keys: [PositionKey], in pages: [Int]) {
        let pages = Array(pages.prefix(Pages.count(positions: keys.count)))
        guard !keys.isEmpty, !kept.contains(where: { $0.keys.commonPrefix(keys) == keys.count }) else { return }
        for page in pages { users[page] = (users[page].all + 1, users[page].kept + 1) }
        for index in kept.indices.reversed() where kept[index].keys.commonPrefix(keys) == kept[index].keys.count {
            removeKept(at: index)
        }
        uses += 1
        kept.append(Kept(keys: keys, pages: pages, lastUse: uses))
    }

    /// What is there of a sequence that begins with `keys`: the longest beginning that a kept one, or one of `others`, has.
    ///
    /// Asking counts as a use.
    package mutating func longest(_ keys: [PositionKey], among others: [(keys: [PositionKey], pages: [Int])]) -> Prefix
    {
        var best = Prefix(pages: [], count: 0)
        for other in others {
            let shared = other.keys.commonPrefix(keys)
            if shared > best.count { best = Prefix(pages: other.pages, count: shared) }
        }
        let counts = kept.map { $0.keys.commonPrefix(keys) }
        if let index = counts.indices.max(by: { counts[$0] < counts[$1] }), counts[index] > best.count {
            uses += 1
            kept[index].lastUse = uses
            best = Prefix(pages: kept[index].pages, count: counts[index])
        }
        return Prefix(pages: Array(best.pages.prefix(Pages.count(positions: best.count))), count: best.count)
    }

    /// Lets go of all that is kept.
    package mutating func removeKept() {
        for index in kept.indices.reversed() { removeKept(at: index) }
    }

    private mutating func removeKept(at index: Int) {
        let pages = kept.remove(at: index).pages
        for page in pages { users[page].kept -= 1 }
        release(pages)
    }
}
