import PerceptTokenizer
import Testing

/// Strings and ids made by Tools/fixtures/llama_tokenizer.py, equal by tokenizers and tiktoken.
@Test func bothKindsOfFileYieldTheIDsOfTheReference() throws {
    #expect(LlamaFixtures.samples.count > 250)
    for tokenizer in try LlamaFixtures.tokenizers() {
        for sample in LlamaFixtures.samples {
            let text = sample.text
            #expect(tokenizer.encode(text) == sample.ids, "\(text.debugDescription)")
            #expect(
                tokenizer.encode(text, allowSpecial: true) == sample.special ?? sample.ids, "\(text.debugDescription)")
        }
    }
}

@Test func idsDecodeToTheirText() throws {
    for tokenizer in try LlamaFixtures.tokenizers() {
        for sample in LlamaFixtures.samples {
            // By bytes: strings are equal in other spellings of a letter, too.
            #expect(tokenizer.decode(sample.ids).utf8.elementsEqual(sample.text.utf8))
            let special = tokenizer.encode(sample.text, allowSpecial: true)
            #expect(tokenizer.decode(special, includingSpecial: true).utf8.elementsEqual(sample.text.utf8))
        }
    }
}

/// By tokenizers and tiktoken, which replace bytes that are not UTF-8 alike.
@Test func randomIDsDecodeAsTheReferenceDoes() throws {
    #expect(LlamaFixtures.texts.count == 200)
    for tokenizer in try LlamaFixtures.tokenizers() {
        for sample in LlamaFixtures.texts {
            #expect(tokenizer.decode(sample.ids, includingSpecial: true).utf8.elementsEqual(sample.text.utf8))
        }
    }
}

@Test func textFromOutsideHasNoSpecialTokens() throws {
    for tokenizer in try LlamaFixtures.tokenizers() {
        for sample in LlamaFixtures.samples {
            #expect(!tokenizer.encode(sample.text).contains(where: tokenizer.isSpecial))
        }
    }
}

@Test func specialTokensAreFoundByName() throws {
    for tokenizer in try LlamaFixtures.tokenizers() {
        let begin = try #require(tokenizer.beginOfText)
        #expect(tokenizer.specialID("<|begin_of_text|>") == begin)
        #expect(tokenizer.specialID("<|end_of_text|>") == begin + 1)
        #expect(tokenizer.specialID("<|image|>") == begin + 2)
        #expect(tokenizer.specialID("<|start_header_id|>") == begin + 6)
        #expect(tokenizer.specialID("<|end_header_id|>") == begin + 7)
        #expect(tokenizer.specialID("<|eot_id|>") == begin + 9)
        #expect(tokenizer.specialID("<|reserved_special_token_250|>") == begin + 255)
        #expect(tokenizer.idCount == Int(begin) + 256)
        #expect(tokenizer.specialID("the") == nil)
        #expect(tokenizer.specialID("") == nil)
        #expect(tokenizer.specialID("<|eot_id") == nil)
        #expect(tokenizer.isSpecial(begin) && !tokenizer.isSpecial(begin - 1) && !tokenizer.isSpecial(begin + 256))
    }
}

@Test func specialTokensAreLeftOutOfTextUnlessAskedFor() throws {
    for tokenizer in try LlamaFixtures.tokenizers() {
        let ids = tokenizer.encode("<|begin_of_text|>a cat<|eot_id|>", allowSpecial: true)
        #expect(tokenizer.decode(ids) == "a cat")
        #expect(tokenizer.decode(ids, includingSpecial: true) == "<|begin_of_text|>a cat<|eot_id|>")
        #expect(tokenizer.bytes(of: ids[0]) == Array("<|begin_of_text|>".utf8))
    }
}

@Test func idsWithoutTokenAreSkipped() throws {
    for tokenizer in try LlamaFixtures.tokenizers() {
        let ids = tokenizer.encode("cat")
        #expect(tokenizer.decode(ids + [UInt32(tokenizer.idCount), .max] + ids) == "catcat")
        #expect(tokenizer.bytes(of: .max) == nil)
    }
}

/// Ids of the bytes: "a" 64, "b" 65, "c" 66.
@Test(arguments: [
    // The first merge of the list that applies, leftmost among equals, whatever the ids.
    ("abc", [64, 256]), ("aab", [257, 65]), ("aaab", [257, 258]), ("aaaa", [257, 257]), ("bcbc", [256, 256]),
])
func mergesApplyInTheOrderOfTheList(text: String, ids: [UInt32]) throws {
    let merges = #"["b c", ["a", "a"], "a b"]"#
    let document = LlamaFixtures.document(tokens: ["bc", "aa", "ab"], merges: merges)
    #expect(try LlamaFixtures.tokenizer(document).encode(text) == ids)
}

