/// Watches a text that grows for the first of some texts that are to end it.
package struct StopMatcher {
    private let stops: [String]
    /// What may be the beginning of one of them, and is held back.
    private var held = ""
    /// The text that ended it, once one has.
    package private(set) var found: String?

    package init(_ stops: [String]) { self.stops = stops }

    /// Takes in what comes next.
    ///
    /// - Returns: what is surely said, up to the text that ends it.
    package mutating func append(_ text: String) -> String {
        guard found == nil else { return "" }
        guard !stops.isEmpty else { return text }
        held += text
        // The one that begins first; of several the longest.
        var first: (start: String.UnicodeScalarIndex, stop: String)?
        for stop in stops {
            guard let place = Self.place(of: stop, in: held) else { continue }
            let isBetter = first.map { place < $0.start || (place == $0.start && stop.count > $0.stop.count) } ?? true
            if isBetter { first = (place, stop) }
        }
        if let first {
            found = first.stop
            defer { held = "" }
            return String(held.unicodeScalars[..<first.start])
        }
        let kept = stops.map { Self.overlap(of: held, with: $0) }.max() ?? 0
        let end = held.unicodeScalars.index(held.unicodeScalars.endIndex, offsetBy: -kept)
        defer { held = String(held.unicodeScalars[end...]) }
        return String(held.unicodeScalars[..<end])
    }

    /// What was held back and ends nothing after all.
    package mutating func finish() -> String {
        defer { held = "" }
        return found == nil ? held : ""
    }

    /// Texts are compared scalar by scalar, as a server that knows bytes would.
    private static func place(of stop: String, in text: String) -> String.UnicodeScalarIndex? {
        let (scalars, wanted) = (text.unicodeScalars, Array(stop.unicodeScalars))
        var start = scalars.startIndex
        while start < scalars.endIndex {
            if scalars[start...].starts(with: wanted) { return start }
            start = scalars.index(after: start)
        }
        return nil
    }

    /// Scalars at the end of `text` that `stop` begins with.
    private static func overlap(of text: String, with stop: String) -> Int {
        let (end, beginning) = (Array(text.unicodeScalars), Array(stop.unicodeScalars))
        let most = min(end.count, beginning.count - 1)
        return (0...max(most, 0)).reversed().first { end.suffix($0).elementsEqual(beginning.prefix($0)) } ?? 0
    }
}
