import Foundation

/// Letters of 5 x 7 dots, drawn for captions in videos: ASCII; accents are left off, and what remains is an empty box.
package enum BitmapFont {
    package static let width = 5
    package static let height = 7

    /// Seven rows from the top, five dots each, the leftmost in the highest bit.
    static func rows(_ character: Character) -> [UInt8] {
        if let rows = glyph(character) { return rows }
        let plain = String(character).folding(options: [.diacriticInsensitive, .widthInsensitive], locale: nil)
        if plain.count == 1, let first = plain.first, let rows = glyph(first) { return rows }
        return decoded("VHHHHHV")
    }

    private static func glyph(_ character: Character) -> [UInt8]? {
        guard let value = character.asciiValue, (32..<127).contains(value) else { return nil }
        return decoded(glyphs[Int(value) - 32])
    }

    private static func decoded(_ glyph: StaticString) -> [UInt8] {
        glyph.withUTF8Buffer { $0.map { $0 < 65 ? $0 - 48 : $0 - 55 } }
    }

    /// From the space to the tilde; a row is a digit to the base of 32 (0 to 9, A to V).
    private static let glyphs: [StaticString] = [
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
}