/// No merge makes "abc"; only a whole piece may be that token.
@Test(arguments: [(true, [256, 0, 256]), (false, [64, 65, 66, 0, 64, 65, 66])])
func wholePieceIsTakenIfTheFileIgnoresMerges(ignores: Bool, ids: [UInt32]) throws {
    let tokenizer = try LlamaFixtures.tokenizer(LlamaFixtures.document(tokens: ["abc"], ignoreMerges: ignores))
    #expect(tokenizer.encode("abc!!abc") == [ids[0]] + ids[1...].flatMap { $0 == 0 ? [0, 0] : [$0] })
    #expect(tokenizer.encode("abcd").count == 4)
}

/// Long s ends a contraction (tokenizers, tiktoken), so its last byte does not merge with the letter after it.
@Test(arguments: [("\u{17F}x", true), ("'\u{17F}x", false), ("''\u{17F}x", true), ("'s\u{17F}x", true)])
func longSIsAContraction(text: String, merges: Bool) throws {
    let tokenizer = try LlamaFixtures.tokenizer(LlamaFixtures.document(tokens: ["¿x"], merges: #"["¿ x"]"#))
    #expect(tokenizer.encode(text).contains(256) == merges)
}

@Test func addedTokensThatAreNotSpecialAreAlwaysFound() throws {
    let added = #"""
        [{"id": 300, "content": "<think>", "special": false}, {"id": 301, "content": "<end>", "special": true},
         {"id": 302, "content": "<think>!", "special": true}]
        """#
    let tokenizer = try LlamaFixtures.tokenizer(LlamaFixtures.document(added: added))
    #expect(tokenizer.encode("a<think>b") == [64, 300, 65])
    #expect(tokenizer.encode("<think>!") == [300, 0])
    #expect(tokenizer.encode("<think>!", allowSpecial: true) == [302])
    #expect(tokenizer.encode("<end>") == [27, 68, 77, 67, 29])
    #expect(tokenizer.encode("<end>", allowSpecial: true) == [301])
    #expect(tokenizer.decode([300, 301, 64]) == "<think>a")
    #expect(tokenizer.specialID("<think>") == nil)
    #expect(tokenizer.idCount == 303 && tokenizer.bytes(of: 256) == nil)
    #expect(tokenizer.beginOfText == nil)
}

/// A special token that is in the vocabulary too is not a piece that text could have.
@Test func specialTokensOfTheVocabularyDoNotComeFromText() throws {
    let added = #"[{"id": 256, "content": "end", "special": true}]"#
    let tokenizer = try LlamaFixtures.tokenizer(LlamaFixtures.document(tokens: ["end"], added: added))
    #expect(tokenizer.encode("end") == [68, 77, 67])
    #expect(tokenizer.encode("end", allowSpecial: true) == [256])
    #expect(tokenizer.decode([256], includingSpecial: true) == "end")
}

@Test(arguments: ["a", "ab", " ", "\n", " \n", "é", "1", "'", "<|", "<|eot_id", "日", "\u{301}", "😀", "'s", "\0", "a "])
func hundredThousandRepetitionsAreEncodedInReasonableTime(unit: String) throws {
    let text = String(repeating: unit, count: 100_000)
    for tokenizer in try LlamaFixtures.tokenizers() {
        var ids: [UInt32] = []
        let time = ContinuousClock().measure { ids = tokenizer.encode(text, allowSpecial: true) }
        #expect(tokenizer.decode(ids, includingSpecial: true) == text)
        #expect(time < .seconds(5))
    }
}

/// A file may have a token of every length.
@Test func chainsOfLongTokensAreEncodedInReasonableTime() throws {
    let longest = 1500
    let tokens = (2...longest).map { String(repeating: "a", count: $0) }
    let merges = (2...longest).map { "[\"\(String(repeating: "a", count: $0 - 1))\",\"a\"]" }.joined(separator: ",")
    let tokenizer = try LlamaFixtures.tokenizer(LlamaFixtures.document(tokens: tokens, merges: "[\(merges)]"))
    let time = ContinuousClock().measure {
        #expect(tokenizer.encode(String(repeating: "a", count: 90_000)).count == 45_000)
    }
    #expect(time < .seconds(5))
}
