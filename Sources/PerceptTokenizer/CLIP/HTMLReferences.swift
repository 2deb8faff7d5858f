/// Named character references of HTML5 by name, without the ampersand. All names end in a semicolon but for those that
/// the standard also accepts without one.
private let namedReferences: [[UInt8]: [Unicode.Scalar]] = {
    var table: [[UInt8]: [Unicode.Scalar]] = [:]
    for line in EmbeddedText.htmlEntities.split(separator: UInt8(ascii: "\n")) {
        let fields = line.split(separator: UInt8(ascii: " "))
        table[Array(fields[0])] = fields.dropFirst().compactMap { field in
            UInt32(String(decoding: field, as: UTF8.self), radix: 16).flatMap { Unicode.Scalar($0) }
        }
    }
    return table
}()

/// What ftfy reads beyond the standard: lower-case names in capitals, for the character in capitals, where the standard
/// would read nothing ("&NTILDE;" as "Ñ").
private let capitalReferences: [[UInt8]: [Unicode.Scalar]] = {
    var table: [[UInt8]: [Unicode.Scalar]] = [:]
    for (name, characters) in namedReferences where name.last == UInt8(ascii: ";") {
        guard !name.contains(where: { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }) else { continue }
        let capitals = name.map { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) ? $0 - 0x20 : $0 }
        guard !(2...capitals.count).contains(where: { namedReferences[Array(capitals.prefix($0))] != nil }) else {
            continue
        }
        table[capitals] = characters.flatMap { $0.properties.uppercaseMapping.unicodeScalars }
    }
    return table
}()

/// Replaces the references that end in a semicolon: `&name;`, `&#123;`, `&#x7B;` (ftfy: fixes.py, `unescape_html`).
func unescapedClosedReferences(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    replacingReferences(in: text) { rest in
        let hash = rest.first == "#" ? 1 : 0
        let body = rest.dropFirst(hash).prefix(25).prefix { isASCIIDigit($0) || isASCIILetter($0) }
        guard (1...24).contains(body.count), rest[body.endIndex...].first == ";" else { return nil }
        let end = body.endIndex + 1
        if hash == 1 {
            guard let numeric = numericReference(rest), numeric.end == end else { return nil }
            // A reference to the semicolon itself stays: ftfy takes any semicolon left for a failure.
            return numeric.characters == [";"] ? nil : numeric
        }
        let name = rest[..<end].map { UInt8($0.value) }
        return (namedReferences[name] ?? capitalReferences[name]).map { ($0, end) }
    }
}

/// Replaces all references as the HTML standard does in text, with or without semicolon (Python: `html.unescape`).
func unescapedHTML(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    replacingReferences(in: text) { rest in
        if rest.first == "#" { return numericReference(rest) }
        let longestName = 32
        var name = rest.prefix(longestName).prefix { !endsName($0) }
        if !name.isEmpty, rest[name.endIndex...].first == ";" { name = rest[...name.endIndex] }
        // The longest known beginning counts: "&notit;" is "¬it;".
        var bytes = name.prefix { $0.isASCII }.map { UInt8($0.value) }
        while bytes.count > 1 {
            if let characters = namedReferences[bytes] { return (characters, rest.startIndex + bytes.count) }
            bytes.removeLast()
        }
        return nil
    }
}

/// What a reference stands for, and where the text goes on.
private typealias Reference = (characters: [Unicode.Scalar], end: Int)

/// Passes the text after each "&" to `read` and replaces what it recognises.
private func replacingReferences(
    in text: [Unicode.Scalar], read: (ArraySlice<Unicode.Scalar>) -> Reference?
) -> [Unicode.Scalar] {
    guard text.contains("&") else { return text }
    var result: [Unicode.Scalar] = []
    result.reserveCapacity(text.count)
    var rest = text[...]
    while let ampersand = rest.firstIndex(of: "&") {
        result += rest[..<ampersand]
        rest = rest[(ampersand + 1)...]
        if let reference = read(rest) {
            result += reference.characters
            rest = rest[reference.end...]
        } else {
            result.append("&")
        }
    }
    return result + rest
}

/// Reads "#" with decimal digits, or "#x" with hexadecimal ones, and a semicolon if there is one.
private func numericReference(_ rest: ArraySlice<Unicode.Scalar>) -> Reference? {
    var digits = rest.dropFirst()
    let isHexadecimal = digits.first == "x" || digits.first == "X"
    if isHexadecimal { digits = digits.dropFirst() }
    digits = digits.prefix { isHexadecimal ? $0.properties.isASCIIHexDigit : isASCIIDigit($0) }
    guard !digits.isEmpty else { return nil }
    var value: UInt32 = 0
    for digit in digits where value <= 0x10FFFF {
        value = value * (isHexadecimal ? 16 : 10) + UInt32(Character(digit).hexDigitValue ?? 0)
    }
    let end = rest[digits.endIndex...].first == ";" ? digits.endIndex + 1 : digits.endIndex
    return (characters(ofReferenceTo: value), end)
}

/// The characters of a numeric reference: C1 controls are read as Windows-1252, other controls and noncharacters vanish,
/// null, surrogates and values beyond Unicode become U+FFFD.
private func characters(ofReferenceTo value: UInt32) -> [Unicode.Scalar] {
    guard value != 0, let scalar = Unicode.Scalar(value) else { return ["\u{FFFD}"] }
    if let character = windows1252(control: scalar) { return [character] }
    switch value {
    case 0x80...0x9F, 0x9, 0xA, 0xC, 0xD: return [scalar]
    case ..<0x20, 0x7F, 0xFDD0...0xFDEF: return []
    default: return value & 0xFFFE == 0xFFFE ? [] : [scalar]
    }
}

/// Characters that end the name of a reference.
private func endsName(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "\t", "\n", "\u{C}", " ", "<", "&", "#", ";": true
    default: false
    }
}

private func isASCIIDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }
