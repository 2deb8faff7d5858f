package import PerceptGraph

/// What a Perception Language Model runs: recordings without weights and without a device.
package struct PLMGraphs: Sendable {
    package let config: PLMConfig
    package var decoder: LanguageDecoder

    package init(_ config: PLMConfig, _ decoder: LanguageDecoder) {
        self.config = config
        self.decoder = decoder
    }

    /// A piece of a prompt, with the places of what goes in.
    package struct Prompt: Sendable {
        package let graph: Graph
        /// Ids [1, rows].
        package let ids: Tensor
        package let stand: LanguageDecoder.Stand
    }

    /// Something that draws tokens, with the places of what goes in and comes out.
    package struct Draw: Sendable {
        package let graph: Graph
        /// Where the sequences of a step lie: `LanguageDecoder.Stand.pages`; nil of the token after a prompt.
        package let pages: Tensor?
        package let drawn: LanguageDecoder.Drawn
    }

    /// The vision side for one chunk, with the places of what goes in.
    package struct Vision: Sendable {
        package let graph: Graph
        package let slot: ImageSlot
        /// The first row of the media features, a word.
        package let first: Tensor
        /// Room that it has for the chunk's picture.
        package let capacity: PixelCapacity
    }

    /// Rows that a run of a prompt has; the last run is filled up.
    package static let promptRows = [16, 32, 64, 128, 256, 512]
    package static var largestPrompt: Int { promptRows[promptRows.count - 1] }

    /// The row counts that prompts of this decoder can come to need.
    package var promptRows: ArraySlice<Int> {
        let all = Self.promptRows
        return all[...(all.firstIndex { $0 >= decoder.positions } ?? all.count - 1)]
    }

    package func prompt(rows: Int) -> Prompt {
        var graph = Graph()
        let prompt = decoder.prefill(rows: rows, in: &graph)
        return Prompt(graph: graph, ids: prompt.ids, stand: prompt.stand)
    }

    /// The token after a prompt.
    package func first() -> Draw {
        var graph = Graph()
        let drawn = decoder.first(in: &graph)
        return Draw(graph: graph, pages: nil, drawn: drawn)
    }

    /// The beginning of a page to another, and its input: see `LanguageDecoder.copyPage`.
    package func copyPage() -> (graph: Graph, rows: Tensor) {
        var graph = Graph()
        let rows = decoder.copyPage(in: &graph)
        return (graph, rows)
    }

    /// Sequences that a step of decoding has room for.
    package static let stepRows = [1, 2, 4, 8, 16, 32]
    package static var mostSequences: Int { stepRows[stepRows.count - 1] }

    /// A step of decoding.
    package func step(rows: Int) -> Draw {
        var graph = Graph()
        let (stand, drawn) = decoder.step(rows: rows, in: &graph)
        return Draw(graph: graph, pages: stand.pages, drawn: drawn)
    }

    /// From one picture to its rows of media features.
    ///
    /// - Parameter capacity: room for the picture.
    package func vision(holding capacity: PixelCapacity, rounding: ResizeRounding = .eachPass) -> Vision {
        var (graph, room) = (Graph(), capacity)
        // Nothing is kept between two passes where there is one.
        if rounding == .once { room.side = PixelCapacity.unlimitedSide }
        let side = config.imageSize
        let (pixels, slots) = graph.preprocess(
            "pixels", images: 1, height: side, width: side, capacity: capacity, rounding: rounding)
        let media = decoder.media(in: &graph)
        let first = PLMVision(config, storage: decoder.storage, weightType: decoder.weightType)(
            pixels, into: media, in: &graph)
        return Vision(graph: graph, slot: slots[0], first: first, capacity: room)
    }

    /// What taking in a prompt comes to need: the beginning of a page, all row counts, and the first token.
    package var prompting: [Graph] { [copyPage().graph] + promptRows.map { prompt(rows: $0).graph } + [first().graph] }

    /// Steps of decoding of all row counts.
    package var stepping: [Graph] { Self.stepRows.map { step(rows: $0).graph } }

    /// Everything that the model runs.
    package var all: [Graph] { prompting + stepping + [vision(holding: .none).graph] }
}
