import PerceptCheckpoint

/// The naming a checkpoint of a Perception Language Model uses.
enum PLMNaming {
    /// The original release: `tok_embeddings.weight`, `vision_model.conv1.weight`.
    case original
    /// transformers: `model.language_model.embed_tokens.weight`, and timm's names for the tower.
    case transformers

    /// The names of token embeddings, of which a model has one. transformers' model without its output matrix has names
    /// without the first part.
    static let landmarks = [
        "tok_embeddings.weight", "model.language_model.embed_tokens.weight", "language_model.embed_tokens.weight",
    ]

    init(of names: WrappedNames) {
        self = names.tensors.contains { $0.name == Self.landmarks[0] } ? .original : .transformers
    }

    /// The tensors under their canonical names, as views; what has no canonical name keeps its own.
    ///
    /// - Parameter language: the decoder, whose head size decides which rows of the query and key matrices are pairs.
    func canonical(
        _ names: WrappedNames, _ language: LanguageConfig, path: String
    ) throws(CheckpointError) -> Checkpoint {
        var tensors: [CheckpointTensor] = []
        let lacksFirstPart = names.tensors.contains { $0.name == Self.landmarks[2] }
        for (name, tensor) in names.tensors {
            switch self {
            case .original:
                // FSDP stores a tied output matrix a second time under the wrapper's name.
                tensors.append(tensor.renamed(name == "output.tied_module.weight" ? "output.weight" : name))
            case .transformers:
                let whole = lacksFirstPart && name != "lm_head.weight" ? "model." + name : name
                if let view = try Self.transformers(tensor, whole, language) { tensors.append(view) }
            }
        }
        return try Checkpoint(path: path, tensors: tensors)
    }

    static let topNames = [
        "model.language_model.embed_tokens.weight": "tok_embeddings.weight",
        "model.language_model.norm.weight": "norm.weight",
        "lm_head.weight": "output.weight",
        "model.multi_modal_projector.linear_1.weight": "vision_projector.projector.0.weight",
        "model.multi_modal_projector.linear_1.bias": "vision_projector.projector.0.bias",
        "model.multi_modal_projector.linear_2.weight": "vision_projector.projector.2.weight",
        "model.multi_modal_projector.linear_2.bias": "vision_projector.projector.2.bias",
    ]
    static let layerNames = [
        "input_layernorm.weight": "attention_norm.weight", "post_attention_layernorm.weight": "ffn_norm.weight",
        "self_attn.q_proj.weight": "attention.wq.weight", "self_attn.k_proj.weight": "attention.wk.weight",
        "self_attn.v_proj.weight": "attention.wv.weight", "self_attn.o_proj.weight": "attention.wo.weight",
        "mlp.gate_proj.weight": "feed_forward.w1.weight", "mlp.up_proj.weight": "feed_forward.w3.weight",
        "mlp.down_proj.weight": "feed_forward.w2.weight",
    ]
    static let towerPrefix = "model.vision_tower.timm_model."
    static let layerPrefix = "model.language_model.layers."

    /// One tensor of transformers' model as the canonical tensor it is; nil for a table of frequencies, which old
    /// writers store and nobody reads.
    private static func transformers(
        _ tensor: CheckpointTensor, _ name: String, _ language: LanguageConfig
    ) throws(CheckpointError) -> CheckpointTensor? {
        if let canonical = topNames[name] { return tensor.renamed(canonical) }
        if name.hasSuffix(".rotary_emb.inv_freq") { return nil }
        if name.hasPrefix(towerPrefix) {
            let local = String(name.dropFirst(towerPrefix.count))
            // A tower without pooling has no tensor in two halves, so there are no siblings to look for.
            guard let view = try EncoderNaming.timm(tensor, local, siblings: [:]), view.name.hasPrefix("visual.") else {
                return tensor.renamed(name)
            }
            return view.renamed("vision_model." + view.name.dropFirst("visual.".count))
        }
        guard name.hasPrefix(layerPrefix) else { return tensor.renamed(name) }
        let parts = name.dropFirst(layerPrefix.count).split(separator: ".", maxSplits: 1)
        guard parts.count == 2, let rest = layerNames[String(parts[1])] else { return tensor.renamed(name) }
        let canonical = tensor.renamed("layers.\(parts[0]).\(rest)")
        guard rest == "attention.wq.weight" || rest == "attention.wk.weight" else { return canonical }
        // transformers turns channel i with i + headSize / 2 and keeps its rows in that order; the original turns
        // neighbours. A matrix of other heads is left as it is: its shape is refused afterwards, by name.
        return (try? canonical.interleavingHalves(of: language.headSize)) ?? canonical
    }
}
