import Foundation
import PerceptTokenizer
import Testing

@Test(arguments: [
    ("a photo of a cat", [49406, 320, 1125, 539, 320, 2368, 49407]),
    ("it's don't we're 12345 ???", [49406, 585, 568, 847, 713, 649, 982, 272, 273, 274, 275, 276, 3824, 49407]),
    (
        "Héllo &amp; WORLD’s 3.14 — test   ok",
        [49406, 71, 3459, 19293, 261, 1002, 568, 274, 269, 272, 275, 2005, 1628, 2481, 49407]
    ),
    ("ﬁancée “quoted” text &lt;b&gt;", [49406, 27752, 13489, 257, 27706, 257, 4160, 283, 321, 285, 49407]),
    (
        "日本語 テキスト 😀 emoji",
        [49406, 39121, 44353, 34002, 508, 2429, 228, 47121, 32421, 486, 7334, 16327, 49407]
    ),
    ("<start_of_text> x <end_of_text>", [49406, 49406, 343, 49407, 49407]),
    ("   ", [49406, 49407]),
])
func clipIDs(text: String, ids: [UInt32]) {
    #expect(CLIPTokenizer().tokens(text) == ids)
}

/// Strings and ids made with open_clip by Tools/fixtures/tokenizer.py: scripts, marks in any order, emoji sequences,
/// controls, white space, every HTML reference, width forms, special tokens.
@Test func corpusHasTheIDsOfOpenCLIP() throws {
    struct Sample: Decodable {
        let text: String
        let ids: [UInt32]
    }
    let fixture = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/clip_tokens.json")
    let samples = try JSONDecoder().decode([Sample].self, from: Data(contentsOf: fixture))
    #expect(samples.count > 500)
    let tokenizer = CLIPTokenizer()
    for sample in samples {
        #expect(tokenizer.tokens(sample.text) == sample.ids, "\(sample.text.debugDescription)")
    }
}

@Test(arguments: [
    (1, [49407]), (2, [49406, 49407]), (4, [49406, 320, 1125, 49407]), (6, [49406, 320, 1125, 539, 320, 49407]),
    (7, [49406, 320, 1125, 539, 320, 2368, 49407]), (9, [49406, 320, 1125, 539, 320, 2368, 49407, 0, 0]),
])
func contextIsPaddedWithZerosOrCutBeforeTheEnd(length: Int, ids: [UInt32]) {
    #expect(CLIPTokenizer().encode("a photo of a cat", contextLength: length) == ids)
}

/// Ids of the bytes: "a" 64, "b" 65, "c" 66; 256 more at the end of a word.
@Test(arguments: [
    ("", [519, 520]), ("a", [519, 320, 520]), ("ab", [519, 513, 520]), ("aaa", [519, 512, 320, 520]),
    ("aaaa", [519, 512, 515, 520]), ("aaaaa", [519, 516, 320, 520]), ("abc", [519, 514, 322, 520]),
    ("abab", [519, 514, 513, 520]), ("abb ab", [519, 514, 321, 513, 520]),
])
func lowestRankIsMergedFirstFromTheLeft(text: String, ids: [UInt32]) throws {
    let merges = "a a\na b</w>\na b\na a</w>\naa aa\nb c</w>\na bc</w>\n"
    #expect(try CLIPTokenizer(merges: Array(merges.utf8)).tokens(text) == ids)
}

@Test func tokenizerWithoutMergesYieldsBytes() throws {
    #expect(try CLIPTokenizer(merges: []).tokens("é!") == [512, 127, 358, 256, 513])
}

@Test(
    arguments: [
        ("a b\n\n", .malformed(line: 2)), ("\n", .malformed(line: 1)), ("a\n", .malformed(line: 1)),
        ("a b c\n", .malformed(line: 1)), ("a  b\n", .malformed(line: 1)), (" b\n", .malformed(line: 1)),
        ("#version: 0.2\n", .unknownSymbol("#version:", line: 1)), ("a b\nab cd\n", .unknownSymbol("cd", line: 2)),
        ("a b\r\n", .unknownSymbol("b\r", line: 1)), ("a b\na b\n", .repeated("ab", line: 2)),
        ("a b\nb c\nab c\na bc\n", .repeated("abc", line: 4)), ("\u{212A} a\n", .unknownSymbol("\u{212A}", line: 1)),
    ] as [(String, MergesError)])
func malformedMergesAreNamed(merges: String, error: MergesError) {
    #expect(throws: error) { try CLIPTokenizer(merges: Array(merges.utf8)) }
}

@Test func mergesThatAreNoTextAreRefused() {
    #expect(throws: MergesError.unknownSymbol("\u{FFFD}", line: 1)) {
        try CLIPTokenizer(merges: [0xFF, 0x20, 0x61])
    }
}

/// Counts from open_clip.
@Test(arguments: [
    ("a", 10_000, 1253), ("ab", 5_000, 5002), ("!", 10_000, 628), ("é", 10_000, 10002), ("1", 10_000, 10002),
])
func longRunsAreEncodedInReasonableTime(unit: String, count: Int, expected: Int) {
    let clock = ContinuousClock()
    let tokenizer = CLIPTokenizer()
    var ids: [UInt32] = []
    let time = clock.measure { ids = tokenizer.tokens(String(repeating: unit, count: count)) }
    #expect(ids.count == expected)
    #expect(time < .seconds(5))
}

@Test(arguments: ["&", "&#", "\u{1B}[", "&amp;", "<", "\u{300}", "\u{3A3}", "\u{1F468}\u{200D}", "\r\n"])
func hostileRepetitionEnds(unit: String) {
    let ids = CLIPTokenizer().encode(String(repeating: unit, count: 20_000), contextLength: 32)
    #expect(ids.count == 32)
}
