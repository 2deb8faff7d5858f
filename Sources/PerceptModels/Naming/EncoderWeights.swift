import PerceptCheckpoint

/// The name and shape of one learned tensor in the naming of the original release.
package struct WeightShape: Sendable, Hashable {
    package let name: String
    package let shape: [Int]

    package var count: Int { shape.reduce(1, *) }

    /// What the tensors of one block of a tower are called, behind its number.
    static let blockNames = Set(
        [WeightShape].block("", 1, 1, layerScale: true).map { $0.name.dropFirst() })
}

extension [WeightShape] {
    /// Shapes by name of a tower's tensors; the temperature belongs to none.
    package var byName: [String: [Int]] {
        Dictionary(uniqueKeysWithValues: filter { $0.name != "logit_scale" }.map { ($0.name, $0.shape) })
    }
}

extension EncoderConfig {
    /// Every tensor of the model: the vision tower's names begin with `visual.`, the text tower's stand bare
    /// (perception_models: `core/vision_encoder/pe.py`, class `CLIP`).
    package var weights: [WeightShape] {
        vision.weights.map { WeightShape(name: "visual." + $0.name, shape: $0.shape) } + (text?.weights ?? [])
    }
}

extension VisionConfig {
    /// Every tensor of the tower, without prefix.
    package var weights: [WeightShape] {
        var weights: [WeightShape] = []
        if hasClassToken { weights.append(WeightShape(name: "class_embedding", shape: [width])) }
        weights.append(WeightShape(name: "positional_embedding", shape: [tokenCount, width]))
        weights.append(WeightShape(name: "conv1.weight", shape: [width, 3, patchSize, patchSize]))
        if hasPreNorm { weights += .norm("ln_pre", width) }
        for layer in 0..<layers {
            weights += .block("transformer.resblocks.\(layer)", width, mlpHidden, layerScale: hasLayerScale)
        }
        if hasPostNorm { weights += .norm("ln_post", width) }
        if case .attention = pool {
            weights.append(WeightShape(name: "attn_pool.probe", shape: [1, 1, width]))
            weights += .attention("attn_pool.attn", width)
            weights += .norm("attn_pool.layernorm", width)
            weights += .mlp("attn_pool.mlp", width, 4 * width)
        }
        if let outputDim { weights.append(WeightShape(name: "proj", shape: [width, outputDim])) }
        return weights
    }
}

extension VisionConfig {
    /// The tensors of the parts that towers may have and this has not, part by part and without prefix. A part of which
    /// something is there and something missing is none that a model can do without.
    var absentParts: [[WeightShape]] {
        var whole = self
        (whole.hasClassToken, whole.hasPreNorm, whole.hasPostNorm, whole.hasLayerScale) = (true, true, true, true)
        whole.pool = .attention(heads: 1)
        whole.outputDim = outputDim ?? 1
        let own = Set(weights.map(\.name))
        let groups = Dictionary(grouping: whole.weights.filter { !own.contains($0.name) }) { weight in
            // The parts at the top have a name of their own; LayerScale is spread over the blocks.
            weight.name.hasPrefix("transformer.") ? "ls" : String(weight.name.prefix { $0 != "." })
        }
        return groups.sorted { $0.key < $1.key }.map(\.value)
    }
}

extension TextConfig {
    /// Every tensor of the tower and the temperature, which is stored as a logarithm.
    package var weights: [WeightShape] {
        var weights = [
            WeightShape(name: "token_embedding.weight", shape: [vocabulary, width]),
            WeightShape(name: "positional_embedding", shape: [context, width]),
        ]
        for layer in 0..<layers {
            weights += .block("transformer.resblocks.\(layer)", width, mlpHidden, layerScale: false)
        }
        weights += .norm("ln_final", width)
        weights.append(WeightShape(name: "text_projection", shape: [width, outputDim]))
        weights.append(WeightShape(name: "logit_scale", shape: []))
        return weights
    }
}

extension TextConfig {
    /// The tensors of any text tower, by which one is recognised.
    static let anyWeights = TextConfig(
        context: 1, width: 1, heads: 1, layers: 1, mlpHidden: 1, vocabulary: 1, outputDim: 1
    ).weights.filter { $0.name != "logit_scale" }
}

extension [WeightShape] {
    fileprivate static func norm(_ name: String, _ width: Int) -> [WeightShape] {
        [WeightShape(name: name + ".weight", shape: [width]), WeightShape(name: name + ".bias", shape: [width])]
    }

    fileprivate static func linear(_ name: String, _ output: Int, _ input: Int) -> [WeightShape] {
        [
            WeightShape(name: name + ".weight", shape: [output, input]),
            WeightShape(name: name + ".bias", shape: [output]),
        ]
    }

    fileprivate static func attention(_ name: String, _ width: Int) -> [WeightShape] {
        [
            WeightShape(name: name + ".in_proj_weight", shape: [3 * width, width]),
            WeightShape(name: name + ".in_proj_bias", shape: [3 * width]),
        ] + linear(name + ".out_proj", width, width)
    }

    fileprivate static func mlp(_ name: String, _ width: Int, _ hidden: Int) -> [WeightShape] {
        linear(name + ".c_fc", hidden, width) + linear(name + ".c_proj", width, hidden)
    }

    fileprivate static func block(_ name: String, _ width: Int, _ hidden: Int, layerScale: Bool) -> [WeightShape] {
        var weights: [WeightShape] = norm(name + ".ln_1", width) + attention(name + ".attn", width)
        weights += norm(name + ".ln_2", width) + mlp(name + ".mlp", width, hidden)
        if layerScale {
            weights.append(WeightShape(name: name + ".ls_1.gamma", shape: [width]))
            weights.append(WeightShape(name: name + ".ls_2.gamma", shape: [width]))
        }
        return weights
    }
}
