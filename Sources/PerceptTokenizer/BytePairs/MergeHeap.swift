/// Binary min-heap of candidate merges, ordered by rank and, within one rank, by position.
struct MergeHeap {
    struct Candidate {
        let merge: Merge
        /// Positions of the two symbols in the word, and where the second ends.
        let left: Int
        let right: Int
        let end: Int

        func precedes(_ other: Candidate) -> Bool { (merge.rank, left) < (other.merge.rank, other.left) }
    }

    private var items: [Candidate] = []

    mutating func push(_ candidate: Candidate) {
        var child = items.count
        items.append(candidate)
        while child > 0 {
            let parent = (child - 1) / 2
            guard items[child].precedes(items[parent]) else { break }
            items.swapAt(child, parent)
            child = parent
        }
    }

    mutating func pop() -> Candidate? {
        guard let last = items.popLast() else { return nil }
        guard let first = items.first else { return last }
        items[0] = last
        var parent = 0
        while true {
            var child = 2 * parent + 1
            guard child < items.count else { break }
            if child + 1 < items.count, items[child + 1].precedes(items[child]) { child += 1 }
            guard items[child].precedes(items[parent]) else { break }
            items.swapAt(child, parent)
            parent = child
        }
        return first
    }
}
