import PerceptTokenizer

private let sample =
    "Hello, wörld! 12345 <|image|> it's <|begin_of_text|>\n\n  x \u{1F600} e\u{0301} \u{0} caf\u{00C3}\u{00A9}"

/// What must hold of a tokenizer that was taken, whatever its vocabulary.
private func use(_ tokenizer: BytePairTokenizer) {
    for allowsSpecial in [true, false] {
        let ids = tokenizer.encode(sample, allowSpecial: allowsSpecial)
        require(ids.allSatisfy { Int($0) < tokenizer.idCount }, "an id beyond \(tokenizer.idCount)")
        let whole = tokenizer.decode(ids, includingSpecial: true)
        var stream = tokenizer.streamDecoder(includingSpecial: true)
        let streamed = ids.map { stream.append($0) }.joined() + stream.finish()
        require(streamed.utf8.elementsEqual(whole.utf8), "a stream of ids is another text")
    }
    _ = tokenizer.decode([0, 1, .max, UInt32(clamping: tokenizer.idCount)], includingSpecial: true)
}

private let clip = CLIPTokenizer()
private let llama: BytePairTokenizer = {
    do {
        return try BytePairTokenizer(contentsOf: "\(Repository.root)/Sources/CPerceptData/captioner/tokenizer.json")
    } catch { fail("\(error)") }
}()

let tokenizerTargets: [FuzzTarget] = [
    FuzzTarget(
        "tokenizer-json", "tokenizer.json: load, encode, decode, stream", longest: 1 << 15,
        seeds: ["Tests/TokenizerTests/Fixtures/llama_tokenizer.json"],
        made: { [("small", Array(smallTokenizer.utf8))] },
        words: [
            "\"added_tokens\":", "\"special\":true", "\"vocab\":{", "\"merges\":[", "\"a b\"", "[\"a\",\"b\"]",
            "\"ByteLevel\"", "\"pre_tokenizer\":", "\"normalizer\":", "4294967295", "\u{120}",
        ]
    ) { use(try BytePairTokenizer(tokenizerJSON: Array($0), file: "input")) },
    FuzzTarget(
        "tokenizer-model", "tokenizer.model of Llama 3", longest: 1 << 14,
        seeds: ["Tests/TokenizerTests/Fixtures/llama_tokenizer.model"],
        made: {
            // All single bytes, and one merge.
            let lines = (0..<256).map { "\(base64([UInt8($0)])) \($0)\n" }.joined() + "YWI= 256\n"
            return [("bytes", Array(lines.utf8))]
        }, words: ["IQ== 0\n", "4294967295", "====", " -1\n", "YWI= "]
    ) { use(try BytePairTokenizer(tiktoken: Array($0), file: "input")) },
    FuzzTarget(
        "merges", "a list of merges for CLIP", longest: 1 << 12,
        made: { [("few", Array("t h\nth e</w>\na n\nan d</w>\n".utf8)), ("crlf", Array("t h\r\nth e</w>\r\n".utf8))] },
        words: ["</w>", " ", "\n", "th e</w>\n"]
    ) { bytes in
        let tokenizer = try CLIPTokenizer(merges: Array(bytes))
        let ids = tokenizer.encode(sample, contextLength: 20)
        require(ids.count == 20 && ids.allSatisfy { $0 <= tokenizer.endOfText }, "ids outside the vocabulary")
    },
    FuzzTarget(
        "text", "texts: CLIP's ids, Llama's ids and back to the same text", longest: 1024,
        seeds: ["Tests/TokenizerTests/Fixtures/llama_texts.json", "Tools/demo-files/labels.txt"],
        made: { [("sample", Array(sample.utf8)), ("entities", Array("&amp;&#x41;&#65;&notit; &#0; cafÃ©".utf8))] },
        words: [
            "<|eot_id|>", "<start_of_text>", "&amp;", "&#x", "\u{1F600}", "\u{0301}", "\u{FEFF}", "'ll", "  \n",
            "\u{3A3}", "\u{130}", "\u{AC00}",
        ]
    ) { bytes in
        let text = String(decoding: bytes, as: UTF8.self)
        let (ids, tokens) = (clip.encode(text, contextLength: 72), clip.tokens(text))
        require(
            ids.count == 72 && ids[0] == clip.startOfText && ids.contains(clip.endOfText),
            "CLIP's ids without their frame")
        require(tokens.prefix(71).elementsEqual(ids.prefix(min(tokens.count, 71))), "cut ids differ")
        let plain = llama.encode(text)
        require(llama.decode(plain, includingSpecial: true).utf8.elementsEqual(text.utf8), "another text comes back")
        var stream = llama.streamDecoder(includingSpecial: true)
        let streamed = plain.map { stream.append($0) }.joined() + stream.finish()
        require(streamed.utf8.elementsEqual(text.utf8), "another text comes back from a stream")
        let special = llama.encode(text, allowSpecial: true)
        require(
            llama.decode(special, includingSpecial: true).utf8.elementsEqual(text.utf8),
            "special tokens change the text")
        require(!plain.contains(where: llama.isSpecial), "text became a special token")
    },
]

private let smallTokenizer = """
    {"version":"1.0","added_tokens":[{"id":4,"content":"<|x|>","special":true,"single_word":false,"lstrip":false,
    "rstrip":false,"normalized":false}],"normalizer":null,"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,
    "trim_offsets":true,"use_regex":true},"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2,"\u{120}":3},"merges":["a b"]}}
    """

private func base64(_ bytes: [UInt8]) -> String {
    let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    var text = ""
    for start in stride(from: 0, to: bytes.count, by: 3) {
        let group = bytes[start..<min(start + 3, bytes.count)]
        let value = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
        for place in 0..<4 { text.append(place <= group.count ? digits[value >> (18 - 6 * place) & 63] : "=") }
    }
    return text
}
