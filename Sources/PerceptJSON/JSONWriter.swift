/// Writes JSON as it comes, value by value: the one place that knows its punctuation, quotes and numbers.
///
/// It takes no memory once its text has been as long, so that one can write line after line.
package struct JSONWriter {
    /// Where blanks and line breaks go.
    package enum Layout {
        /// Nowhere.
        case compact
        /// Behind commas and colons.
        case spaced
        /// Each member of an object on a line of its own, by two spaces for every level; arrays stay on one line.
        case indented
    }

    package private(set) var text = ""
    private let layout: Layout
    /// Whether a member or element has gone before.
    private var follows = false
    private var level = 0
    /// Arrays that are open.
    private var arrays = 0

    package init(_ layout: Layout = .compact) { self.layout = layout }

    /// Starts anew with an object on a line of its own.
    package mutating func beginLine() {
        text.removeAll(keepingCapacity: true)
        follows = false
        open("{")
    }

    /// Ends the object, and the line.
    package mutating func endLine() {
        close("}")
        text += "\n"
    }

    // MARK: Structure

    /// An array; `body` writes its elements.
    package mutating func array(_ body: (inout JSONWriter) -> Void) {
        open("[")
        arrays += 1
        body(&self)
        arrays -= 1
        close("]")
    }

    /// An object; `body` writes its members, each a name and a value.
    package mutating func object(_ body: (inout JSONWriter) -> Void) {
        open("{")
        level += 1
        body(&self)
        level -= 1
        if follows { breakLine() }
        close("}")
    }

    package mutating func name(_ name: String) {
        separate()
        breakLine()
        quote(name)
        text += layout == .compact ? ":" : ": "
        follows = false
    }

    // MARK: Values

    package mutating func null() {
        separate()
        text += "null"
    }

    package mutating func value(_ value: Bool) {
        separate()
        text += value ? "true" : "false"
    }

    package mutating func value(_ value: Int) {
        separate()
        text += value.description
    }

    /// The shortest digits that are read as the same number. JSON has no word for what is not finite; it becomes Python's.
    package mutating func value(_ value: Double) {
        separate()
        text += value.isFinite ? value.description : value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity"
    }

    /// The shortest digits that are read as the same number; null for what is not finite.
    package mutating func value(_ value: Float) {
        separate()
        text += value.isFinite ? value.description : "null"
    }

    /// Three decimals, which times and rates have; null for what is not finite.
    package mutating func rounded(_ value: Double) {
        separate()
        text += value.isFinite ? ((value * 1000).rounded() / 1000).description : "null"
    }

    package mutating func value(_ value: String) {
        separate()
        quote(value)
    }

    // MARK: Punctuation

    private mutating func open(_ bracket: String) {
        separate()
        text += bracket
        follows = false
    }

    private mutating func close(_ bracket: String) {
        text += bracket
        follows = true
    }

    private mutating func separate() {
        if follows { text += layout == .compact || breaksLines ? "," : ", " }
        follows = true
    }

    private var breaksLines: Bool { layout == .indented && arrays == 0 }

    private mutating func breakLine() {
        guard breaksLines else { return }
        text += "\n"
        for _ in 0..<level { text += "  " }
    }

    /// Nothing is allocated where there is room and nothing has to be escaped.
    private mutating func quote(_ value: String) {
        text += "\""
        if value.utf8.allSatisfy({ $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }) {
            text += value
        } else {
            for scalar in value.unicodeScalars {
                switch scalar {
                case "\"": text += "\\\""
                case "\\": text += "\\\\"
                case "\u{0}"..<"\u{20}":
                    let digits = String(scalar.value, radix: 16)
                    text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                default: text.unicodeScalars.append(scalar)
                }
            }
        }
        text += "\""
    }
}
