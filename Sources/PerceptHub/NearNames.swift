/// Names that somebody may have meant.
package enum NearNames {
    /// Up to three of `names` that differ from `name` in few characters, the nearest first; case does not count.
    package static func of(_ name: String, in names: [String]) -> [String] {
        let wanted = Array(name.lowercased())
        guard wanted.count <= 200 else { return [] }
        let limit = max(2, wanted.count / 4)
        let near = names.map { (name: $0, distance: distance(wanted, Array($0.lowercased()))) }
        return near.filter { $0.distance <= limit }.sorted { ($0.distance, $0.name) < ($1.distance, $1.name) }.prefix(3)
            .map(\.name)
    }

    /// Insertions, deletions and replacements that make one of the other (Levenshtein).
    private static func distance(_ one: [Character], _ other: [Character]) -> Int {
        var row = Array(0...other.count)
        for (index, character) in one.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for place in other.indices {
                let replaced = diagonal + (character == other[place] ? 0 : 1)
                diagonal = row[place + 1]
                row[place + 1] = min(replaced, row[place + 1] + 1, row[place] + 1)
            }
        }
        return row[other.count]
    }
}
