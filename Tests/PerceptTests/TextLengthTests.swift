import Percept
import Testing

/// How much of texts and labels an encoder reads.
@Suite struct TextLengthTests {
    @Test("Tokens are counted, and those that count")
    func lengths() async throws {
        let encoder = try await PerceptionEncoder(.demo, on: TestModel.gpu())
        let words = Array(repeating: "cat", count: 40).joined(separator: " ")
        let texts = [
            "", "a cat", words, "cat <end_of_text> dog dog", Array(repeating: "cat", count: 30).joined(separator: " "),
        ]
        let lengths = try encoder.lengths(ofTexts: texts)
        #expect(lengths.map(\.tokens) == [0, 2, 40, 4, 30])
        #expect(lengths.map(\.read) == [0, 2, 30, 1, 30])
        #expect(lengths.map(\.isCut) == [false, false, true, true, false])
        let notes = try encoder.notes(onTexts: texts)
        #expect(notes.count == 2 && notes[0].contains("30 of its 40") && notes[1].contains("1 of its 4"), "\(notes)")
        // What is cut changes nothing: the numbers are those of the text that is read.
        let embeddings = try await encoder.embed(texts: [words, texts[4], texts[3], "cat"])
        #expect(embeddings[0] == embeddings[1] && embeddings[2] == embeddings[3])
    }

    @Test("Labels that are cut, and those that the model cannot tell apart")
    func labels() async throws {
        let encoder = try await PerceptionEncoder(.demo, on: TestModel.gpu())
        #expect(try encoder.notes(onLabels: ["a cat", "a dog"]).isEmpty)
        #expect(
            try encoder.notes(onLabels: ["a cat", "A  Cat"]) == [
                "the labels “a cat” and “A  Cat” are the same to the model"
            ])
        #expect(try encoder.notes(onLabels: ["a cat", "a cat"]).isEmpty)
        let long = Array(repeating: "cat", count: 30).joined(separator: " ")
        let notes = try encoder.notes(onLabels: [long + " red", long + " blue", "dog"], templates: ["{}", "a {}"])
        #expect(notes.count == 3 && notes[0].contains("30 of 31") && notes[2].contains("the same"), "\(notes)")
        // In a short template they differ.
        let differing = (0..<20).map { String(repeating: "x", count: $0 + 1) }
        #expect(try encoder.notes(onLabels: differing, templates: ["{}", long + " {}"]).count == 6)
        #expect(try encoder.notes(onLabels: differing, templates: [long + " {}"]).count == 12)
        let error = await perceptError { _ = try await encoder.embed(labels: ["a"], templates: ["{}", "photo"]) }
        #expect(error?.code == .usage && error?.message.contains("“photo” has no {}") == true)
    }
}
