import Synchronization

/// How long work shares a device with work that cannot wait: in short pieces, between which the other has its turn.
package final class Pacing: Sendable {
    private let limit: @Sendable () -> Duration
    private let turns: @Sendable () throws -> Void
    private let pieces = Mutex<(count: Int, longest: Duration)>((0, .zero))

    /// - Parameters:
    ///   - longestPiece: what a piece should take at most; asked anew for each.
    ///   - turns: called on the device's thread before each piece, while the device has nothing of this work.
    package init(
        longestPiece: @escaping @Sendable () -> Duration, turns: @escaping @Sendable () throws -> Void
    ) {
        limit = longestPiece
        self.turns = turns
    }

    /// Pieces that have run, and what the longest took.
    package var taken: (count: Int, longest: Duration) { pieces.withLock { $0 } }

    var longestPiece: Duration { limit() }

    func takeTurns() throws { try turns() }

    func note(_ took: Duration) {
        pieces.withLock { $0 = ($0.count + 1, max($0.longest, took)) }
    }
}
