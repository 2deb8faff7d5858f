package import PerceptGraph
package import PerceptNumbers

/// Llama decoder of the Perception Language Model (perception_models: core/transformer.py).
///
/// T rows of a run, W width, P positions there is room for. Three recordings share the decoder's states: `prefill` puts
/// T prompt positions behind those already there, `first` draws the token after a prompt, and `step` takes the token at
/// hand one position on and draws the next, so that it can be replayed without the host.
package struct LanguageDecoder: Sendable {
    package let config: LanguageConfig
    package let storage: StorageType
    /// Of matrices; some are kept less coarse.
    package let weightType: WeightType
    /// Whether keys and values are kept in 8 bits.
    package let quantizesCache: Bool
    /// P.
    package let positions: Int
    /// Rows of media features there is room for.
    package let mediaRows: Int
    /// Whether runs that draw a token also hand out its logits, as output `logits`.
    package var keepsLogits: Bool
    /// Whether the output product draws the token, which spares a dispatch: see `DeviceProfile.fusedDrawColumns`.
    package var fusesDraw = true

    /// Tokens that the host can be behind.
    package static let ringCapacity = 256

    /// - Parameter weightType: as activations, unless given.
    package init(
        _ config: LanguageConfig, storage: StorageType, weightType: WeightType? = nil, quantizesCache: Bool = false,
        positions: Int, mediaRows: Int, keepsLogits: Bool = false
    ) {
        self.config = config
        self.storage = storage
        self.weightType = weightType ?? .plain(storage)
        self.quantizesCache = quantizesCache
        self.positions = positions
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
    /// The last `ringCapacity` tokens, which the host reads.
    package static let tokensSlot = StateSlot("tokens", isHostVisible: true)
    /// Keys and values of all layers, a row for each position.
    package var cacheSlots: [StateSlot] { (0..<config.layers).map(Self.cacheSlot) }
    /// Keys and values of a layer.
    static func cacheSlot(_ layer: Int) -> StateSlot { StateSlot("cache.\(layer)") }

    private func cache(_ layer: Int, in graph: inout Graph) -> Tensor {
        graph.state(Self.cacheSlot(layer), [positions, 2 * keys.paddedWidth], cacheType)
    }
    private func cursor(in graph: inout Graph) -> Tensor { graph.state(StateSlot("cursor"), Cursor.shape) }
    private func rope(in graph: inout Graph) -> Tensor { graph.state(Self.ropeSlot, [positions, queries.padded]) }
    private func last(in graph: inout Graph) -> Tensor { graph.state(StateSlot("last"), [1, config.dim]) }
    /// Features of images and frames [rows, W], which `PLMVision` fills.
    package func media(in graph: inout Graph) -> Tensor {
        graph.state(Self.mediaSlot, [mediaRows, config.dim], storage)
    }

    // MARK: - Recordings

    /// T positions of a prompt. Rows from the cursor's count on are filling.
    ///
    /// - Returns: the inputs ids [1, T] and cursor, and the residual stream [T, W] f32 behind the last block.
    @discardableResult
    package func prefill(rows: Int, in graph: inout Graph) -> (ids: Tensor, cursor: Tensor, stream: Tensor) {
        let ids = graph.input("ids", [1, rows])
        let cursor = graph.input("cursor", Cursor.shape)
        let x = blocks(embed(ids, cursor, in: &graph), cursor, in: &graph).x
        let next = self.cursor(in: &graph)
        graph.lastRow("last_row", x, cursor: cursor, next: next, into: last(in: &graph))
        return (ids, cursor, x)
    }

    /// The token after a prompt whose last position `prefill` has left.
    @discardableResult
    package func first(in graph: inout Graph) -> Drawn { draw(Stream(x: last(in: &graph)), in: &graph) }

    /// One step of decoding.
    @discardableResult
    package func step(in graph: inout Graph) -> Drawn {
        let cursor = cursor(in: &graph)
        return draw(blocks(embed(nil, cursor, in: &graph), cursor, in: &graph), in: &graph)
    }

    /// What a recording that draws a token takes and gives.
    package struct Drawn: Sendable {
        /// How the token is drawn, an input: the words of `SamplingSettings`.
        package let settings: Tensor
        /// Scores [1, V], where the decoder keeps them.
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
    /// - Parameter next: the norm that follows. One row is normalised by the product's last workgroup, which spares a
    ///   dispatch and its wait; a prompt's many rows are not left to so few.
    private func add(
        _ label: String, _ x: Tensor, _ weight: Tensor, to residual: Tensor, next: String, in graph: inout Graph
    ) -> Stream {
        let norm = x.rows == 1 ? norm(next, in: &graph) : nil
        return graph.add(label, x, weight, Epilogue(residual: residual), next: norm, to: storage)
    }

    /// Of a layer's queries, keys and values. Errors of an early layer meet all later ones, so that the first half of the
    /// layers is kept less coarse.
    private func typeOfAttention(_ layer: Int) -> WeightType {
        2 * layer < config.layers ? weightType.ofSensitiveMatrices : weightType
    }

    private func embed(_ ids: Tensor?, _ cursor: Tensor, in graph: inout Graph) -> Tensor {
        let table = graph.weight(
            Weight("tok_embeddings.weight", [config.vocabulary, config.dim]), weightType.ofSensitiveMatrices)
        let media = media(in: &graph)
        return graph.spliceEmbedding("tok_embeddings", ids: ids, table: table, media: media, cursor: cursor)
    }

    /// [V, W]
    private func output(in graph: inout Graph) -> Tensor {
        let name = config.isTied ? "tok_embeddings.weight" : "output.weight"
        return graph.weight(Weight(name, [config.vocabulary, config.dim]), weightType.ofSensitiveMatrices)
    }

    /// The next token after the stream's row; the cursor moves on to it.
    private func draw(_ stream: Stream, in graph: inout Graph) -> Drawn {
        let normed = normed("norm", stream, "norm", in: &graph)
        let settings = graph.input("settings", [1, 8])
        let tokens = graph.state(Self.tokensSlot, [1, Self.ringCapacity])
        let (output, cursor) = (output(in: &graph), cursor(in: &graph))
        let logits: Tensor
        if fusesDraw {
            logits = graph.draw("output", normed, output, settings: settings, cursor: cursor, tokens: tokens)
        } else {
            logits = graph.linear("output", normed, output, to: .f32)
            graph.sample("sample", logits: logits, settings: settings, cursor: cursor, tokens: tokens)
        }
        return Drawn(settings: settings, logits: keepsLogits ? graph.output("logits", logits) : nil)
    }

    private func blocks(_ x: Tensor, _ cursor: Tensor, in graph: inout Graph) -> Stream {
        let rope = rope(in: &graph)
        var stream = Stream(x: x)
        // No product comes before the first layer.
        if x.rows == 1 {
            stream.normed = normed("attention_norm", stream, "layers.0.attention_norm", in: &graph)
        }
        for layer in 0..<config.layers {
            let cache = cache(layer, in: &graph)
            stream = graph.scoped("layers.\(layer)") { block(stream, layer, cache, cursor, rope, in: &$0) }
        }
        return stream
    }

    /// `h = x + wo · attention(rms x)`, then `h + w2 · (silu(w1 · rms h) · (w3 · rms h))`.
    ///
    /// Gate and up are one product, whose epilogue combines them. Five dispatches in a step of decoding, where the products
    /// that add to the stream normalise it too; seven in a prompt, and one more to quantise keys and values.
    private func block(
        _ stream: Stream, _ layer: Int, _ cache: Tensor, _ cursor: Tensor, _ rope: Tensor, in graph: inout Graph
    ) -> Stream {
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
        let q = project(normed, by: graph.weight(packed, typeOfAttention(layer)), cache, cursor, rope, in: &graph)
        let mixed = graph.cachedAttention(
            "attention", q: q, cache: cache, heads: config.heads, kvHeads: config.kvHeads, headSize: config.headSize,
            cursor: cursor, to: storage)
        let out = weight("attention.wo", width, queries.width, queries.columns)
        let h = add(
            "attention.wo", mixed, graph.weight(out, weightType), to: stream.x, next: prefix + "ffn_norm", in: &graph)

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
        return add("feed_forward.w2", combined, graph.weight(down, weightType), to: h.x, next: next, in: &graph)
    }

    /// Queries of rows x [T, W], in the first H · D columns of the result; keys and values go to the cache.
    ///
    /// They are one product with `packed`, whose epilogue rotates queries and keys, and puts keys and values where they
    /// belong. If a prompt's are to be quantised, whole groups at a time, another kernel does.
    private func project(
        _ x: Tensor, by packed: Tensor, _ cache: Tensor, _ cursor: Tensor, _ rope: Tensor, in graph: inout Graph
    ) -> Tensor {
        let column = queries.paddedWidth
        var epilogue = Epilogue(rotary: Rotary(table: rope, columns: column + keys.paddedWidth), cursor: cursor)
        guard quantizesCache && x.rows > 1 else {
            epilogue.split = .init(column: column, target: cache)
            return graph.linear("attention.wqkv", x, packed, epilogue, to: quantizesCache ? keyType : storage)
        }
        let product = graph.linear("attention.wqkv", x, packed, epilogue, to: keyType)
        graph.quantizeCache("attention.cache", product, from: column, cursor: cursor, into: cache)
        return product
    }
}
