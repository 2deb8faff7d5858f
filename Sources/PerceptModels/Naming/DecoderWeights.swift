extension PLMConfig {
    /// Every tensor of the model in the naming of the original release: the tower's names begin with `vision_model.`.
    ///
    /// A tied output matrix is not listed (perception_models: `apps/plm/transformer.py`, `LMTransformer`).
    package var weights: [WeightShape] {
        language.weights + projector.weights
            + vision.weights.map { WeightShape(name: "vision_model." + $0.name, shape: $0.shape) }
    }
}

extension LanguageConfig {
    /// Every tensor of the decoder. Rows of wq and wk are such that rotary positions turn neighbours (2i, 2i + 1).
    package var weights: [WeightShape] {
        var weights = [WeightShape(name: "tok_embeddings.weight", shape: [vocabulary, dim])]
        for layer in 0..<layers {
            let shapes = [
                ("attention_norm", [dim]), ("attention.wq", [queryWidth, dim]), ("attention.wk", [keyWidth, dim]),
                ("attention.wv", [keyWidth, dim]), ("attention.wo", [dim, queryWidth]), ("ffn_norm", [dim]),
                ("feed_forward.w1", [hidden, dim]), ("feed_forward.w3", [hidden, dim]),
                ("feed_forward.w2", [dim, hidden]),
            ]
            weights += shapes.map { WeightShape(name: "layers.\(layer).\($0).weight", shape: $1) }
        }
        weights.append(WeightShape(name: "norm.weight", shape: [dim]))
        if !isTied { weights.append(WeightShape(name: "output.weight", shape: [vocabulary, dim])) }
        return weights
    }
}

extension PLMConfig.Projector {
    /// Every tensor of the projector.
    package var weights: [WeightShape] {
        [
            WeightShape(name: "vision_projector.projector.0.weight", shape: [output, input]),
            WeightShape(name: "vision_projector.projector.0.bias", shape: [output]),
            WeightShape(name: "vision_projector.projector.2.weight", shape: [output, output]),
            WeightShape(name: "vision_projector.projector.2.bias", shape: [output]),
        ]
    }
}
