import Foundation
import PerceptTokenizer

/// The small vocabulary and the expected ids that Tools/fixtures/llama_tokenizer.py writes.
enum LlamaFixtures {
    struct Sample: Decodable {
        let text: String
        /// Ids with names of special tokens read as text.
        let ids: [UInt32]
        /// Ids with special tokens found in the text, where they differ.
        let special: [UInt32]?
    }

    static let samples: [Sample] = read("llama_tokens.json") { try JSONDecoder().decode([Sample].self, from: $0) } ?? []
    /// Random ids and their text.
    static let texts: [Sample] = read("llama_texts.json") { try JSONDecoder().decode([Sample].self, from: $0) } ?? []
    static let json: [UInt8] = read("llama_tokenizer.json") { Array($0) } ?? []
    static let model: [UInt8] = read("llama_tokenizer.model") { Array($0) } ?? []

    static func path(_ name: String) -> String {
        URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/\(name)").path
    }

    private static func read<Value>(_ name: String, _ decode: (Data) throws -> Value) -> Value? {
        try? decode(Data(contentsOf: URL(filePath: path(name))))
    }

    /// Both kinds of file.
    static func tokenizers() throws -> [BytePairTokenizer] {
        [
            try BytePairTokenizer(tokenizerJSON: json, file: "json"),
            try BytePairTokenizer(tiktoken: model, file: "model"),
        ]
    }

    /// A `tokenizer.json` as published ones are laid out, with the 256 bytes in id order, then `tokens`.
    static func document(
        tokens: [String] = [], merges: String = "[]", ignoreMerges: Bool = true, added: String = "[]",
        preTokenizer: String? = nil, postProcessor: String = "null", top: String = "", model: String = ""
    ) -> String {
        var members = byteCharacters.enumerated().map { #""\#($1 == "\"" || $1 == "\\" ? "\\" : "")\#($1)":\#($0)"# }
        members += tokens.enumerated().map { #""\#($1)":\#(256 + $0)"# }
        return """
            {"version": "1.0", \(top) "added_tokens": \(added), "normalizer": null,
             "pre_tokenizer": \(preTokenizer ?? #"{"type":"Sequence","pretokenizers":[\#(split),\#(byteLevel)]}"#),
             "post_processor": \(postProcessor), "decoder": {"type": "ByteLevel"},
             "model": {"type": "BPE", \(model) "ignore_merges": \(ignoreMerges),
              "vocab": {\(members.joined(separator: ","))}, "merges": \(merges)}}
            """
    }

    static let byteLevel = #"{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}"#
    static let split =
        #"{"type":"Split","pattern":{"Regex":"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|"#
        + #" ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"},"behavior":"Isolated","invert":false}"#

    static func tokenizer(_ document: String) throws(TokenizerError) -> BytePairTokenizer {
        try BytePairTokenizer(tokenizerJSON: Array(document.utf8), file: "t")
    }

    /// The characters that stand for bytes, printable ones first.
    private static let byteCharacters: [Character] = {
        let printable = Array(0x21...0x7E) + Array(0xA1...0xAC) + Array(0xAE...0xFF)
        return (printable + Array(0x100..<0x100 + 256 - printable.count)).compactMap(Unicode.Scalar.init).map(
            Character.init)
    }()
}

/// The same numbers in every run (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
