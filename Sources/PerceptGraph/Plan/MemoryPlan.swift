import PerceptNumbers

/// Offsets in one arena for tensors that live from a first to a last step.
package struct MemoryPlan: Sendable {
    package struct Interval: Sendable {
        package let tensor: Int
        package let steps: ClosedRange<Int>
        package let byteCount: Int

        package init(tensor: Int, steps: ClosedRange<Int>, byteCount: Int) {
            self.tensor = tensor
            self.steps = steps
            self.byteCount = byteCount
        }
    }

    /// Bytes every offset is a multiple of: a cache line pair, so that tensors never share one.
    package static let alignment = 256

    package private(set) var spans: [Int: Range<Int>] = [:]
    package private(set) var byteCount = 0

    /// Places the largest tensors first, each at the lowest offset that is free for its whole life
    /// (greedy by size; Pisarchyk and Lee 2020, arXiv 2001.03288).
    package init(_ intervals: [Interval]) {
        var placed: [(steps: ClosedRange<Int>, span: Range<Int>)] = []
        let order = intervals.sorted { ($1.byteCount, $0.tensor) < ($0.byteCount, $1.tensor) }
        for interval in order {
            let size = interval.byteCount.roundedUp(to: Self.alignment)
            var offset = 0
            // `placed` is kept sorted by offset: the first gap that is large enough is the lowest.
            for other in placed where other.steps.overlaps(interval.steps) {
                if other.span.lowerBound >= offset + size { break }
                offset = max(offset, other.span.upperBound)
            }
            let span = offset..<offset + size
            let index = placed.firstIndex { $0.span.lowerBound > offset } ?? placed.count
            placed.insert((interval.steps, span), at: index)
            spans[interval.tensor] = offset..<offset + interval.byteCount
            byteCount = max(byteCount, span.upperBound)
        }
    }
}
