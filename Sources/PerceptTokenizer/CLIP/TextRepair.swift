/// `ftfy.fix_text` with its default settings, except that mojibake is left as it is (ftfy 6.3: `fix_encoding`).
///
/// Lines are repaired one by one, a line over a million scalars in parts.
func repairedText(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    let longestSegment = 1_000_000
    var result: [Unicode.Scalar] = []
    result.reserveCapacity(text.count)
    // Text with a "<" is taken for real HTML, whose references stay: from the first such line on, not only in it.
    var unescapes = true
    var rest = text[...]
    while !rest.isEmpty {
        var segment = rest.prefix(longestSegment)
        if let lineBreak = segment.firstIndex(of: "\n") { segment = segment[...lineBreak] }
        unescapes = unescapes && !segment.contains("<")
        result += repairedSegment(Array(segment), unescapes: unescapes)
        rest = rest[segment.endIndex...]
    }
    return result
}

/// Applies all repairs until they change nothing: one may uncover work for another.
private func repairedSegment(_ segment: [Unicode.Scalar], unescapes: Bool) -> [Unicode.Scalar] {
    var text = segment
    while true {
        var repaired = unescapes ? unescapedClosedReferences(text) : text
        if !repaired.allSatisfy({ ("\u{20}"..."\u{7E}").contains($0) }) {
            repaired = withPlainCharacters(repaired)
            repaired = withPlainLineBreaks(repaired)
            repaired = withoutTerminalEscapes(repaired)
            repaired.removeAll(where: isStrayControl)
            repaired = canonicallyComposed(repaired)
        }
        if repaired == text { return text }
        text = repaired
    }
}

/// Replaces C1 controls, Latin ligatures, full-width and half-width forms, and curly quotes.
private func withPlainCharacters(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    // In this order: Windows-1252 has curly quotes, and the ligature U+0149 becomes one of them.
    var result: [Unicode.Scalar] = []
    result.reserveCapacity(text.count)
    for scalar in text {
        let character = windows1252(control: scalar) ?? scalar
        if let letters = latinLigatures[character] ?? standardWidth[character] {
            result.append(contentsOf: letters.map(straightened))
        } else {
            result.append(straightened(character))
        }
    }
    return result
}

private func straightened(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
    switch scalar {
    case "\u{2BC}", "\u{2018}"..."\u{201B}": "'"
    case "\u{201C}"..."\u{201F}": "\""
    default: scalar
    }
}

/// CR LF, CR, LINE SEPARATOR and PARAGRAPH SEPARATOR become LF.
private func withPlainLineBreaks(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    var result: [Unicode.Scalar] = []
    result.reserveCapacity(text.count)
    var previous: Unicode.Scalar?
    for scalar in text {
        switch scalar {
        case "\n" where previous == "\r": break
        case "\r", "\u{2028}", "\u{2029}": result.append("\n")
        default: result.append(scalar)
        }
        previous = scalar
    }
    return result
}

/// Removes ANSI escape sequences: ESC, `[`, digits and semicolons, an ASCII letter.
private func withoutTerminalEscapes(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    guard text.contains("\u{1B}") else { return text }
    var result: [Unicode.Scalar] = []
    var rest = text[...]
    while let escape = rest.firstIndex(of: "\u{1B}") {
        result += rest[..<escape]
        rest = rest[escape...]
        let parameters = rest.dropFirst(2).prefix { $0 == ";" || $0.properties.generalCategory == .decimalNumber }
        if rest.dropFirst().first == "[", let final = rest[parameters.endIndex...].first, isASCIILetter(final) {
            rest = rest[(parameters.endIndex + 1)...]
        } else {
            result.append("\u{1B}")
            rest = rest.dropFirst()
        }
    }
    return result + rest
}

func isASCIILetter(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "a"..."z", "A"..."Z": true
    default: false
    }
}

/// ASCII controls that are not white space, deprecated Arabic controls, byte order mark, interlinear annotation marks
/// and object replacement character.
private func isStrayControl(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "\u{0}"..."\u{8}", "\u{B}", "\u{E}"..."\u{1F}", "\u{7F}", "\u{206A}"..."\u{206F}", "\u{FEFF}",
        "\u{FFF9}"..."\u{FFFC}":
        true
    default: false
    }
}
