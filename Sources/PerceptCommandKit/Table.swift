/// Rows in columns, aligned by what a terminal makes of the text: ideographs and emoji take two cells.
package struct Table {
    package enum Alignment {
        case left, right
    }

    private let alignments: [Alignment]
    private var rows: [[String]]

    package init(_ columns: KeyValuePairs<String, Alignment>) { self.init(columns.map { ($0.key, $0.value) }) }

    package init(_ columns: [(name: String, alignment: Alignment)]) {
        alignments = columns.map(\.alignment)
        rows = [columns.map(\.name)]
    }

    /// Adds a row with a text for every column.
    package mutating func add(_ cells: [String]) {
        precondition(cells.count == alignments.count)
        rows.append(cells.map(Self.printable))
    }

    /// The lines, without trailing spaces.
    package var text: String {
        let widths = alignments.indices.map { column in rows.map { Self.width($0[column]) }.max() ?? 0 }
        return rows.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                let padding = String(repeating: " ", count: widths[column] - Self.width(cell))
                line += alignments[column] == .left ? cell + padding : padding + cell
                if column < row.count - 1 { line += "  " }
            }
            while line.last == " " { line.removeLast() }
            return line
        }.joined(separator: "\n")
    }

    /// The same in Markdown.
    var markdown: String {
        let rule = alignments.map { $0 == .left ? "---" : "---:" }
        return (rows.prefix(1) + [rule] + rows.dropFirst()).map { row in
            let cells = row.map { $0.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|") }
            return "| " + cells.joined(separator: " | ") + " |"
        }.joined(separator: "\n")
    }

    /// Control characters as escapes: a file's name must not move the cursor.
    package static func printable(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else { return text }
        return text.unicodeScalars.reduce(into: "") { line, scalar in
            line += scalar.properties.generalCategory == .control ? scalar.escaped(asASCII: true) : String(scalar)
        }
    }

    /// Cells of a text on a terminal.
    package static func width(_ text: String) -> Int {
        text.reduce(0) { $0 + width($1) }
    }

    private static func width(_ character: Character) -> Int {
        character.unicodeScalars.reduce(0) { max($0, width($1)) }
    }

    private static func width(_ scalar: Unicode.Scalar) -> Int {
        // The variation selector asks for a picture; without it some emoji are shown as text.
        if scalar == "\u{FE0F}" || scalar.properties.isEmojiPresentation { return 2 }
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format, .control: return 0
        default: return wide.contains { $0.contains(scalar.value) } ? 2 : 1
        }
    }

    /// Blocks of scalars that are wide or full-width in all their assigned places (Unicode Standard Annex 11).
    private static let wide: [ClosedRange<UInt32>] = [
        0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x3247, 0x3250...0x4DBF, 0x4E00...0xA4CF, 0xA960...0xA97F,
        0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE10...0xFE1F, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6,
        0x16FE0...0x18DFF, 0x1AFF0...0x1B2FF, 0x1F200...0x1F2FF, 0x20000...0x3FFFD,
    ]
}
