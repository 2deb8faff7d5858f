package import PerceptGraph
package import PerceptNumbers

/// What an encoder makes of a batch of images.
package enum ImageTask: Hashable, Sendable {
    /// Unit vectors [B, E].
    case embedding
    /// The same, and the tokens [B, N, D] of the last block without the final norm.
    case embeddingAndFeatures
    /// Probabilities [B, L] of so many labels, whose embeddings are an input.
    case classification(labels: Int)
    /// Tokens [B, N, D] behind a block, with the final norm or without it.
    case features(layer: Int, norm: Bool)
}

/// What an encoder runs: recordings without weights and without a device.
///
/// B images or texts, N tokens, D width, E numbers of an embedding.
package struct EncoderGraphs: Sendable {
    package let encoder: Encoder
    package let traits: TowerTraits
    /// How matrices and activations are stored.
    package let storage: StorageType
    /// Height and width in pixels of the vision tower's input, whole patches.
    package let height: Int, width: Int
    /// What cosines are multiplied by before a softmax.
    package let logitScale: Float

    /// - Parameters:
    ///   - height, width: the size of the model's training, unless given.
    ///   - logitScale: only classification needs it.
    package init(
        _ encoder: Encoder, storage: StorageType, height: Int? = nil, width: Int? = nil, logitScale: Float = 1
    ) {
        self.encoder = encoder
        self.storage = storage
        self.logitScale = logitScale
        traits = encoder.vision.traits
        self.height = height ?? traits.height
        self.width = width ?? traits.width
    }

    /// A task over a batch of images, with the places of what goes in and comes out.
    package struct Images: Sendable {
        package internal(set) var graph: Graph
        package let slots: [ImageSlot]
        /// Embeddings [L, E] of the labels, L filled up to a multiple of eight.
        package internal(set) var labels: Tensor?
        package internal(set) var embedding: Output?
        package internal(set) var tokens: Output?
        package internal(set) var probabilities: Output?
    }

    /// From decoded images to what a task asks for.
    ///
    /// - Parameter capacity: room for each image.
    package func images(_ task: ImageTask, batch: Int, capacity: PixelCapacity) -> Images {
        let tower = encoder.vision
        var graph = Graph()
        let (pixels, slots) = graph.preprocess(
            "pixels", images: batch, height: height, width: width, capacity: capacity)
        var recording = Images(graph: Graph(), slots: slots)
        if case .features(let layer, let norm) = task {
            let tokens = tower.blocks(pixels, lastLayer: layer, storage: storage, in: &graph)[layer]
            recording.tokens = graph.output(
                "tokens", norm ? tower.finalNorm(tokens, storage: storage, in: &graph) : tokens)
            recording.graph = graph
            return recording
        }
        let last = traits.layers - 1
        let tokens = tower.blocks(pixels, lastLayer: last, storage: storage, in: &graph)[last]
        if task == .embeddingAndFeatures { recording.tokens = graph.output("tokens", tokens) }
        let embedding = graph.l2Normalize("normalize", tower.embedding(tokens, storage: storage, in: &graph))
        if case .classification(let count) = task {
            let labels = graph.input("labels", [count.roundedUp(to: 8), embedding.columns])
            let cosines = graph.similarity("similarity", embedding, labels, count: count)
            recording.labels = labels
            recording.probabilities = graph.output(
                "probabilities", graph.softmax("softmax", cosines, scale: logitScale))
        } else {
            recording.embedding = graph.output("embedding", embedding)
        }
        recording.graph = graph
        return recording
    }

    /// A batch of pixels that are normalised already, with the places of what goes in and comes out.
    package struct Tensors: Sendable {
        package let graph: Graph
        /// Pixels [B, 3, height, width].
        package let pixels: Tensor
        /// Unit vectors [B, E].
        package let embedding: Output
    }

    /// From normalised pixels to embeddings.
    package func tensors(batch: Int) -> Tensors {
        let tower = encoder.vision
        var graph = Graph()
        let pixels = graph.input("pixels", [batch, 3, height, width])
        let last = traits.layers - 1
        let tokens = tower.blocks(pixels, lastLayer: last, storage: storage, in: &graph)[last]
        let embedding = graph.output(
            "embedding", graph.l2Normalize("normalize", tower.embedding(tokens, storage: storage, in: &graph)))
        return Tensors(graph: graph, pixels: pixels, embedding: embedding)
    }

    /// A batch of texts, with the places of what goes in and comes out.
    package struct Texts: Sendable {
        package let graph: Graph
        /// Ids [B, length].
        package let ids: Tensor
        /// Unit vectors [B, E].
        package let embedding: Output
    }

    /// From ids to embeddings; nil for a model without a text tower.
    ///
    /// - Parameter length: ids of each text, at most the context.
    package func texts(batch: Int, length: Int) -> Texts? {
        guard let text = encoder.text else { return nil }
        var graph = Graph()
        let ids = graph.input("ids", [batch, length])
        let features = TextTransformer(text, storage: storage)(ids, in: &graph)
        let embedding = graph.output("embedding", graph.l2Normalize("normalize", features.embedding))
        return Texts(graph: graph, ids: ids, embedding: embedding)
    }

    /// What embeds a batch of images, and one of texts that fill their context where the model takes texts.
    package func all(batch: Int, texts textBatch: Int) -> [Graph] {
        [images(.embedding, batch: batch, capacity: .none).graph]
            + [encoder.text.flatMap { texts(batch: textBatch, length: $0.context)?.graph }].compactMap(\.self)
    }
}
