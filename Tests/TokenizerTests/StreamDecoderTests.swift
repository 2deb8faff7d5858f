import PerceptTokenizer
import Testing

/// The parts that `tokenizer` returns for `ids`.
private func parts(_ ids: [UInt32], _ tokenizer: BytePairTokenizer, includingSpecial: Bool) -> [String] {
    var decoder = tokenizer.streamDecoder(includingSpecial: includingSpecial)
    return ids.map { decoder.append($0) } + [decoder.finish()]
}

private func expectEqualToDecodingAtOnce(_ ids: [UInt32], _ tokenizer: BytePairTokenizer) {
    for includingSpecial in [false, true] {
        let text = tokenizer.decode(ids, includingSpecial: includingSpecial)
        let joined = parts(ids, tokenizer, includingSpecial: includingSpecial).joined()
        #expect(joined.utf8.elementsEqual(text.utf8), "\(ids)")
    }
}

private func idsOfBytes(_ tokenizer: BytePairTokenizer) -> [UInt8: UInt32] {
    Dictionary(
        uniqueKeysWithValues: (0..<UInt32(tokenizer.idCount)).compactMap { id in
            tokenizer.bytes(of: id).flatMap { $0.count == 1 ? ($0[0], id) : nil }
        })
}

@Test func streamedTextsAreWholeCharacters() throws {
    for tokenizer in try LlamaFixtures.tokenizers() {
        for sample in LlamaFixtures.samples {
            expectEqualToDecodingAtOnce(sample.special ?? sample.ids, tokenizer)
            let isReplaced = parts(sample.ids, tokenizer, includingSpecial: true).contains { $0.contains("\u{FFFD}") }
            #expect(isReplaced == sample.text.contains("\u{FFFD}"))
        }
    }
}

@Test func streamedRandomIDsAreTheirText() throws {
    let tokenizer = try LlamaFixtures.tokenizers()[0]
    var random = SplitMix(state: 1)
    for _ in 0..<2000 {
        let ids = (0..<UInt32.random(in: 0...40, using: &random)).map { _ in
            UInt32.random(in: 0...UInt32(tokenizer.idCount), using: &random)
        }
        expectEqualToDecodingAtOnce(ids, tokenizer)
    }
}

/// Tokens of single bytes: those that begin and continue characters, mostly.
@Test func streamedRandomBytesAreTheirText() throws {
    let tokenizer = try LlamaFixtures.tokenizers()[0]
    let idOfByte = idsOfBytes(tokenizer)
    #expect(idOfByte.count == 256)
    let bytes: [UInt8] = [
        0x61, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0,
        0xF1,
        0xF3, 0xF4, 0xF5, 0xFF,
    ]
    var random = SplitMix(state: 2)
    for _ in 0..<20_000 {
        let ids = (0..<Int.random(in: 1...8, using: &random)).compactMap { _ in
            bytes.randomElement(using: &random).flatMap { idOfByte[$0] }
        }
        expectEqualToDecodingAtOnce(ids, tokenizer)
    }
}

@Test func charactersAppearWithTheirLastByte() throws {
    let document = LlamaFixtures.document(added: #"[{"id": 256, "content": "<x>", "special": true}]"#)
    let tokenizer = try LlamaFixtures.tokenizer(document)
    let ids = tokenizer.encode("a😀é")
    #expect(ids.count == 7)
    #expect(parts(ids, tokenizer, includingSpecial: false) == ["a", "", "", "", "😀", "", "é", ""])
    // A special token that is left out does not interrupt a character; one that is shown does.
    let split = ids[1...2] + [256] + ids[3...4]
    #expect(parts(Array(split), tokenizer, includingSpecial: false) == ["", "", "", "", "😀", ""])
    #expect(
        parts(Array(split), tokenizer, includingSpecial: true) == ["", "", "\u{FFFD}<x>", "\u{FFFD}", "\u{FFFD}", ""])
    #expect(parts(Array(ids[1...3]), tokenizer, includingSpecial: false) == ["", "", "", "\u{FFFD}"])
    #expect(parts([ids[5], ids[0]], tokenizer, includingSpecial: false) == ["", "\u{FFFD}a", ""])
}

@Test(arguments: [[0xE0, 0x80], [0xED, 0xA0], [0xF0, 0x80], [0xF4, 0x90], [0x80], [0xC1], [0xF5]] as [[UInt8]])
func bytesThatNothingCompletesAreReplacedAtOnce(bytes: [UInt8]) throws {
    let tokenizer = try LlamaFixtures.tokenizers()[0]
    let ids = bytes.compactMap { idsOfBytes(tokenizer)[$0] }
    let replaced = Array(repeating: "\u{FFFD}", count: bytes.count).joined()
    #expect(parts(ids, tokenizer, includingSpecial: false).dropLast().last == replaced)
}
