/// The pieces of a text that are encoded one by one, as ranges of its UTF-8. They cover the text. The pattern is Llama
/// 3's (reference: llama3/tokenizer.py, `pat_str`):
///
/// `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
///
/// Every character is looked at a bounded number of times. Letters and numbers are those of Unicode 16, as in tokenizers
/// 0.23 and tiktoken 0.14; Swift 6.3 knows the newer ones of Unicode 17 too.
struct LlamaPieces: Sequence, IteratorProtocol {
    /// The pattern as `tokenizer.json` files spell it.
    static let pattern =
        #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#

    private let text: [UInt8]
    private let end: Int
    private var position: Int

    /// - Parameter range: The part of `text` that is split, as if nothing stood around it; both valid UTF-8.
    init(_ text: [UInt8], in range: Range<Int>) {
        self.text = text
        position = range.lowerBound
        end = range.upperBound
    }

    mutating func next() -> Range<Int>? {
        guard position < end else { return nil }
        let start = position
        position = pieceEnd(from: start)
        return start..<position
    }

    private func pieceEnd(from start: Int) -> Int {
        if let contraction = contractionEnd(from: start) { return contraction }
        let first = character(at: start)
        switch first.kind {
        case .letter: return skip(.letter, from: first.end)
        case .number: return skip(.number, from: first.end, atMost: 2)
        case .other:
            let letters = skip(.letter, from: first.end)
            return letters > first.end ? letters : symbolsEnd(from: first.end)
        case .space:
            let letters = skip(.letter, from: first.end)
            if letters > first.end { return letters }
            if text[start] == UInt8(ascii: " "), first.end < end, case let second = character(at: first.end),
                second.kind == .other
            {
                return symbolsEnd(from: second.end)
            }
            return spaceEnd(from: start)
        case .lineBreak: return spaceEnd(from: start)
        }
    }

    /// The end of `[^\s\p{L}\p{N}]*[\r\n]*`.
    private func symbolsEnd(from start: Int) -> Int { skip(.lineBreak, from: skip(.other, from: start)) }

    /// The end of `\s*[\r\n]+|\s+(?!\S)|\s+`: white space up to its last line break; without one, all of it at the end
    /// of the text, else all but the last, which goes with what follows unless it is alone.
    private func spaceEnd(from start: Int) -> Int {
        var last = start
        var position = start
        var breaks: Int?
        while position < end {
            let character = character(at: position)
            guard character.kind == .space || character.kind == .lineBreak else { break }
            if character.kind == .lineBreak { breaks = character.end }
            last = position
            position = character.end
        }
        if let breaks { return breaks }
        return position == end || last == start ? position : last
    }

    /// The end of `(?i:'s|'t|'re|'ve|'m|'ll|'d)`. Long s equals s without regard to case.
    private func contractionEnd(from start: Int) -> Int? {
        guard text[start] == UInt8(ascii: "'"), start + 1 < end else { return nil }
        let lowerCase: UInt8 = 0x20
        let second = start + 2 < end ? text[start + 2] : 0
        switch (text[start + 1] | lowerCase, second | lowerCase) {
        case (UInt8(ascii: "s"), _), (UInt8(ascii: "t"), _), (UInt8(ascii: "m"), _), (UInt8(ascii: "d"), _):
            return start + 2
        case (UInt8(ascii: "r"), UInt8(ascii: "e")), (UInt8(ascii: "v"), UInt8(ascii: "e")),
            (UInt8(ascii: "l"), UInt8(ascii: "l")):
            return start + 3
        default:
            let longS: [UInt8] = [0xC5, 0xBF]
            return text[start + 1..<end].starts(with: longS) ? start + 3 : nil
        }
    }

    private func skip(_ kind: Kind, from start: Int, atMost limit: Int = .max) -> Int {
        var position = start
        var count = 0
        while position < end, count < limit {
            let character = character(at: position)
            guard character.kind == kind else { break }
            position = character.end
            count += 1
        }
        return position
    }

    private enum Kind {
        /// `\p{L}`
        case letter
        /// `\p{N}`
        case number
        /// `[\r\n]`
        case lineBreak
        /// Other `\s`.
        case space
        /// `[^\s\p{L}\p{N}]`
        case other
    }

    /// The kind of the character at `position` and where it ends.
    private func character(at position: Int) -> (kind: Kind, end: Int) {
        let first = text[position]
        if first < 0x80 { return (Self.ascii[Int(first)], position + 1) }
        let length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
        var value = UInt32(first) & (0x7F >> UInt32(length))
        for byte in text[position + 1..<position + length] { value = value << 6 | UInt32(byte & 0x3F) }
        return (Unicode.Scalar(value).map(Self.kind) ?? .other, position + length)
    }

    private static let ascii: [Kind] = (0..<0x80 as Range<UInt8>).map { kind(Unicode.Scalar($0)) }

    private static func kind(_ scalar: Unicode.Scalar) -> Kind {
        if scalar == "\r" || scalar == "\n" { return .lineBreak }
        let properties = scalar.properties
        if let age = properties.age, age.major > 16 { return .other }
        switch properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: return .letter
        case .decimalNumber, .letterNumber, .otherNumber: return .number
        default: return properties.isWhitespace ? .space : .other
        }
    }
}
