import PerceptCheckpoint

extension LanguageConfig {
    /// Reads the `model` object of the original's `params.json` (perception_models: `core/transformer.py`).
    init(params fields: ConfigFields) throws(CheckpointError) {
        dim = try fields.required("dim")
        layers = try fields.required("n_layers")
        heads = try fields.required("n_heads")
        kvHeads = try fields.integer("n_kv_heads") ?? heads
        headSize = try Self.headSize(try fields.integer("head_dim"), dim, heads, fields.file)
        let multiplier = try fields.number("ffn_dim_multiplier") ?? 1
        guard multiplier > 0, multiplier <= 64 else { throw fields.fault("ffn_dim_multiplier", "a sensible ratio") }
        let multiple = try fields.integer("multiple_of") ?? 256
        try requireSize("multiple_of", multiple, 65536, fields.file)
        hidden = Self.hidden(dim: dim, multiplier: multiplier, multiple: multiple)
        vocabulary = try fields.required("vocab_size")
        isTied = try fields.bool("weight_tying") ?? false
        ropeTheta = try fields.number("rope_theta") ?? 10000
        normEpsilon = try fields.number("norm_eps") ?? 1e-5
        // That of the released models.
        maxPositions = try fields.integer("max_seqlen") ?? 11520
        // The factor alone decides: the original's default of 1 means off, whatever the base model had.
        let factor = try fields.number("rope_scale_factor") ?? 1
        if factor != 1 {
            guard try fields.bool("use_scaled_rope") ?? true else {
                throw .malformed(
                    file: fields.file, reason: "'use_scaled_rope' is false, but 'rope_scale_factor' is \(factor)")
            }
            ropeScaling = RopeScaling(
                factor: factor, lowFrequency: try fields.number("low_freq_factor") ?? 1,
                highFrequency: try fields.number("high_freq_factor") ?? 4,
                originalPositions: try fields.integer("old_context_len") ?? 8192)
        } else {
            ropeScaling = nil
        }
        try validate(fields.file)
    }

    /// Reads the `text_config` of transformers' `config.json`. Absent fields have the defaults of its `LlamaConfig`,
    /// which its writer may leave out.
    ///
    /// - Parameter tied: what the whole model's configuration says of its output matrix, for a `text_config` that is
    ///   silent about it.
    init(transformers fields: ConfigFields, tied: Bool?) throws(CheckpointError) {
        let kind = try fields.string("model_type") ?? "llama"
        guard kind == "llama" else { throw .unsupported(file: fields.file, feature: "a decoder of type '\(kind)'") }
        let activation = try fields.string("hidden_act") ?? "silu"
        guard activation == "silu" else {
            throw .unsupported(file: fields.file, feature: "the hidden_act '\(activation)'")
        }
        for feature in ["attention_bias", "mlp_bias"] {
            let isUsed = try fields.bool(feature) ?? false
            guard !isUsed else { throw .unsupported(file: fields.file, feature: "'\(feature)': true") }
        }
        dim = try fields.integer("hidden_size") ?? 4096
        layers = try fields.integer("num_hidden_layers") ?? 32
        heads = try fields.integer("num_attention_heads") ?? 32
        kvHeads = try fields.integer("num_key_value_heads") ?? heads
        headSize = try Self.headSize(try fields.integer("head_dim"), dim, heads, fields.file)
        hidden = try fields.integer("intermediate_size") ?? 11008
        vocabulary = try fields.integer("vocab_size") ?? 32000
        isTied = try fields.bool("tie_word_embeddings") ?? tied ?? false
        normEpsilon = try fields.number("rms_norm_eps") ?? 1e-6
        maxPositions = try fields.integer("max_position_embeddings") ?? 2048
        // transformers 5 has both in `rope_parameters`.
        let parameters = try fields.object("rope_parameters")
        let (theta, older) = (try parameters?.number("rope_theta"), try fields.number("rope_theta"))
        ropeTheta = theta ?? older ?? 10000
        let scaling = try fields.object("rope_scaling")
        ropeScaling = try RopeScaling(transformers: parameters ?? scaling)
        try validate(fields.file)
    }

    private static func headSize(
        _ stated: Int?, _ dim: Int, _ heads: Int, _ file: String
    ) throws(CheckpointError) -> Int {
        try requireSize("decoder width", dim, 65536, file)
        try requireSize("decoder heads", heads, 4096, file)
        if let stated { return stated }
        guard dim.isMultiple(of: heads) else {
            throw .malformed(file: file, reason: "a decoder width of \(dim) does not suit \(heads) heads")
        }
        return dim / heads
    }
}

extension LanguageConfig.RopeScaling {
    /// Nil where the object is absent or asks for no scaling.
    fileprivate init?(transformers fields: ConfigFields?) throws(CheckpointError) {
        guard let fields else { return nil }
        let legacy = try fields.string("type")
        let kind = try fields.string("rope_type") ?? legacy ?? "default"
        let part = try fields.number("partial_rotary_factor") ?? 1
        guard part == 1 else { throw .unsupported(file: fields.file, feature: "a partial_rotary_factor of \(part)") }
        if kind == "default" { return nil }
        guard kind == "llama3" else {
            throw .unsupported(file: fields.file, feature: "rotary positions of type '\(kind)'")
        }
        guard let factor = try fields.number("factor") else { throw fields.fault("factor", "a number") }
        if factor == 1 { return nil }
        guard let low = try fields.number("low_freq_factor") else { throw fields.fault("low_freq_factor", "a number") }
        guard let high = try fields.number("high_freq_factor") else {
            throw fields.fault("high_freq_factor", "a number")
        }
        self.init(
            factor: factor, lowFrequency: low, highFrequency: high,
            originalPositions: try fields.required("original_max_position_embeddings"))
    }
}
