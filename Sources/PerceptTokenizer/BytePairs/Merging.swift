/// What two neighbouring symbols become, and how early: lower ranks first.
struct Merge: Sendable {
    let rank: UInt32
    let id: UInt32
}

/// Two symbols that stand side by side, and the range of the original symbols that they cover together.
struct Neighbours {
    let left: UInt32
    let right: UInt32
    let range: Range<Int>
}

/// Merges neighbours, the lowest rank first and leftmost among equals, until `merge` knows no pair that is left.
///
/// Symbols form a linked list and candidate pairs a heap, so n symbols cost O(n log n).
///
/// - Parameter merge: Must depend on the pair alone, and tell pairs of one range apart by rank.
func mergeNeighbours(of symbols: inout [UInt32], merge: (Neighbours) -> Merge?) {
    let absorbed = UInt32.max
    let end = symbols.count
    guard end > 1 else { return }
    var next = Array(1...end)
    var previous = Array(-1..<(end - 1))
    var candidates = MergeHeap()
    func offer(_ left: Int, _ right: Int) {
        let pair = Neighbours(left: symbols[left], right: symbols[right], range: left..<next[right])
        guard let merge = merge(pair) else { return }
        candidates.push(.init(merge: merge, left: left, right: right, end: next[right]))
    }
    for right in symbols.indices.dropFirst() { offer(right - 1, right) }

    while let candidate = candidates.pop() {
        // A candidate is stale once either side has merged with something else.
        let (left, right) = (candidate.left, candidate.right)
        guard symbols[left] != absorbed, next[left] == right, next[right] == candidate.end else { continue }
        symbols[left] = candidate.merge.id
        symbols[right] = absorbed
        next[left] = candidate.end
        if candidate.end < end {
            previous[candidate.end] = left
            offer(left, candidate.end)
        }
        if previous[left] >= 0 { offer(previous[left], left) }
    }
    symbols.removeAll { $0 == absorbed }
}
