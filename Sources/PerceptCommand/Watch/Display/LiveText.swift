import PerceptCommandKit

/// A line of a terminal, in cells, that never becomes longer than its width.
package struct LiveText {
    /// How text looks: parameters of the terminal's `SGR` sequence.
    package enum Style: String {
        case plain = ""
        case bold = "1"
        case faint = "2"
        case good = "32"
        case alert = "33"
        case accent = "36"
    }

    package let width: Int
    /// Cells taken.
    package private(set) var cells = 0
    /// With the sequences of its styles.
    package private(set) var text = ""

    package init(width: Int) { self.width = width }

    /// Appends what fits; a text that is cut ends with an ellipsis.
    package mutating func append(_ text: String, _ style: Style = .plain) {
        let clipped = Self.clipped(Self.printable(text), to: width - cells)
        guard !clipped.isEmpty else { return }
        cells += Table.width(clipped)
        self.text += style == .plain ? clipped : "\u{1B}[\(style.rawValue)m\(clipped)\u{1B}[0m"
    }

    /// Appends what already holds its own sequences and takes `cells`.
    mutating func append(raw: String, cells: Int) {
        guard self.cells + cells <= width else { return }
        self.cells += cells
        text += raw
    }

    /// Spaces up to a cell.
    package mutating func pad(to cell: Int) {
        let count = min(cell, width) - cells
        guard count > 0 else { return }
        text += String(repeating: " ", count: count)
        cells += count
    }

    /// Appends a text so that it ends with the line, if there is room.
    package mutating func appendRight(_ text: String, _ style: Style = .plain) {
        let printable = Self.printable(text)
        guard cells + Table.width(printable) + 2 <= width else { return }
        pad(to: width - Table.width(printable))
        append(printable, style)
    }

    /// The characters that fit into so many cells.
    package static func clipped(_ text: String, to cells: Int) -> String {
        guard Table.width(text) > cells else { return text }
        guard cells > 0 else { return "" }
        var clipped = ""
        var taken = 0
        for character in text {
            let wide = Table.width(String(character))
            if taken + wide > cells - 1 { break }
            clipped.append(character)
            taken += wide
        }
        return clipped + "…"
    }

    /// Control characters as escapes: what is shown must not move the cursor.
    package static func printable(_ text: String) -> String { Table.printable(text) }

    /// Words in lines of at most so many cells; a word that is longer is cut.
    package static func wrapped(_ text: String, to cells: Int) -> [String] {
        var lines: [String] = []
        var line = ""
        for word in printable(text).split(separator: " ") {
            let word = clipped(String(word), to: cells)
            if line.isEmpty {
                line = word
            } else if Table.width(line) + 1 + Table.width(word) <= cells {
                line += " " + word
            } else {
                lines.append(line)
                line = word
            }
        }
        return line.isEmpty ? lines : lines + [line]
    }
}

/// Bars of text.
package enum LiveBar {
    private static let eighths = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]

    /// A bar over `cells` cells, in steps of an eighth, spaces behind it.
    package static func text(_ share: Float, cells: Int) -> String {
        let steps = Int((Double(min(max(share, 0), 1)) * Double(8 * cells)).rounded())
        let bar = String(repeating: "█", count: steps / 8) + eighths[steps % 8]
        return bar + String(repeating: " ", count: cells - bar.count)
    }
}
