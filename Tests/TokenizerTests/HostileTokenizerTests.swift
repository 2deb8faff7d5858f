import Foundation
import PerceptTokenizer
import Testing

private typealias F = LlamaFixtures

/// A faulty file and what it is refused for, which names the test.
struct Fault: Sendable, CustomTestStringConvertible {
    let file: [UInt8]
    let error: TokenizerError
    var testDescription: String { error.description }
}

@Test(
    arguments: [
        ("", .notJSON(file: "t", byte: 0, reason: "the text ends early")),
        ("[]", .field(file: "t", path: "", expected: "an object")),
        ("{}", .field(file: "t", path: "pre_tokenizer", expected: "an object")),
        (
            F.document(top: #""added_tokens": [],"#),
            .field(file: "t", path: "added_tokens", expected: "there only once")
        ),
        (
            F.document(preTokenizer: #"{"type": "Metaspace"}"#),
            .unsupported(file: "t", feature: "pre-tokenizer Metaspace")
        ),
        (
            F.document(preTokenizer: #"{"type":"Sequence","pretokenizers":[{"type":"Digits"},\#(F.byteLevel)]}"#),
            .unsupported(file: "t", feature: "pre-tokenizer Digits")
        ),
        (
            F.document(preTokenizer: #"{"type":"Sequence","pretokenizers":[\#(F.split)]}"#),
            .unsupported(file: "t", feature: "a pre-tokenizer other than Split, then ByteLevel,")
        ),
        (
            F.document(preTokenizer: #"{"type":"Sequence","pretokenizers":[\#(F.split),{"type":"ByteLevel"}]}"#),
            .unsupported(file: "t", feature: "add_prefix_space of the pre-tokenizer ByteLevel")
        ),
        (
            F.document().replacing("{1,3}", with: "{1,4}").replacing(#"(?i:'s|'t|'re|'ve|'m|'ll|'d)"#, with: "x"),
            .unsupported(
                file: "t",
                feature: #"the split pattern x|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,4}| "#
                    + #"?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#)
        ),
        (
            F.document().replacing("Isolated", with: "Removed"),
            .unsupported(file: "t", feature: "a split other than Isolated, or inverted,")
        ),
        (
            F.document().replacing(#""normalizer": null"#, with: #""normalizer": {"type": "NFC"}"#),
            .unsupported(file: "t", feature: "normalizer NFC")
        ),
        (
            F.document().replacing(#""type": "BPE""#, with: #""type": "Unigram""#),
            .unsupported(file: "t", feature: "model Unigram")
        ),
        (F.document(model: #""dropout": 0.1,"#), .unsupported(file: "t", feature: "dropout")),
        (F.document(model: #""byte_fallback": true,"#), .unsupported(file: "t", feature: "byte_fallback")),
        (F.document(model: #""end_of_word_suffix": "</w>","#), .unsupported(file: "t", feature: "end_of_word_suffix")),
        (
            F.document(model: #""continuing_subword_prefix": 1,"#),
            .field(file: "t", path: "model.continuing_subword_prefix", expected: "a string")
        ),
        (
            F.document(postProcessor: #"{"type": "BertProcessing"}"#),
            .unsupported(file: "t", feature: "post-processor BertProcessing")
        ),
        (
            F.document(postProcessor: #"{"type": "TemplateProcessing", "single": []}"#),
            .unsupported(file: "t", feature: "a template other than one token and the text")
        ),
        (
            F.document(
                postProcessor: #"{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x"}},{"Sequence":{}}]}"#),
            .field(file: "t", path: "post_processor.single[0].SpecialToken.id", expected: "an added token")
        ),
        (F.document(tokens: ["a"]), .repeatedToken(file: "t", token: "a")),
        (F.document().replacing("\"b\":65", with: "\"b\":64"), .repeatedID(file: "t", token: "b", id: 64)),
        (F.document().replacing("\"b\":65", with: "\"b\":-1"), .idOutOfRange(file: "t", token: "b", id: -1)),
        (
            F.document().replacing("\"b\":65", with: "\"b\":4294967361"),
            .idOutOfRange(file: "t", token: "b", id: 4_294_967_361)
        ),
        (
            F.document().replacing("\"b\":65", with: "\"b\":1e30"),
            .field(file: "t", path: "model.vocab.b", expected: "a whole number")
        ),
        (
            F.document().replacing("\"b\":65", with: "\"b\":\"65\""),
            .field(file: "t", path: "model.vocab.b", expected: "a whole number")
        ),
        (F.document().replacing("\"b\":65,", with: ""), .missingByte(file: "t", byte: 0x62)),
        (
            F.document(tokens: ["日"]),
            .unsupported(file: "t", feature: "the token \"日\", which is not bytes,")
        ),
        (F.document(tokens: [""]), .unsupported(file: "t", feature: "the token \"\", which is not bytes,")),
        (F.document(merges: #"["a b"]"#), .unknownSymbol(file: "t", symbol: "ab", merge: 0)),
        (F.document(tokens: ["ab"], merges: #"["a bc"]"#), .unknownSymbol(file: "t", symbol: "bc", merge: 0)),
        (F.document(tokens: ["ab"], merges: #"["a b", "日 b"]"#), .unknownSymbol(file: "t", symbol: "日", merge: 1)),
        (F.document(tokens: ["ab"], merges: #"["a b", ["a", "b"]]"#), .repeatedMerge(file: "t", merge: 1)),
        (F.document(merges: #"["ab"]"#), .field(file: "t", path: "model.merges[0]", expected: "two symbols")),
        (F.document(merges: #"[["a"]]"#), .field(file: "t", path: "model.merges[0]", expected: "two symbols")),
        (F.document(merges: #"[[1, 2]]"#), .field(file: "t", path: "model.merges[0]", expected: "two symbols")),
        (F.document(merges: "{}"), .field(file: "t", path: "model.merges", expected: "an array")),
        (F.document(merges: "null"), .field(file: "t", path: "model.merges", expected: "an array")),
        (
            F.document(added: #"[{"id": 256, "content": "x"}, {"id": 256, "content": "y"}]"#),
            .repeatedID(file: "t", token: "y", id: 256)
        ),
        (
            F.document(added: #"[{"id": 256, "content": "x y"}, {"id": 257, "content": "x y"}]"#),
            .repeatedToken(file: "t", token: "x y")
        ),
        (F.document(added: #"[{"id": 64, "content": "<x>"}]"#), .repeatedID(file: "t", token: "a", id: 64)),
        (F.document(added: #"[{"id": 256, "content": "a"}]"#), .repeatedToken(file: "t", token: "a")),
        (F.document(added: #"[{"id": 64, "content": "a", "special": true}]"#), .missingByte(file: "t", byte: 0x61)),
        (F.document(added: #"[{"id": -1, "content": "<x>"}]"#), .idOutOfRange(file: "t", token: "<x>", id: -1)),
        (
            F.document(added: #"[{"id": 4294967296, "content": "<x>"}]"#),
            .idOutOfRange(file: "t", token: "<x>", id: 4_294_967_296)
        ),
        (
            F.document(added: #"[{"id": 256, "content": ""}]"#),
            .field(file: "t", path: "added_tokens[0].content", expected: "some text")
        ),
        (
            F.document(added: #"[{"id": 256}]"#),
            .field(file: "t", path: "added_tokens[0].content", expected: "a string")
        ),
        (
            F.document(added: #"[{"content": "<x>"}]"#),
            .field(file: "t", path: "added_tokens[0].id", expected: "a whole number")
        ),
        (
            F.document(added: #"[{"id": 256, "content": "<x>", "special": 1}]"#),
            .field(file: "t", path: "added_tokens[0].special", expected: "true or false")
        ),
        (
            F.document(added: #"[{"id": 256, "content": "\#(String(repeating: "x", count: 257))"}]"#),
            .unsupported(file: "t", feature: "an added token of 257 bytes")
        ),
        (
            F.document(added: #"[{"id": 256, "content": "<x>", "lstrip": true}]"#),
            .unsupported(file: "t", feature: "lstrip of the added token \"<x>\"")
        ),
    ].map { Fault(file: Array($0.utf8), error: $1) })
func faultsOfJSONAreNamed(fault: Fault) {
    #expect(throws: fault.error) { try BytePairTokenizer(tokenizerJSON: fault.file, file: "t") }
}

@Test(arguments: [
    "{\"a\":", "{\"a\"}", "{a:1}", "[1,]", "[1 2]", "{} x", "\"\\u12", "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\q\"",
    "\"\u{1}\"", "\"", "01", "-", "1.", "--1", "1e999", "nul", "tru", String(repeating: "[", count: 1_000_000),
    String(repeating: "{\"a\":", count: 1_000_000),
])
func textsThatAreNotJSONAreRefused(text: String) {
    do {
        _ = try F.tokenizer(text)
        Issue.record("accepted")
    } catch {
        guard case .notJSON = error else { return #expect(Bool(false), "\(error)") }
    }
}

@Test func stringsThatAreNotUTF8AreRefused() {
    #expect(throws: TokenizerError.notJSON(file: "t", byte: 3, reason: "the string before is not UTF-8")) {
        try BytePairTokenizer(tokenizerJSON: [0x5B, 0x22, 0xFF, 0x22, 0x5D], file: "t")
    }
}

@Test func millionsOfValuesAreRefused() {
    let text = "[" + String(repeating: "0,", count: 5_000_000) + "0]"
    #expect(throws: TokenizerError.self) { try F.tokenizer(text) }
}

/// Lines for all bytes with the byte as rank, in base64.
private func ranks(_ more: String = "", replacing line: Int? = nil, with text: String = "") -> [UInt8] {
    let lines = (0...255).map { $0 == line ? text : "\(Data([UInt8($0)]).base64EncodedString()) \($0)\n" }
    return Array((lines.joined() + more).utf8)
}

@Test func ranksMayStandInAnyOrder() throws {
    let lines = ranks("YWI= 256\n\n").split(separator: UInt8(ascii: "\n"))
    let tokenizer = try BytePairTokenizer(tiktoken: Array(lines.reversed().joined(separator: [0x0A])), file: "t")
    #expect(tokenizer.encode("ab abc") == [256, 32, 256, 99])
    #expect(tokenizer.beginOfText == 257)
}

@Test(
    arguments: [
        ([], .missingByte(file: "t", byte: 0)), (Array("\n\n".utf8), .missingByte(file: "t", byte: 0)),
        (ranks("YWI= 257\n"), .idOutOfRange(file: "t", token: "ab", id: 257)),
        (ranks("YWI= 9223372036854775807\n"), .idOutOfRange(file: "t", token: "ab", id: .max)),
        (ranks("YWI= 9223372036854775808\n"), .malformedLine(file: "t", line: 257)),
        (ranks("YWI= -1\n"), .malformedLine(file: "t", line: 257)),
        (ranks("YWI=\n"), .malformedLine(file: "t", line: 257)),
        (ranks("YWI= \n"), .malformedLine(file: "t", line: 257)),
        (ranks(" 256\n"), .malformedLine(file: "t", line: 257)),
        (ranks("YWI= 256 1\n"), .malformedLine(file: "t", line: 257)),
        (ranks("YWI 256\n"), .malformedLine(file: "t", line: 257)),
        (ranks("Y*I= 256\n"), .malformedLine(file: "t", line: 257)),
        (ranks("==== 256\n"), .malformedLine(file: "t", line: 257)),
        (ranks("YWJ= 256\n"), .malformedLine(file: "t", line: 257)),
        (ranks("YW=I 256\n"), .malformedLine(file: "t", line: 257)),
        (ranks("YQ==YQ== 256\n"), .malformedLine(file: "t", line: 257)),
        (ranks("Y=== 256\n"), .malformedLine(file: "t", line: 257)),

        (ranks("YWI= 2x6\n"), .malformedLine(file: "t", line: 257)),
        (ranks("YQ== 256\n"), .repeatedToken(file: "t", token: "a")),
        (ranks("YWI= 97\n"), .repeatedID(file: "t", token: "ab", id: 97)),
        (ranks(replacing: 98, with: "YWI= 98\n"), .missingByte(file: "t", byte: 98)),
        (ranks(replacing: 98), .idOutOfRange(file: "t", token: "\u{FFFD}", id: 255)),
    ].map(Fault.init))
func faultsOfRanksAreNamed(fault: Fault) {
    #expect(throws: fault.error) { try BytePairTokenizer(tiktoken: fault.file, file: "t") }
}

@Test func filesAreToldApartByTheirContents() throws {
    for name in ["llama_tokenizer.json", "llama_tokenizer.model"] {
        let tokenizer = try BytePairTokenizer(contentsOf: F.path(name))
        #expect(tokenizer.specialID("<|image|>") != nil)
    }
    for path in [F.path("nothing"), F.path(""), "/dev/null", ""] {
        do {
            _ = try BytePairTokenizer(contentsOf: path)
            Issue.record("accepted")
        } catch {
            switch error {
            case .absent(path), .unreadable(path, _): break
            default: Issue.record("\(error)")
            }
        }
    }
}

@Test(arguments: [
    ("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "Git LFS pointer"),
    ("<!DOCTYPE html>\n<html></html>", "web page"), (#"{"error":"Access to model x is restricted"}"#, "server's error"),
    ("", "empty"), ("\u{0}\u{0}\u{0}\u{0}", "zeros"),
])
func whatLiesInThePlaceOfATokenizerIsNamed(text: String, words: String) throws {
    let file = FileManager.default.temporaryDirectory.appending(path: "percept-\(UUID().uuidString).json")
    defer { try? FileManager.default.removeItem(at: file) }
    try Data(text.utf8).write(to: file)
    let error = try #require(throws: TokenizerError.self) { try BytePairTokenizer(contentsOf: file.path) }
    #expect(error.description.hasPrefix(file.path) && error.description.contains(words), "\(error)")
}

@Test func aByteOrderMarkMayPrecedeATokenizer() throws {
    let file = FileManager.default.temporaryDirectory.appending(path: "percept-\(UUID().uuidString).json")
    defer { try? FileManager.default.removeItem(at: file) }
    try (Data([0xEF, 0xBB, 0xBF]) + Data(contentsOf: URL(filePath: F.path("llama_tokenizer.json")))).write(to: file)
    #expect(try BytePairTokenizer(contentsOf: file.path).specialID("<|image|>") != nil)
}

@Test func truncatedAndDamagedFilesAreReadOrRefused() {
    // A small file, so that damage hits its structure more often than its vocabulary.
    let added = #"[{"id": 258, "content": "<x>", "special": true}, {"id": 259, "content": "日", "special": false}]"#
    let template = #"{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<x>"}},{"Sequence":{"id":"A"}}]}"#
    let small = F.document(
        tokens: ["ab", "abc"], merges: #"["a b",["ab","c"]]"#, added: added, postProcessor: template)
    let json = Array(small.utf8)
    let lines = ranks("YWI= 256\nYWJj 257\n")
    #expect(throws: Never.self) { try F.tokenizer(small) }
    for count in json.indices { #expect(throws: TokenizerError.self) { try read(Array(json[..<count])) } }
    for count in lines.indices { try? read(Array(lines[..<count])) }
    var random = SplitMix(state: 3)
    for file in [json, lines, F.json, F.model] {
        for _ in 0..<(file.count < 10_000 ? 4000 : 60) {
            var damaged = file
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let index = Int.random(in: damaged.indices, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: damaged[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                case 1: damaged[index] = UInt8.random(in: 0...255, using: &random)
                case 2: damaged.remove(at: index)
                default: damaged.insert(contentsOf: damaged[index...].prefix(5), at: index)
                }
            }
            try? read(damaged)
        }
    }
}

/// Reads a file of either kind and uses what it yields.
private func read(_ bytes: [UInt8]) throws(TokenizerError) {
    let tokenizer =
        bytes.first == UInt8(ascii: "{")
        ? try BytePairTokenizer(tokenizerJSON: bytes, file: "t") : try BytePairTokenizer(tiktoken: bytes, file: "t")
    let text = "abc ab <x> 日本 12345\n\n  it's"
    let ids = tokenizer.encode(text, allowSpecial: true)
    #expect(tokenizer.decode(ids, includingSpecial: true) == text)
}
