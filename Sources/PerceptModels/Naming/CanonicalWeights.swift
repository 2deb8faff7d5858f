import PerceptCheckpoint

/// The name and shape of one learned tensor in the naming of the original release.
package struct WeightShape: Sendable, Hashable {
    package let name: String
    package let shape: [Int]

    package var count: Int { shape.reduce(1, *) }
}

extension [WeightShape] {
    /// Shapes by name of a tower's tensors; the temperature belongs to none.
    package var byName: [String: [Int]] {
        Dictionary(uniqueKeysWithValues: filter { $0.name != "logit_scale" }.map { ($0.name, $0.shape) })
    }
}

extension Checkpoint {
    /// Checks that the tensors are those expected, of the right shapes, and no others.
    ///
    /// - Throws: ``CheckpointError/missing(file:name:)``, ``CheckpointError/shape(file:name:expected:found:)``,
    ///   ``CheckpointError/unused(file:names:)``.
    func requireExactly(_ expected: [WeightShape]) throws(CheckpointError) {
        for weight in expected {
            guard let tensor = self[weight.name] else { throw .missing(file: path, name: weight.name) }
            guard tensor.shape == weight.shape else {
                throw .shape(file: path, name: weight.name, expected: weight.shape, found: tensor.shape)
            }
        }
        let names = Set(expected.map(\.name))
        let extra = tensors.map(\.name).filter { !names.contains($0) }
        guard extra.isEmpty else { throw .unused(file: path, names: extra) }
    }
}

extension ModelConfig {
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
