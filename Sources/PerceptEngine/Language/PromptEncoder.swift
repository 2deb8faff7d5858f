import PerceptModels

/// Conversations to ids: special tokens by name, texts by the tokenizer, and places of media rows.
package struct PromptEncoder: Sendable {
    /// One image or video of a prompt, with the first row of its features.
    package struct Item: Sendable {
        package let media: PromptMedia
        package let plan: MediaPlan
        package let firstRow: Int
    }

    package struct Prompt: Sendable {
        package let ids: [UInt32]
        package let media: [Item]
        /// What each position holds.
        package let keys: [PositionKey]
        let tokensPerChunk: Int

        /// Chunks that positions from `position` on show something of, in rising order, numbered through all media.
        func chunks(behind position: Int) -> [Int] {
            let rows = ids[position...].filter { $0 & PromptEncoder.mediaBit != 0 }
            return Set(rows.map { Int($0 & ~PromptEncoder.mediaBit) / tokensPerChunk }).sorted()
        }

        /// Which image or video a chunk is of, and which of its chunks.
        func chunk(_ number: Int) -> (item: Item, index: Int) {
            let row = number * tokensPerChunk
            guard let item = media.last(where: { $0.firstRow <= row }) else {
                preconditionFailure("chunk \(number) of a prompt without media")
            }
            return (item, (row - item.firstRow) / tokensPerChunk)
        }

        /// Ids from `position` on, chunks being where `places` says.
        func ids(from position: Int, places: [Int: Int]) -> [UInt32] {
            ids[position...].map { id in
                guard id & PromptEncoder.mediaBit != 0 else { return id }
                let row = Int(id & ~PromptEncoder.mediaBit)
                guard let place = places[row / tokensPerChunk] else {
                    preconditionFailure("a chunk without a place")
                }
                return PromptEncoder.mediaBit | UInt32(place * tokensPerChunk + row % tokensPerChunk)
            }
        }

        /// Positions of media among the ids.
        package var mediaTokens: Int { ids.count { $0 & PromptEncoder.mediaBit != 0 } }
    }

    /// Tokens that end an answer.
    package let stops: Set<UInt32>
    package let rules: MediaRules
    private let model: LoadedLanguageModel

    /// - Throws: ``Refusal`` where the tokenizer lacks a token that prompts or answers need.
    package init(_ model: LoadedLanguageModel, rules: MediaRules) throws {
        self.model = model
        self.rules = rules
        stops = [try model.requiredID("<|eot_id|>"), try model.requiredID("<|end_of_text|>")]
        for name in ["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>"] {
            _ = try model.requiredID(name)
        }
    }

    /// The bit that ids have which stand for a row of media features (`Shaders/splice_embedding.comp`).
    fileprivate static let mediaBit: UInt32 = 0x8000_0000

    package func encode(_ conversation: [PromptTurn], _ limits: MediaLimits) throws -> Prompt {
        let config = model.config
        var items: [Item] = []
        var row = 0
        let turns = try conversation.map { turn -> PLMPrompt.Turn in
            guard turn.isUser else { return .assistant(turn.text) }
            let isAlone = turn.media.count(where: \.isImage) == 1
            let plans = try turn.media.map { media in
                try MediaPlan(media, isAlone: isAlone, rules: rules, limits: limits)
            }
            for (media, plan) in zip(turn.media, plans) {
                items.append(Item(media: media, plan: plan, firstRow: row))
                row += plan.chunks * config.tokensPerChunk
            }
            return .user(turn.text, media: plans.map { PLMPrompt.Media($0.kind, chunks: $0.chunks) })
        }
        var ids: [UInt32] = []
        for part in PLMPrompt(turns: turns).parts(tokensPerChunk: config.tokensPerChunk) {
            switch part {
            case .special(let name): ids.append(try model.requiredID(name))
            case .text(let text): ids += model.tokenizer.encode(text)
            case .media(let place):
                let first = items[place.item].firstRow + place.chunks.lowerBound * config.tokensPerChunk
                ids += (0..<place.tokens).map { Self.mediaBit | UInt32(first + $0) }
            }
        }
        let kinds = items.map { MediaKey($0.plan) }
        let keys = ids.map { id -> PositionKey in
            guard id & Self.mediaBit != 0 else { return PositionKey(token: id) }
            let row = Int(id & ~Self.mediaBit)
            guard let item = items.lastIndex(where: { $0.firstRow <= row }) else { return PositionKey(token: id) }
            return PositionKey(kinds[item], row: row - items[item].firstRow)
        }
        return Prompt(ids: ids, media: items, keys: keys, tokensPerChunk: config.tokensPerChunk)
    }
}
