import Testing

@testable import PerceptTokenizer

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
