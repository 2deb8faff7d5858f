import PerceptCheckpoint

extension VisionConfig {
    /// What the tensors of a canonical checkpoint say; the head counts follow the published models.
    init(inferredFrom checkpoint: Checkpoint) throws(CheckpointError) {
        let file = checkpoint.path
        let convolution = try shape("visual.conv1.weight", rank: 4, checkpoint)
        let positions = try shape("visual.positional_embedding", rank: 2, checkpoint)
        let expand = try shape("visual.transformer.resblocks.0.mlp.c_fc.weight", rank: 2, checkpoint)
        width = convolution[0]
        patchSize = convolution[3]
        mlpHidden = expand[0]
        hasClassToken = checkpoint.contains("visual.class_embedding")
        let patches = positions[0] - (hasClassToken ? 1 : 0)
        let grid = Int(Double(max(patches, 0)).squareRoot())
        guard grid > 0, grid <= 16384, patchSize <= 512, grid * grid == patches else {
            throw .malformed(
                file: file, reason: "tensor 'visual.positional_embedding' with \(positions[0]) rows is no square grid")
        }
        imageSize = grid * patchSize
        layers = layerCount("visual.transformer.resblocks.", checkpoint)
        heads = headCount(width)
        pool = checkpoint.contains("visual.attn_pool.probe") ? .attention(heads: 8) : .none
        outputDim = checkpoint.contains("visual.proj") ? try shape("visual.proj", rank: 2, checkpoint)[1] : nil
        hasPreNorm = checkpoint.contains("visual.ln_pre.weight")
        hasPostNorm = checkpoint.contains("visual.ln_post.weight")
        hasLayerScale = checkpoint.contains("visual.transformer.resblocks.0.ls_1.gamma")
    }

    /// The fields of `self` (what a configuration states) and of `found` that must agree and do not.
    func contradictions(_ found: VisionConfig) -> [(field: String, stated: String, found: String)] {
        let hasAttentionPool = if case .attention = pool { true } else { false }
        let foundAttentionPool = if case .attention = found.pool { true } else { false }
        let fields: [(field: String, stated: String, found: String)] = [
            ("width", "\(width)", "\(found.width)"), ("patch_size", "\(patchSize)", "\(found.patchSize)"),
            ("layers", "\(layers)", "\(found.layers)"), ("class token", "\(hasClassToken)", "\(found.hasClassToken)"),
            ("image_size", "\(imageSize)", "\(found.imageSize)"),
            ("MLP hidden size", "\(mlpHidden)", "\(found.mlpHidden)"),
            ("output_dim", outputDim.map(String.init) ?? "none", found.outputDim.map(String.init) ?? "none"),
            ("attention pooling", "\(hasAttentionPool)", "\(foundAttentionPool)"),
            ("norm before the blocks", "\(hasPreNorm)", "\(found.hasPreNorm)"),
            ("norm after the blocks", "\(hasPostNorm)", "\(found.hasPostNorm)"),
            ("LayerScale", "\(hasLayerScale)", "\(found.hasLayerScale)"),
        ]
        return fields.filter { $0.stated != $0.found }
    }
}

extension TextConfig {
    /// What the tensors of a canonical checkpoint say; the head count follows the published models.
    init(inferredFrom checkpoint: Checkpoint) throws(CheckpointError) {
        let embedding = try shape("token_embedding.weight", rank: 2, checkpoint)
        vocabulary = embedding[0]
        width = embedding[1]
        context = try shape("positional_embedding", rank: 2, checkpoint)[0]
        mlpHidden = try shape("transformer.resblocks.0.mlp.c_fc.weight", rank: 2, checkpoint)[0]
        outputDim = try shape("text_projection", rank: 2, checkpoint)[1]
        layers = layerCount("transformer.resblocks.", checkpoint)
        heads = max(width / 64, 1)
    }

    /// The fields of `self` (what a configuration states) and of `found` that must agree and do not.
    func contradictions(_ found: TextConfig) -> [(field: String, stated: String, found: String)] {
        let fields: [(String, Int, Int)] = [
            ("text width", width, found.width), ("text layers", layers, found.layers),
            ("context_length", context, found.context), ("vocab_size", vocabulary, found.vocabulary),
            ("text MLP hidden size", mlpHidden, found.mlpHidden), ("text output_dim", outputDim, found.outputDim),
        ]
        return fields.filter { $0.1 != $0.2 }.map { ($0.0, "\($0.1)", "\($0.2)") }
    }
}

/// Channels per head are 64, but 96 in the gigantic towers.
private func headCount(_ width: Int) -> Int { width == 1536 ? 16 : max(width / 64, 1) }

private func shape(_ name: String, rank: Int, _ checkpoint: Checkpoint) throws(CheckpointError) -> [Int] {
    guard let tensor = checkpoint[name] else { throw .missing(file: checkpoint.path, name: name) }
    guard tensor.shape.count == rank, tensor.shape.allSatisfy({ $0 > 0 }) else {
        throw .shape(
            file: checkpoint.path, name: name, expected: Array(repeating: -1, count: rank), found: tensor.shape)
    }
    return tensor.shape
}

/// One more than the largest number that follows `prefix` in the name of a tensor that blocks have.
private func layerCount(_ prefix: String, _ checkpoint: Checkpoint) -> Int {
    var layers = 0
    for tensor in checkpoint.tensors where tensor.name.hasPrefix(prefix) {
        let local = tensor.name.dropFirst(prefix.count)
        let number = local.prefix { $0 != "." }
        guard WeightShape.blockNames.contains(local.dropFirst(number.count + 1)) else { continue }
        // More layers than tensors cannot be; such a number is a stray name.
        if let layer = Int(number), layer >= 0, layer < checkpoint.tensors.count { layers = max(layers, layer + 1) }
    }
    return layers
}
