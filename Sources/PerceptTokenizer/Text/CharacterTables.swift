/// What Windows-1252 has in the place of a C1 control, as browsers read it; nil for anything else and for the five
/// places it leaves unassigned.
func windows1252(control scalar: Unicode.Scalar) -> Unicode.Scalar? {
    guard (0x80...0x9F).contains(scalar.value) else { return nil }
    return c1Characters[Int(scalar.value - 0x80)]
}

private let c1Characters: [Unicode.Scalar?] = [
    "\u{20AC}", nil, "\u{201A}", "\u{192}", "\u{201E}", "\u{2026}", "\u{2020}", "\u{2021}",
    "\u{2C6}", "\u{2030}", "\u{160}", "\u{2039}", "\u{152}", nil, "\u{17D}", nil,
    nil, "\u{2018}", "\u{2019}", "\u{201C}", "\u{201D}", "\u{2022}", "\u{2013}", "\u{2014}",
    "\u{2DC}", "\u{2122}", "\u{161}", "\u{203A}", "\u{153}", nil, "\u{17E}", "\u{178}",
]

/// Latin ligatures and digraphs that ftfy takes apart.
let latinLigatures: [Unicode.Scalar: [Unicode.Scalar]] = [
    "\u{132}": ["I", "J"], "\u{133}": ["i", "j"], "\u{149}": ["\u{2BC}", "n"],
    "\u{1F1}": ["D", "Z"], "\u{1F2}": ["D", "z"], "\u{1F3}": ["d", "z"],
    "\u{1C4}": ["D", "\u{17D}"], "\u{1C5}": ["D", "\u{17E}"], "\u{1C6}": ["d", "\u{17E}"],
    "\u{1C7}": ["L", "J"], "\u{1C8}": ["L", "j"], "\u{1C9}": ["l", "j"],
    "\u{1CA}": ["N", "J"], "\u{1CB}": ["N", "j"], "\u{1CC}": ["n", "j"],
    "\u{FB00}": ["f", "f"], "\u{FB01}": ["f", "i"], "\u{FB02}": ["f", "l"],
    "\u{FB03}": ["f", "f", "i"], "\u{FB04}": ["f", "f", "l"], "\u{FB05}": ["\u{17F}", "t"], "\u{FB06}": ["s", "t"],
]

/// Standard-width characters of the ideographic space and of the block of half-width and full-width forms (U+FF01 to
/// U+FFEE), which are their compatibility decompositions.
let standardWidth: [Unicode.Scalar: [Unicode.Scalar]] = {
    var table: [Unicode.Scalar: [Unicode.Scalar]] = ["\u{3000}": [" "], "\u{FFE3}": [" ", "\u{304}"]]
    func map(_ first: UInt32, to targets: some Sequence<UInt32>) {
        for (offset, target) in targets.enumerated() {
            guard let form = Unicode.Scalar(first + UInt32(offset)), let standard = Unicode.Scalar(target) else {
                continue
            }
            table[form] = [standard]
        }
    }
    map(0xFF01, to: 0x21...0x7E)
    map(0xFF5F, to: [0x2985, 0x2986, 0x3002, 0x300C, 0x300D, 0x3001, 0x30FB, 0x30F2])
    map(0xFF67, to: [0x30A1, 0x30A3, 0x30A5, 0x30A7, 0x30A9, 0x30E3, 0x30E5, 0x30E7, 0x30C3, 0x30FC])
    map(0xFF71, to: [0x30A2, 0x30A4, 0x30A6, 0x30A8, 0x30AA])
    map(0xFF76, to: stride(from: 0x30AB, through: 0x30C1, by: 2))  // ka to chi
    map(0xFF82, to: [0x30C4, 0x30C6, 0x30C8])
    map(0xFF85, to: 0x30CA...0x30CE)
    map(0xFF8A, to: stride(from: 0x30CF, through: 0x30DB, by: 3))  // ha to ho
    map(0xFF8F, to: 0x30DE...0x30E2)
    map(0xFF94, to: [0x30E4, 0x30E6, 0x30E8, 0x30E9, 0x30EA, 0x30EB, 0x30EC, 0x30ED, 0x30EF, 0x30F3, 0x3099, 0x309A])
    map(0xFFA0, to: [0x1160, 0x1100, 0x1101, 0x11AA, 0x1102, 0x11AC, 0x11AD, 0x1103, 0x1104, 0x1105])
    map(0xFFAA, to: [0x11B0, 0x11B1, 0x11B2, 0x11B3, 0x11B4, 0x11B5, 0x111A, 0x1106, 0x1107, 0x1108, 0x1121])
    map(0xFFB5, to: 0x1109...0x1112)
    map(0xFFC2, to: 0x1161...0x1166)
    map(0xFFCA, to: 0x1167...0x116C)
    map(0xFFD2, to: 0x116D...0x1172)
    map(0xFFDA, to: 0x1173...0x1175)
    map(0xFFE0, to: [0xA2, 0xA3, 0xAC])
    map(0xFFE4, to: [0xA6, 0xA5, 0x20A9])
    map(0xFFE8, to: [0x2502, 0x2190, 0x2191, 0x2192, 0x2193, 0x25A0, 0x25CB])
    return table
}()
