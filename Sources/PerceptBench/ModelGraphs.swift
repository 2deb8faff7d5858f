import PerceptGraph
import PerceptModels

/// What the models of a name run, recorded without their weights.
enum ModelGraphs {
    /// - Parameters:
    ///   - name: of a published encoder or language model.
    ///   - batch: images and texts of one run of an encoder.
    /// - Returns: nil for a name that is not known.
    static func all(_ name: String, weightType: WeightType, batch: Int) -> [Graph]? {
        let storage: StorageType = if case .plain(let type) = weightType { type } else { .f16 }
        if let model = KnownModel.named(name) {
            return encoder(model.config, storage: storage, batch: batch)
        }
        return KnownLanguageModel.named(name).map { languageModel($0.config, storage: storage, weightType: weightType) }
    }

    private static func encoder(_ config: ModelConfig, storage: StorageType, batch: Int) -> [Graph] {
        var graphs = [Graph()]
        let tower = VisionTransformer(config.vision, storage: storage)
        let side = config.vision.imageSize
        let pixels = graphs[0].preprocess("pixels", images: batch, height: side, width: side, capacity: .none)
        let last = config.vision.layers - 1
        let pooled = tower.pool(tower(pixels, lastLayer: last, in: &graphs[0]).blocks[last], in: &graphs[0])
        graphs[0].output("embedding", graphs[0].l2Normalize("normalize", tower.project(pooled, in: &graphs[0])))
        if let text = config.text {
            var graph = Graph()
            let ids = graph.input("ids", [batch, text.context])
            let features = TextTransformer(text, storage: storage)(ids, in: &graph)
            graph.output("embedding", graph.l2Normalize("normalize", features.embedding))
            graphs.append(graph)
        }
        return graphs
    }

    /// Prompts of 16, 64 and 512 positions, a step of decoding, and what sees.
    private static func languageModel(_ config: PLMConfig, storage: StorageType, weightType: WeightType) -> [Graph] {
        let decoder = LanguageDecoder(
            config.language, storage: storage, weightType: weightType, positions: 4096, mediaRows: 256)
        var graphs = [16, 64, 512].map { rows in
            var graph = Graph()
            decoder.prefill(rows: rows, in: &graph)
            return graph
        }
        var step = Graph()
        decoder.step(in: &step)
        var vision = Graph()
        let pixels = vision.preprocess(
            "pixels", images: 1, height: config.imageSize, width: config.imageSize, capacity: .none)
        let media = decoder.media(in: &vision)
        PLMVision(config, storage: storage, weightType: weightType)(pixels, into: media, in: &vision)
        graphs += [step, vision]
        return graphs
    }
}
