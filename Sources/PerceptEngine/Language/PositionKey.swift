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
struct MediaKey: Hashable {
    let hash: Int

    init(_ plan: MediaPlan) { hash = plan.hashValue }
}

extension [PositionKey] {
    /// Positions from the first on that hold the same.
    func commonPrefix(_ other: [PositionKey]) -> Int { zip(self, other).prefix { $0 == $1 }.count }
}
