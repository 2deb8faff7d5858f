/// Text as the reference's tokenizer sees it: repaired, unescaped, white space collapsed, in lower case
/// (open_clip: tokenizer.py, `clean='lower'`).
func cleanedCaption(_ text: String) -> [Unicode.Scalar] {
    let repaired = repairedText(Array(text.unicodeScalars))
    // Twice, because captions from the web are often escaped twice.
    let unescaped = unescapedHTML(unescapedHTML(repaired))
    return lowercased(collapsedWhiteSpace(unescaped))
}

/// The words of `text` with single spaces between them, as Python's `" ".join(text.split())`.
private func collapsedWhiteSpace(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    Array(text.split(whereSeparator: isWhiteSpace).joined(separator: [" "]))
}

/// White space of Python's `str.split`, which counts the ASCII information separators.
private func isWhiteSpace(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "\u{1C}"..."\u{1F}": true
    default: scalar.properties.isWhitespace
    }
}

/// Full lower-case mapping with the final-sigma rule, as Python's `str.lower`. Not renormalised.
private func lowercased(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    var result: [Unicode.Scalar] = []
    result.reserveCapacity(text.count)
    for (index, scalar) in text.enumerated() {
        switch scalar {
        case "A"..."Z": result.append(Unicode.Scalar(UInt8(scalar.value) + 0x20))
        case _ where scalar.isASCII: result.append(scalar)
        case "\u{3A3}": result.append(isFinalSigma(at: index, in: text) ? "\u{3C2}" : "\u{3C3}")
        default: result.append(contentsOf: scalar.properties.lowercaseMapping.unicodeScalars)
        }
    }
    return result
}

/// Whether the sigma at `index` ends a word: a cased letter before it, none after it, case-ignorable ones skipped.
private func isFinalSigma(at index: Int, in text: [Unicode.Scalar]) -> Bool {
    let before = text[..<index].last { !$0.properties.isCaseIgnorable }
    let after = text[(index + 1)...].first { !$0.properties.isCaseIgnorable }
    return before?.properties.isCased == true && after?.properties.isCased != true
}
