/// Rows of numbers that are handed out and written anew later, so that a stream takes no memory for each frame.
///
/// Nobody sees a row change: Swift copies an array that is written while somebody holds it. Only then, when more rows are
/// held than there are, memory is taken.
package struct ReusedRows: Sendable {
    private var rows: [[Float]]
    private var last = 0

    /// - Parameters:
    ///   - count: rows that are held at once, and one that is written.
    ///   - width: numbers in each.
    package init(count: Int, width: Int) {
        rows = (0..<count).map { _ in [Float](repeating: 0, count: width) }
    }

    /// The next row, as `body` leaves it.
    package mutating func write(_ body: (inout [Float]) throws -> Void) rethrows -> [Float] {
        last = (last + 1) % rows.count
        try body(&rows[last])
        return rows[last]
    }
}
