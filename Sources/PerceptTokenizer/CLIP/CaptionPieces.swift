/// The pieces that are encoded one by one: special tokens, English contractions, runs of letters, single numbers, and
/// runs of anything else that is not white space. The pattern is CLIP's, matched without regard to case:
///
/// `<start_of_text>|<end_of_text>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`
struct CaptionPieces: Sequence, IteratorProtocol {
    enum Piece {
        case startOfText
        case endOfText
        /// UTF-8 bytes.
        case text([UInt8])
    }

    private let scalars: [Unicode.Scalar]
    private var position = 0

    /// - Parameter scalars: lower-case text.
    init(_ scalars: [Unicode.Scalar]) { self.scalars = scalars }

    mutating func next() -> Piece? {
        while position < scalars.count {
            let start = position
            for (literal, special) in Self.specials {
                guard let end = self.end(of: literal) else { continue }
                position = end
                // With a long s the literal matches but is not the token's name.
                return scalars[start..<end].elementsEqual(literal) ? special : piece(from: start)
            }
            for literal in Self.contractions {
                guard let end = self.end(of: literal) else { continue }
                position = end
                return piece(from: start)
            }
            let kind = Kind(scalars[position])
            position += 1
            switch kind {
            case .separator: continue
            case .number: break
            case .letter, .other:
                while position < scalars.count, Kind(scalars[position]) == kind { position += 1 }
            }
            return piece(from: start)
        }
        return nil
    }

    private func piece(from start: Int) -> Piece {
        var text = String.UnicodeScalarView()
        text.append(contentsOf: scalars[start..<position])
        return .text(Array(String(text).utf8))
    }

    /// Where `literal` ends if it stands at the current position. Long s is the one letter outside ASCII that equals a
    /// letter of the pattern without regard to case and is lower-case itself.
    private func end(of literal: [Unicode.Scalar]) -> Int? {
        guard scalars[position] == literal[0], scalars.count - position >= literal.count else { return nil }
        for (scalar, expected) in zip(scalars[position...], literal) {
            guard scalar == expected || (scalar == "\u{17F}" && expected == "s") else { return nil }
        }
        return position + literal.count
    }

    private static let specials: [([Unicode.Scalar], Piece)] = [
        (Array("<start_of_text>".unicodeScalars), .startOfText),
        (Array("<end_of_text>".unicodeScalars), .endOfText),
    ]
    private static let contractions = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"].map { Array($0.unicodeScalars) }

    private enum Kind {
        case letter, number, other, separator

        init(_ scalar: Unicode.Scalar) {
            if scalar.isASCII {
                switch scalar {
                case "a"..."z", "A"..."Z": self = .letter
                case "0"..."9": self = .number
                case "\t"..."\r", " ": self = .separator
                default: self = .other
                }
                return
            }
            // Folding maps U+0345 to the letter iota, so the negated class rejects it, yet it is no letter: the
            // reference's pattern skips it.
            if scalar == "\u{345}" {
                self = .separator
                return
            }
            switch scalar.properties.generalCategory {
            case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: self = .letter
            case .decimalNumber, .letterNumber, .otherNumber: self = .number
            default: self = scalar.properties.isWhitespace ? .separator : .other
            }
        }
    }
}
