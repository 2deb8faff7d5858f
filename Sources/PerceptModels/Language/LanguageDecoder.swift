package import PerceptGraph
package import PerceptNumbers

/// Llama decoder of the Perception Language Model (perception_models: core/transformer.py).
///
/// T rows of a run, W width, P positions of a sequence. Sequences lie in pages of one cache (`Pages`), and three recordings
/// share it: `prefill` puts T positions of a prompt behind those already there, `first` draws the token after a prompt, and
/// `step` takes the tokens at hand of T sequences one position on and draws the next.
package struct LanguageDecoder: Sendable {
    package let config: LanguageConfig
    package let storage: StorageType
    /// Of matrices; some are kept less coarse.
    package let weightType: WeightType
    /// Whether keys and values are kept in 8 bits.
    package let quantizesCache: Bool
    /// P.
    package let positions: Int
    /// Pages of the cache, which sequences share.
    package let pages: Int
    /// Rows of media features there is room for.
    package let mediaRows: Int
    /// Whether runs that draw a token also hand out its logits, as output `logits`.
    package var keepsLogits: Bool
    /// Whether the output product draws the token, which spares a dispatch: see `DeviceProfile.fusedDrawColumns`.
    package var fusesDraw = true

    /// Sequences that may have a token at hand.
    package static let slots = 64
    /// Words in which the host reads drawn tokens.
    package static let drawnWords = 128

    /// - Parameters:
    ///   - weightType: as activations, unless given.
    ///   - pages: of the cache; at least as many as one sequence takes, and one to copy from.
    package init(
        _ config: LanguageConfig, storage: StorageType, weightType: WeightType? = nil, quantizesCache: Bool = false,
        positions: Int, pages: Int? = nil, mediaRows: Int, keepsLogits: Bool = false
    ) {
        self.config = config
        self.storage = storage
        self.weightType = weightType ?? .plain(storage)
        self.quantizesCache = quantizesCache
        self.positions = positions
        self.pages = max(pages ?? 0, Pages.count(positions: positions) + 1)
        self.mediaRows = max(mediaRows, 1)
        self.keepsLogits = keepsLogits
    }

    /// How keys and values are kept.
    private var cacheType: WeightType { quantizesCache ? .q8 : .plain(keyType) }
    /// Of keys and values before they are quantised. It is f16 beside bf16 weights too, which has three more bits: they
    /// stay far below its range.
    private var keyType: StorageType { storage == .f32 ? .f32 : .f16 }
    /// Cosines and sines of all positions, to be written to the state of `ropeSlot` once: [P, head].
    package var rotaryValues: [Float] {
        DecoderRotaryTable(config).values(positions: 0..<positions, paddedHeadSize: queries.padded)
    }

    private var queries: HeadLayout { HeadLayout(heads: config.heads, size: config.headSize) }
    private var keys: HeadLayout { HeadLayout(heads: config.kvHeads, size: config.headSize) }

    // MARK: - States

    /// Cosines and sines of all positions, which the host writes once: see `rotaryValues`.
    package static let ropeSlot = StateSlot("rope")
    /// Features of images and frames, which `PLMVision` fills.
    package static let mediaSlot = StateSlot("media")
    /// Tokens that were drawn, which the host reads.
    package static let drawnSlot = StateSlot("drawn", isHostVisible: true)
    /// Keys and values of a layer, a row for each position in each page.
    private static func cacheSlot(_ layer: Int) -> StateSlot { StateSlot("cache.\(layer)") }

    /// Bytes of a page, in all layers together.
    package var pageByteCount: Int {
        config.layers * Pages.rows * cacheType.rowByteCount(columns: 2 * keys.paddedWidth)
    }

    private func cache(_ layer: Int, in graph: inout Graph) -> Tensor {
        graph.state(Self.cacheSlot(layer), [pages * Pages.rows, 2 * keys.paddedWidth], cacheType)
    }
    private func tokens(in graph: inout Graph) -> Tensor { graph.state(StateSlot("tokens"), [1, Self.slots]) }
    private func rope(in graph: inout Graph) -> Tensor { graph.state(Self.ropeSlot, [positions, queries.padded]) }
    private func last(in graph: inout Graph) -> Tensor { graph.state(StateSlot("last"), [1, config.dim]) }
    /// Features of images and frames [rows, W], which `PLMVision` fills.
    package func media(in graph: inout Graph) -> Tensor {
        graph.state(Self.mediaSlot, [mediaRows, config.dim], storage)
    }

    // MARK: - Recordings

    /// Where the rows of a run stand, and where their sequences lie: inputs.
    package struct Stand: Sendable {
        /// [T, 8], words of `Place`.
        package let places: Tensor
        /// Words: [1, most pages] of a prompt, [T, most pages] of a step.
        package let pages: Tensor
        let sequences: Graph.Sequences
    }

    private func stand(rows: Int, _ sequences: Graph.Sequences, in graph: inout Graph) -> Stand {
        let places = graph.input("places", Place.shape(rows: rows))
        let most = Pages.count(positions: positions)
        let pages = graph.input("pages", [sequences == .one ? 1 : rows, most])
        return Stand(places: places, pages: pages, sequences: sequences)
    }

    /// A run of a prompt as it is recorded.
    package struct Prefill: Sendable {
        /// [1, T], an input.
        package let ids: Tensor
        package let stand: Stand
        /// The residual stream behind the last block [T, W] f32.
        package let stream: Tensor
    }

    /// T positions of a prompt; the last ones may be filling.
    @discardableResult
    package func prefill(rows: Int, in graph: inout Graph) -> Prefill {
        let ids = graph.input("ids", [1, rows])
        let stand = stand(rows: rows, .one, in: &graph)
        let x = blocks(embed(.prompt(ids), in: &graph), stand, in: &graph).x
        graph.lastRow("last_row", x, places: stand.places, into: last(in: &graph))
        return Prefill(ids: ids, stand: stand, stream: x)
    }

    /// The token after a prompt whose last position `prefill` has left.
    @discardableResult
    package func first(in graph: inout Graph) -> Drawn {
        let places = graph.input("places", Place.shape(rows: 1))
        return draw(Stream(x: last(in: &graph)), places, in: &graph)
    }

    /// One step of decoding of as many sequences.
    @discardableResult
    package func step(rows: Int, in graph: inout Graph) -> (stand: Stand, drawn: Drawn) {
        let stand = stand(rows: rows, .many, in: &graph)
        let tokens = tokens(in: &graph)
        let stream = blocks(embed(.drawn(tokens, places: stand.places), in: &graph), stand, in: &graph)
        return (stand, draw(stream, stand.places, in: &graph))
    }

    /// The first positions of a page to those of another, in all layers.
    ///
    /// - Returns: rows of the cache [1, 8], an input: the first one, where it goes, and how many.
    @discardableResult
    package func copyPage(in graph: inout Graph) -> Tensor {
        let rows = graph.input("rows", [1, 8])
        for layer in 0..<config.layers {
            graph.copyRows("layers.\(layer)", cache(layer, in: &graph), rows: rows, most: Pages.rows)
        }
        return rows
    }

    /// What a recording that draws tokens takes and gives.
    package struct Drawn: Sendable {
        /// Where the rows stand, an input: words of `Place`.
        package let places: Tensor
        /// How their tokens are drawn, an input: the words of `SamplingSettings` of each row.
        package let settings: Tensor
        /// Scores [T, V], where the decoder keeps them.
        package let logits: Output?
    }

    /// Scores of the next token after each row: x [T, W] f32 to [T, V] f32.
    package func logits(_ x: Tensor, in graph: inout Graph) -> Tensor {
        let normed = normed("norm", Stream(x: x), "norm", in: &graph)
        return graph.linear("output", normed, output(in: &graph), to: .f32)
    }

    // MARK: - Parts

    private func norm(_ name: String, in graph: inout Graph) -> Norm {
        Norm(
            .rms, weights: graph.weight(Weight("\(name).weight", [config.dim])), epsilon: Float(config.normEpsilon))
    }

    /// The stream's rows as the next product takes them.
    private func normed(_ label: String, _ stream: Stream, _ name: String, in graph: inout Graph) -> Tensor {
        if let normed = stream.normed { return normed }
        let norm = norm(name, in: &graph)
        return graph.rmsNorm(label, stream.x, weight: norm.weights, epsilon: norm.epsilon, to: storage)
    }

    /// The stream `residual` [T, W] with x · weightᵀ added.
    ///
    /// - Parameters:
    ///   - next: the norm that follows.
    ///   - fusesNorm: whether the product's last workgroup makes it, which spares a dispatch and its wait.
    private func add(
        _ label: String, _ x: Tensor, _ weight: Tensor, to residual: Tensor, next: String, fusesNorm: Bool,
        in graph: inout Graph
    ) -> Stream {
        let norm = fusesNorm ? norm(next, in: &graph) : nil
        return graph.add(label, x, weight, Epilogue(residual: residual), next: norm, to: storage)
    }

    /// Of a layer's queries, keys and values. Errors of an early layer meet all later ones, so that the first half of the
    /// layers is kept less coarse.
    private func typeOfAttention(_ layer: Int) -> WeightType {
        2 * layer < config.layers ? weightType.ofSensitiveMatrices : weightType
    }

    private func embed(_ ids: Graph.RowTokens, in graph: inout Graph) -> Tensor {
        let table = graph.weight(
            Weight("tok_embeddings.weight", [config.vocabulary, config.dim]), weightType.ofSensitiveMatrices)
        let media = media(in: &graph)
        return graph.spliceEmbedding("tok_embeddings", ids: ids, table: table, media: media)
    }

    /// [V, W]
    private func output(in graph: inout Graph) -> Tensor {
        let name = config.isTied ? "tok_embeddings.weight" : "output.weight"
        return graph.weight(Weight(name, [config.vocabulary, config.dim]), weightType.ofSensitiveMatrices)
    }

    /// The next token after each of the stream's rows.
    private func draw(_ stream: Stream, _ places: Tensor, in graph: inout Graph) -> Drawn {
        let normed = normed("norm", stream, "norm", in: &graph)
        let settings = graph.input("settings", [places.rows, 8])
        let output = output(in: &graph)
        let drawing = Graph.Drawing(
            settings: settings, places: places, tokens: tokens(in: &graph),
            drawn: graph.state(Self.drawnSlot, [1, Self.drawnWords]))
        let logits: Tensor
        if fusesDraw, places.rows == 1 {
            logits = graph.draw("output", normed, output, drawing)
        } else {
            logits = graph.linear("output", normed, output, to: .f32)
            graph.sample("sample", logits: logits, drawing)
        }
        return Drawn(
            places: places, settings: settings, logits: keepsLogits ? graph.output("logits", logits) : nil)
    }

    private func blocks(_ x: Tensor, _ stand: Stand, in graph: inout Graph) -> Stream {
        let rope = rope(in: &graph)
        var stream = Stream(x: x)
        // No product comes before the first layer.
        if stand.sequences == .many {
            stream.normed = normed("attention_norm", stream, "layers.0.attention_norm", in: &graph)
        }
        for layer in 0..<config.layers {
            let cache = cache(layer, in: &graph)
            stream = graph.scoped("layers.\(layer)") { block(stream, layer, cache, stand, rope, in: &$0) }
        }
        return stream
    }

    /// `h = x + wo · attention(rms x)`, then `h + w2 · (silu(w1 · rms h) · (w3 · rms h))`.
    ///
    /// Gate and up are one product, whose epilogue combines them. Five dispatches in a step of decoding, where the products
    /// that add to the stream normalise it too; seven in a prompt, whose many rows are not left to one workgroup. One more
    /// quantises keys and values of more rows than `matvec` takes.
    private func block(
        _ stream: Stream, _ layer: Int, _ cache: Tensor, _ stand: Stand, _ rope: Tensor, in graph: inout Graph
    ) -> Stream {
        let fusesNorm = stand.sequences == .many
        let prefix = "layers.\(layer)."
        let width = config.dim
        func weight(
            _ name: String, _ rows: Int, _ columns: Int, _ padding: Weight.Padding, _ joined: Weight.Joined = .none
        )
            -> Weight
        { Weight("\(prefix)\(name).weight", [rows, columns], padding: padding, joined: joined) }

        let normed = normed("attention_norm", stream, prefix + "attention_norm", in: &graph)
        let packed = weight(
            "attention.wq", queries.width, width, queries.rows,
            .stacked([
                weight("attention.wk", keys.width, width, keys.rows),
                weight("attention.wv", keys.width, width, keys.rows),
            ]))
        let q = project(normed, by: graph.weight(packed, typeOfAttention(layer)), cache, stand, rope, in: &graph)
        let mixed = graph.cachedAttention(
            "attention", q: q, cache: cache, heads: config.heads, kvHeads: config.kvHeads, headSize: config.headSize,
            places: stand.places, pages: stand.pages, sequences: stand.sequences, to: storage)
        let out = weight("attention.wo", width, queries.width, queries.columns)
        let h = add(
            "attention.wo", mixed, graph.weight(out, weightType), to: stream.x, next: prefix + "ffn_norm",
            fusesNorm: fusesNorm, in: &graph)

        let wide = self.normed("ffn_norm", h, prefix + "ffn_norm", in: &graph)
        // As one head, so that an odd width is padded to octets.
        let hidden = HeadLayout(heads: 1, size: config.hidden)
        let gateAndUp = weight(
            "feed_forward.w1", config.hidden, width, hidden.rows,
            .interleaved(weight("feed_forward.w3", config.hidden, width, hidden.rows)))
        let combined = graph.linear(
            "feed_forward.w1w3", wide, graph.weight(gateAndUp, weightType), Epilogue(swiglu: true), to: storage)
        let down = weight("feed_forward.w2", width, config.hidden, hidden.columns)
        let next = layer + 1 < config.layers ? "layers.\(layer + 1).attention_norm" : "norm"
        return add(
            "feed_forward.w2", combined, graph.weight(down, weightType), to: h.x, next: next, fusesNorm: fusesNorm,
            in: &graph)
    }

    /// Queries of rows x [T, W], in the first H · D columns of the result; keys and values go to the cache.
    ///
    /// They are one product with `packed`, whose epilogue rotates queries and keys, and puts keys and values where they
    /// belong. If those of many rows are to be quantised, whole groups at a time, another kernel does.
    private func project(
        _ x: Tensor, by packed: Tensor, _ cache: Tensor, _ stand: Stand, _ rope: Tensor, in graph: inout Graph
    ) -> Tensor {
        let column = queries.paddedWidth
        var epilogue = Epilogue(rotary: Rotary(table: rope, columns: column + keys.paddedWidth), places: stand.places)
        guard quantizesCache, x.rows > ProductShape.mostMatvecRows || stand.sequences == .one else {
            epilogue.split = .init(column: column, target: cache)
            return graph.linear("attention.wqkv", x, packed, epilogue, to: quantizesCache ? keyType : storage)
        }
        let product = graph.linear("attention.wqkv", x, packed, epilogue, to: keyType)
        graph.quantizeCache("attention.cache", product, from: column, places: stand.places, into: cache)
        return product
    }
}
