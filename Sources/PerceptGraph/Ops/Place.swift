import PerceptNumbers

/// Where a row of a decoder's run stands: what the host fills of `Shaders/include/places.glsl`.
package struct Place: Hashable, Sendable {
    /// In its sequence, from 0.
    package var position: Int
    /// The row of the cache where its keys and values go; nil for a row that fills up a bucket.
    package var row: Int?
    /// Positions of its sequence that are there behind the run; 0 for a row of decoding that fills up a bucket.
    package var keys: Int
    /// Where the token at hand is kept from one step of decoding to the next.
    package var slot: Int
    /// The word that the host reads of the tokens drawn.
    package var drawn: Int

    package init(position: Int, row: Int?, keys: Int, slot: Int = 0, drawn: Int = 0) {
        self.position = position
        self.row = row
        self.keys = keys
        self.slot = slot
        self.drawn = drawn
    }

    /// A row that nothing comes of.
    package static let filling = Place(position: 0, row: nil, keys: 0)

    /// Words of one, an octet.
    package static let wordCount = 8

    /// - Parameter rows: of the run.
    package static func shape(rows: Int) -> [Int] { [rows, wordCount] }

    /// Rows that follow one another in one sequence, and those that fill up their bucket.
    ///
    /// - Parameters:
    ///   - first: the position of the first.
    ///   - count: how many are real.
    ///   - rows: of the run.
    ///   - pages: the pages of the sequence, in order; nil for a cache that is one sequence from its first row on.
    package static func prompt(first: Int, count: Int, rows: Int, pages: [Int]? = nil) -> [Place] {
        (0..<rows).map { index in
            let position = first + index
            guard index < count else { return Place(position: position, row: nil, keys: first + count) }
            let row = pages.map { Pages.row(of: position, in: $0) } ?? position
            return Place(position: position, row: row, keys: first + count)
        }
    }

    package var words: [UInt32] {
        [UInt32(position), row.map { UInt32($0) } ?? .max, UInt32(keys), UInt32(slot), UInt32(drawn), 0, 0, 0]
    }
}

/// Pieces of a cache, which hold positions of a sequence that follow one another.
package enum Pages {
    /// Rows of one: `PAGE` of `Shaders/include/places.glsl`. Kernels read up to so many keys at a time without looking for
    /// their page.
    package static let rows = 64

    /// Pages that hold so many positions.
    package static func count(positions: Int) -> Int { positions.dividedRoundingUp(by: rows) }

    /// The row of a cache that a position of a sequence has.
    package static func row(of position: Int, in pages: [Int]) -> Int {
        pages[position / rows] * rows + position % rows
    }
}

extension [Place] {
    /// The words of all rows, one row behind the other.
    package var words: [UInt32] { flatMap(\.words) }
}
