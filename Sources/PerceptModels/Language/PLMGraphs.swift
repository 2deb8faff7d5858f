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
        /// The first position, and how many rows are real: a `Cursor`.
        package let cursor: Tensor
    }

    /// Something that draws a token, with the places of what goes in and comes out.
    package struct Draw: Sendable {
        package let graph: Graph
        /// How the token is drawn: `SamplingSettings`.
        package let settings: Tensor
        /// Where the decoder keeps them.
        package let logits: Output?
    }

    /// The vision side for one chunk, with the places of what goes in.
    package struct Vision: Sendable {
        package let graph: Graph
        package let slot: ImageSlot
        /// The first row of the media features: a `Cursor`.
        package let cursor: Tensor
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
        return Prompt(graph: graph, ids: prompt.ids, cursor: prompt.cursor)
    }

    /// The token after a prompt.
    package func first() -> Draw {
        var graph = Graph()
        let draw = decoder.first(in: &graph)
        return Draw(graph: graph, settings: draw.settings, logits: draw.logits)
    }

    /// A step of decoding.
    package func step() -> Draw {
        var graph = Graph()
        let draw = decoder.step(in: &graph)
        return Draw(graph: graph, settings: draw.settings, logits: draw.logits)
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
        let cursor = PLMVision(config, storage: decoder.storage, weightType: decoder.weightType)(
            pixels, into: media, in: &graph)
        return Vision(graph: graph, slot: slots[0], cursor: cursor, capacity: room)
    }

    /// What decoding comes to need: prompts of all row counts, the first token and a step.
    package var decoding: [Graph] { promptRows.map { prompt(rows: $0).graph } + [first().graph, step().graph] }

    /// Everything that the model runs.
    package var all: [Graph] { decoding + [vision(holding: .none).graph] }
}
