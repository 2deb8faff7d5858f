import PerceptJSON

/// A JSON object on a line of its own, written again and again: where ``JSONText`` builds a tree for each, this takes no
/// memory once its line has been as long.
///
/// Numbers are written as ``JSONText`` writes them.
package struct JSONLine {
    /// The line, with its line break once ``end()`` was called.
    package private(set) var text = ""
    /// Whether a member or element has gone before.
    private var follows = false

    package init() {}

    /// Starts anew.
    package mutating func begin() {
        text.removeAll(keepingCapacity: true)
        follows = false
        open("{")
    }

    package mutating func end() { close("}\n") }

    package mutating func name(_ name: String) {
        separate()
        JSON.appendQuoted(name, to: &text)
        text += ":"
        follows = false
    }

    package mutating func value(_ value: Int) {
        separate()
        text += value.description
    }

    /// Rounded to three decimals.
    package mutating func rounded(_ value: Double) {
        separate()
        text += value.isFinite ? ((value * 1000).rounded() / 1000).description : "null"
    }

    package mutating func value(_ value: Float) {
        separate()
        text += value.isFinite ? value.description : "null"
    }

    package mutating func value(_ value: String) {
        separate()
        JSON.appendQuoted(value, to: &text)
    }

    /// An array or an object; `body` writes what is in it.
    package mutating func array(_ body: (inout JSONLine) -> Void) {
        open("[")
        body(&self)
        close("]")
    }

    package mutating func object(_ body: (inout JSONLine) -> Void) {
        open("{")
        body(&self)
        close("}")
    }

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
        if follows { text += "," }
        follows = true
    }
}
