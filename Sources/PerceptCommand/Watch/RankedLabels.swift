/// Labels in the order of their probabilities, frame after frame in the same memory.
struct RankedLabels {
    private let names: [String]
    /// Indices of labels; at most `names.count`.
    private var order: [Int]
    /// Taken in turn: an output may still hold that of the frame before.
    private var lists: [[(label: String, probability: Float)]]
    private var last = 0

    init(_ names: [String]) {
        self.names = names
        order = Array(names.indices)
        lists = Array(repeating: names.map { ($0, 0) }, count: 3)
    }

    /// By probability, the highest first; equals keep the order of the labels.
    ///
    /// - Parameter probabilities: of each label, finite; of none where there are no labels.
    mutating func rank(_ probabilities: [Float]) -> [(label: String, probability: Float)] {
        guard !probabilities.isEmpty else { return [] }
        sort(probabilities)
        last = (last + 1) % lists.count
        for (place, label) in order.enumerated() { lists[last][place] = (names[label], probabilities[label]) }
        return lists[last]
    }

    /// A heap sort, since the standard library's sort takes memory.
    private mutating func sort(_ p: [Float]) {
        for root in stride(from: order.count / 2 - 1, through: 0, by: -1) { sink(root, to: order.count, p) }
        for end in stride(from: order.count - 1, to: 0, by: -1) {
            order.swapAt(0, end)
            sink(0, to: end, p)
        }
    }

    /// Lets the label at the root of a heap sink to where both below it come earlier in the order.
    private mutating func sink(_ start: Int, to end: Int, _ p: [Float]) {
        var root = start
        while 2 * root + 1 < end {
            var child = 2 * root + 1
            if child + 1 < end, Self.isAhead(order[child], of: order[child + 1], p) { child += 1 }
            guard Self.isAhead(order[root], of: order[child], p) else { return }
            order.swapAt(root, child)
            root = child
        }
    }

    private static func isAhead(_ a: Int, of b: Int, _ p: [Float]) -> Bool { p[a] > p[b] || (p[a] == p[b] && a < b) }
}
