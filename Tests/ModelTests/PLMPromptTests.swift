import PerceptModels
import Testing

@Suite struct PLMPromptTests {
    private struct Case: Decodable {
        struct Turn: Decodable {
            let role, text: String
            let media: [[Media]]
        }

        enum Media: Decodable {
            case kind(String)
            case chunks(Int)

            init(from decoder: any Decoder) throws {
                let container = try decoder.singleValueContainer()
                if let kind = try? container.decode(String.self) {
                    self = .kind(kind)
                } else {
                    self = .chunks(try container.decode(Int.self))
                }
            }
        }

        let system: String?
        let turns: [Turn]
        let tokens: Int
        let expected: String

        var prompt: PLMPrompt {
            let turns = turns.map { turn in
                let media = turn.media.compactMap { pair -> PLMPrompt.Media? in
                    guard case .kind(let kind)? = pair.first, case .chunks(let chunks)? = pair.last else { return nil }
                    return PLMPrompt.Media(kind == "image" ? .image : .video, chunks: chunks)
                }
                return turn.role == "user" ? PLMPrompt.Turn.user(turn.text, media: media) : .assistant(turn.text)
            }
            return system.map { PLMPrompt(system: $0, turns: turns) } ?? PLMPrompt(turns: turns)
        }
    }

    @Test func sequencesAreThoseOfTheTemplate() throws {
        for entry in try PLMFixture.decoded("prompts.json", as: [Case].self) {
            let parts = entry.prompt.parts(tokensPerChunk: entry.tokens)
            #expect(parts.rendered() == entry.expected)
            let chunks = entry.prompt.turns.flatMap(\.media).reduce(0) { $0 + $1.chunks }
            #expect(parts.mediaTokens == chunks * entry.tokens)
        }
    }

    @Test func partsSayWhatIsSpecial() {
        let prompt = PLMPrompt(turns: [.user("<image>\nWhat?", media: [PLMPrompt.Media(.image, chunks: 5)])])
        let placeholder = PLMPrompt.Placeholder(kind: .image, item: 0, chunks: 0..<5, tokens: 1280)
        #expect(
            prompt.parts(tokensPerChunk: 256) == [
                .special("<|begin_of_text|>"), .special("<|start_header_id|>"), .text("system"),
                .special("<|end_header_id|>"), .text("\n\n"), .text(PLMPrompt.standardSystem), .special("<|eot_id|>"),
                .special("<|start_header_id|>"), .text("user"), .special("<|end_header_id|>"), .text("\n\n"),
                .media(placeholder), .text("What?"), .special("<|eot_id|>"), .special("<|start_header_id|>"),
                .text("assistant"), .special("<|end_header_id|>"), .text("\n\n"),
            ])
    }

    @Test func mediaAreCountedOverTheConversation() {
        let image = PLMPrompt.Media(.image, chunks: 1)
        let prompt = PLMPrompt(turns: [
            .user("a", media: [PLMPrompt.Media(.video, chunks: 2), image]), .assistant("b"),
            .user("<image> then <image>", media: [image, image]),
        ])
        let placeholders = prompt.parts(tokensPerChunk: 3).compactMap { part in
            if case .media(let placeholder) = part { placeholder } else { nil }
        }
        #expect(placeholders.map(\.item) == [1, 0, 2, 3])
        #expect(placeholders.map(\.tokens) == [3, 6, 3, 3])
    }

    @Test func theOriginalKeepsWhiteSpace() {
        let prompt = PLMPrompt(turns: [.user(" a \n", media: [PLMPrompt.Media(.image, chunks: 1)])], trims: false)
        #expect(prompt.parts(tokensPerChunk: 1).rendered().contains("<|image|> a \n<|eot_id|>"))
    }

    @Test func tagsAreFoundBeforeCombiningCharacters() {
        let prompt = PLMPrompt(turns: [.user("<image>\u{301}x", media: [PLMPrompt.Media(.image, chunks: 1)])])
        let rendered = prompt.parts(tokensPerChunk: 2).rendered().unicodeScalars.map(String.init).joined()
        #expect(rendered.unicodeScalars.elementsEqual(rendered.unicodeScalars) && !rendered.contains("<image"))
    }
}
