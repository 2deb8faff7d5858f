import Foundation

/// Letters drawn for captions in videos: 5 x 7 dots, and for accents two rows above and one below.
///
/// There are glyphs for ASCII and Latin-1, and for the letters of Latin alphabets that are one of these with an accent.
/// Other accents are left off, what Unicode says to be the same in other clothes (full-width letters, ligatures) is
/// spelled in plain ones, and of everything else remains an empty box, of which `undrawn` tells.
package enum BitmapFont {
    package static let width = 5
    /// Of a letter without accents.
    package static let height = 7
    /// Rows of a glyph over the top of a capital.
    static let rowsAbove = 2

    /// Ten rows from the top, five dots each, the leftmost in the highest bit.
    package typealias Glyph = [UInt8]

    /// The glyphs of a text from left to right; where a character is spelled out, several for one.
    package static func glyphs(_ text: String) -> [Glyph] { text.flatMap { glyphs($0) ?? [box] } }

    /// The characters that boxes stand for, each once, in the order of the text.
    package static func undrawn(in text: String) -> String {
        var found = ""
        for character in text where glyphs(character) == nil && !found.contains(character) { found.append(character) }
        return found
    }

    private static let box = placed(rows("VHHHHHV"))

    /// Nil for a character that there is no way to draw.
    private static func glyphs(_ character: Character) -> [Glyph]? {
        if let rows = drawn(character) { return [placed(rows)] }
        if let spelling = spellings[character] { return spelling.compactMap(drawn).map(placed) }
        if let accented = accented(character) { return [accented] }
        let plain = String(character).precomposedStringWithCompatibilityMapping
        guard plain != String(character) else { return nil }
        let parts = plain.map { drawn($0).map(placed) ?? accented($0) ?? spellings[$0].flatMap(drawn).map(placed) }
        return parts.contains(nil) ? nil : parts.compactMap(\.self)
    }

    /// The seven rows of a character that has a drawing of its own.
    private static func drawn(_ character: Character) -> [UInt8]? {
        guard let scalar = character.unicodeScalars.first, character.unicodeScalars.count == 1 else { return nil }
        let value = Int(scalar.value)
        if ascii.indices.contains(value - 32) { return rows(ascii[value - 32]) }
        return others[scalar].map(rows)
    }

    private static func drawn(_ text: String) -> [UInt8]? { text.count == 1 ? text.first.flatMap(drawn) : nil }

    /// A letter under its accent and over what hangs from it, one of each at the most.
    private static func accented(_ character: Character) -> Glyph? {
        let scalars = String(character).decomposedStringWithCanonicalMapping.unicodeScalars
        guard scalars.count > 1, let first = scalars.first, var letter = drawn(Character(first)),
            scalars.dropFirst().allSatisfy({ $0.properties.generalCategory == .nonspacingMark })
        else { return nil }
        let above = scalars.dropFirst().lazy.compactMap { marksAbove[$0] }.first
        let below = scalars.dropFirst().lazy.compactMap { marksBelow[$0] }.first
        // The accent takes the place of the dot.
        if above != nil && (first == "i" || first == "j") { letter[0] = 0 }
        // Over a small letter the accent has a row to spare.
        let top = letter[0] == 0 && letter[1] == 0 ? 1 : 0
        var glyph = placed(letter)
        if let above {
            let accent = rows(above)
            for (row, dots) in (top == 0 ? accent.suffix(3) : accent.prefix(3)).enumerated() {
                glyph[top + row] |= dots
            }
        }
        if let below { glyph[glyph.count - 1] |= rows(below)[0] }
        return glyph
    }

    /// Seven rows among ten.
    private static func placed(_ rows: [UInt8]) -> Glyph { [UInt8](repeating: 0, count: rowsAbove) + rows + [0] }

    /// A row is a digit to the base of 32 (0 to 9, A to V).
    private static func rows(_ digits: StaticString) -> [UInt8] {
        digits.withUTF8Buffer { $0.map { $0 < 65 ? $0 - 48 : $0 - 55 } }
    }

    /// From the space to the tilde.
    private static let ascii: [StaticString] = [
        "0000000", "4444404", "AA00000", "AAVAVAA", "4FKE5U4", "OP248J3", "CIK8LID", "4400000", "2488842", "8422248",
        "04LEL40", "044V440", "0000C48", "000E000", "00000CC", "01248G0", "EHJLPHE", "4C4444E", "EH1248V", "V2421HE",
        "26AIV22", "VGU11HE", "68GUHHE", "V124888", "EHHEHHE", "EHHF12C", "0CC0CC0", "0CC0C48", "248G842", "00V0V00",
        "8421248", "EH12404", "EH1DLLE", "EHHVHHH", "UHHUHHU", "EHGGGHE", "SIHHHIS", "VGGUGGV", "VGGUGGG", "EHGNHHF",
        "HHHVHHH", "E44444E", "72222IC", "HIKOKIH", "GGGGGGV", "HRLLHHH", "HHPLJHH", "EHHHHHE", "UHHUGGG", "EHHHLID",
        "UHHUKIH", "FGGE11U", "V444444", "HHHHHHE", "HHHHHA4", "HHHLLLA", "HHA4AHH", "HHHA444", "V1248GV", "E88888E",
        "0G84210", "E22222E", "4AH0000", "000000V", "8420000", "00E1FHF", "GGMPHHU", "00EGGHE", "11DJHHF", "00EHVGE",
        "698S888", "0FHHF1E", "GGMPHHH", "40C444E", "20622IC", "GGIKOKI", "C44444E", "00QLLHH", "00MPHHH", "00EHHHE",
        "00UHUGG", "00DJF11", "00MPGGG", "00EGE1U", "88S8896", "00HHHJD", "00HHHA4", "00HHLLA", "00HA4AH", "00HHF1E",
        "00V248V", "2448442", "4444444", "8442448", "008L200",
    ]

    /// What Latin-1 has besides and is not a letter with an accent, and a few characters more that texts often have.
    private static let others: [UnicodeScalar: StaticString] = [
        "\u{A0}": "0000000", "¡": "4044444", "¢": "04FKKF4", "£": "698S88V", "¤": "0HEAEH0", "¥": "HAV4V44",
        "¦": "4440444", "§": "FGEHE1U", "¨": "A000000", "©": "EHNKNHE", "ª": "E1FHF0V", "«": "05AKA50", "¬": "000V110",
        "®": "EHTTRHE", "¯": "V000000", "°": "EAE0000", "±": "44V440V", "²": "C24E000", "³": "C242C00", "´": "2400000",
        "µ": "00HHJTG", "¶": "FLLD555", "·": "0004000", "¸": "000004C", "¹": "4C4E000", "º": "EHHE0V0", "»": "0KA5AK0",
        "¿": "4048GHE", "Æ": "FKKUKKN", "Ð": "SIHTHIS", "×": "0HA4AH0", "Ø": "FJLLLPU", "Þ": "GUHHUGG", "ß": "EHHMHHM",
        "æ": "00Q5FKF", "ð": "A4A1FHE", "÷": "040V040", "ø": "00FJLPU", "þ": "GGUHUGG", "Đ": "SIHTHIS", "đ": "17DJHHF",
        "ı": "00C444E", "Ł": "88ACO8F", "ł": "C46C44E", "–": "000V000", "—": "000V000", "•": "00EEE00", "€": "78U8U87",
    ]

    /// For what texts are full of, and their readers take for the same.
    private static let spellings: [Character: String] = [
        "\u{AD}": "", "¼": "1/4", "½": "1/2", "¾": "3/4", "Œ": "OE", "œ": "oe", "ẞ": "SS", "‘": "'", "’": "'", "‚": ",",
        "“": "\"", "”": "\"", "„": "\"", "‹": "<", "›": ">", "…": "...", "‐": "-", "‑": "-", "−": "-", "⁄": "/",
        "″": "\"",
        "′": "'",
    ]

    /// Three rows, the last of which a capital shares with the accent, and where that does not do three others for it.
    private static let marksAbove: [UnicodeScalar: StaticString] = [
        "\u{300}": "840", "\u{301}": "240", "\u{302}": "4A0", "\u{303}": "DM0", "\u{304}": "E00", "\u{306}": "HE0",
        "\u{307}": "400", "\u{308}": "A00", "\u{309}": "640", "\u{30A}": "4A4EA0", "\u{30B}": "5A0", "\u{30C}": "A40",
    ]

    /// One row under the letter.
    private static let marksBelow: [UnicodeScalar: StaticString] = [
        "\u{323}": "4", "\u{326}": "4", "\u{327}": "C", "\u{328}": "2", "\u{331}": "E",
    ]
}
