/// The free ranges of one block of memory, sorted by offset and never adjacent to one another.
package struct FreeList {
    package private(set) var ranges: [Range<UInt64>]
    package let capacity: UInt64

    package init(capacity: UInt64) {
        self.capacity = capacity
        ranges = [0..<capacity]
    }

    /// Nothing is allocated.
    package var isEmpty: Bool { ranges == [0..<capacity] }

    /// Takes `size` units at a multiple of `alignment` from the smallest range that holds them.
    ///
    /// - Returns: the offset, or nil when no range is large enough.
    package mutating func allocate(_ size: UInt64, alignment: UInt64) -> UInt64? {
        precondition(size > 0 && alignment > 0)
        var best: (index: Int, offset: UInt64)?
        for (index, range) in ranges.enumerated() {
            let (padded, overflow) = range.lowerBound.addingReportingOverflow(alignment - 1)
            let offset = padded / alignment * alignment
            guard !overflow, offset <= range.upperBound, range.upperBound - offset >= size else { continue }
            if let current = best, ranges[current.index].count <= range.count { continue }
            best = (index, offset)
        }
        guard let best else { return nil }
        let range = ranges[best.index]
        let rest = [range.lowerBound..<best.offset, best.offset + size..<range.upperBound].filter { !$0.isEmpty }
        ranges.replaceSubrange(best.index...best.index, with: rest)
        return best.offset
    }

    /// Gives back a range that `allocate` returned, joining it with its free neighbours.
    package mutating func free(_ offset: UInt64, _ size: UInt64) {
        var range = offset..<offset + size
        var index = ranges.firstIndex { $0.lowerBound >= range.upperBound } ?? ranges.count
        if index < ranges.count, ranges[index].lowerBound == range.upperBound {
            range = range.lowerBound..<ranges[index].upperBound
            ranges.remove(at: index)
        }
        if index > 0 {
            precondition(ranges[index - 1].upperBound <= range.lowerBound, "a range was freed twice")
            if ranges[index - 1].upperBound == range.lowerBound {
                range = ranges[index - 1].lowerBound..<range.upperBound
                index -= 1
                ranges.remove(at: index)
            }
        }
        ranges.insert(range, at: index)
    }
}
