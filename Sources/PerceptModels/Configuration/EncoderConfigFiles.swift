package import PerceptCheckpoint
package import PerceptJSON

extension EncoderConfig {
    /// Reads the side file of an original checkpoint: objects `vision` and `text` with the field names of the
    /// reference's `PEConfig` and `PETextConfig` (perception_models: `core/vision_encoder/config.py`).
    package init(sideFile path: String, name: String) throws(CheckpointError) {
        try self.init(side: try JSON(contentsOf: path), file: path, name: name)
    }

    /// The same from JSON that is in memory; errors call it `file`.
    package init(side json: JSON, file: String, name: String) throws(CheckpointError) {
        let fields = ConfigFields(json: json, file: file)
        guard let vision = try fields.object("vision") else { throw fields.fault("vision", "an object") }
        self.name = name
        self.vision = try VisionConfig(side: vision)
        if let text = try fields.object("text") { self.text = try TextConfig(side: text) }
    }

    /// Reads timm's `config.json`: an architecture and what differs from it in `model_args`.
    package init(timmFile path: String) throws(CheckpointError) {
        try self.init(timm: try JSON(contentsOf: path), file: path)
    }

    /// The same from JSON that was read.
    init(timm json: JSON, file path: String) throws(CheckpointError) {
        let fields = ConfigFields(json: json, file: path)
        guard let architecture = try fields.string("architecture") else {
            throw fields.fault("architecture", "a string")
        }
        let tag = try fields.object("pretrained_cfg")?.string("tag") ?? "fb"
        guard let model = PublishedModel.timm(architecture, tag: tag) else {
            throw .unsupported(file: path, feature: "the architecture '\(architecture)'")
        }
        name = model.name
        vision = model.vision
        try vision.apply(timm: fields)
        if let arguments = try fields.object("model_args") { try vision.apply(timm: arguments) }
        try vision.validate(path)
    }

    /// Reads `open_clip_config.json`: a timm architecture for the vision tower and the sizes of the text tower.
    ///
    /// - Parameter inferred: what the tensors say of the vision tower. An architecture that is none of timm's own takes
    ///   it, and the sizes that stand beside the name in open_clip's fields, such as `head_width`.
    package init(openCLIPFile path: String, inferred: VisionConfig? = nil) throws(CheckpointError) {
        try self.init(openCLIP: try JSON(contentsOf: path), file: path, inferred: inferred)
    }

    /// The same from JSON that was read.
    init(openCLIP json: JSON, file path: String, inferred: VisionConfig?) throws(CheckpointError) {
        let root = ConfigFields(json: json, file: path)
        let fields = try root.object("model_cfg") ?? root
        guard let visionFields = try fields.object("vision_cfg"), let textFields = try fields.object("text_cfg") else {
            throw fields.fault("vision_cfg, text_cfg", "a pair of objects")
        }
        let architecture = try visionFields.string("timm_model_name") ?? ""
        let outputDim = try fields.required("embed_dim")
        if let model = PublishedModel.timm(architecture) {
            name = model.name
            vision = model.vision
        } else if var inferred, visionFields.has("width") {
            try inferred.apply(openCLIP: visionFields)
            name = architecture
            vision = inferred
        } else {
            throw .unsupported(file: path, feature: "the architecture '\(architecture)'")
        }
        vision.outputDim = outputDim
        vision.imageSize = try visionFields.side("image_size") ?? vision.imageSize
        try vision.validate(path)
        text = try TextConfig(openCLIP: textFields, outputDim: outputDim)
    }
}

extension VisionConfig {
    init(side fields: ConfigFields) throws(CheckpointError) {
        let width = try fields.required("width")
        guard let hidden = try fields.hidden("mlp_ratio", width: width) else {
            throw fields.fault("mlp_ratio", "a number")
        }
        for feature in ["use_abs_posemb", "use_rope2d"] {
            let isUsed = try fields.bool(feature) ?? true
            guard isUsed else { throw .unsupported(file: fields.file, feature: "'\(feature)': false") }
        }
        let pool = try fields.string("pool_type") ?? "attn"
        switch pool {
        case "attn": self.pool = .attention(heads: try fields.integer("attn_pooler_heads") ?? 8)
        case "tok": self.pool = .classToken
        case "avg": self.pool = .average
        case "none": self.pool = .none
        default: throw .unsupported(file: fields.file, feature: "the pool_type '\(pool)'")
        }
        let pretrainSize = try fields.integer("pretrain_image_size")
        imageSize = try fields.integer("image_size") ?? pretrainSize ?? 224
        patchSize = try fields.required("patch_size")
        self.width = width
        layers = try fields.required("layers")
        heads = try fields.required("heads")
        mlpHidden = hidden
        hasClassToken = try fields.bool("use_cls_token") ?? false
        outputDim = try fields.integer("output_dim")
        hasPreNorm = try fields.bool("use_ln_pre") ?? true
        hasPostNorm = try fields.bool("use_ln_post") ?? true
        hasLayerScale = try fields.number("ls_init_value") != nil
        try validate(fields.file)
    }

    /// Applies the sizes that open_clip gives its own towers.
    fileprivate mutating func apply(openCLIP fields: ConfigFields) throws(CheckpointError) {
        width = try fields.required("width")
        layers = try fields.integer("layers") ?? layers
        patchSize = try fields.integer("patch_size") ?? patchSize
        mlpHidden = try fields.hidden("mlp_ratio", width: width) ?? mlpHidden
        if let headWidth = try fields.integer("head_width"), headWidth > 0 { heads = width / headWidth }
        if let poolHeads = try fields.integer("attn_pooler_heads"), case .attention = pool {
            pool = .attention(heads: poolHeads)
        }
    }

    /// Applies timm's overrides; the names are those of timm's `Eva` class.
    mutating func apply(timm fields: ConfigFields) throws(CheckpointError) {
        let ratio = Double(mlpHidden) / Double(width)
        imageSize = try fields.side("img_size") ?? imageSize
        patchSize = try fields.side("patch_size") ?? patchSize
        if let width = try fields.integer("embed_dim") {
            guard (1...65536).contains(width) else { throw fields.fault("embed_dim", "a sensible width") }
            self.width = width
            mlpHidden = Int((Double(width) * ratio + 1e-5).rounded(.down))
        }
        layers = try fields.integer("depth") ?? layers
        heads = try fields.integer("num_heads") ?? heads
        mlpHidden = try fields.hidden("mlp_ratio", width: width) ?? mlpHidden
        hasClassToken = try fields.bool("class_token") ?? hasClassToken
        if fields.has("init_values") { hasLayerScale = try fields.number("init_values") != nil }
        hasPreNorm = try fields.bool("use_pre_transformer_norm") ?? hasPreNorm
        hasPostNorm = try fields.bool("use_post_transformer_norm") ?? hasPostNorm
        if let classes = try fields.integer("num_classes") { outputDim = classes == 0 ? nil : classes }
        let poolHeads = try fields.integer("attn_pool_num_heads")
        switch try fields.string("global_pool") {
        case "map": pool = .attention(heads: poolHeads ?? 8)
        case "token": pool = .classToken
        // timm averages patch tokens for a classifier it does not have; the model's output is the tokens.
        case "avg", "": pool = .none
        case nil: if let poolHeads, case .attention = pool { pool = .attention(heads: poolHeads) }
        case .some(let other): throw .unsupported(file: fields.file, feature: "the global_pool '\(other)'")
        }
    }
}

extension TextConfig {
    fileprivate init(side fields: ConfigFields) throws(CheckpointError) {
        context = try fields.integer("context_length") ?? 72
        width = try fields.required("width")
        heads = try fields.required("heads")
        layers = try fields.required("layers")
        outputDim = try fields.required("output_dim")
        mlpHidden = try fields.hidden("mlp_ratio", width: width, else: 4)
        vocabulary = try fields.integer("vocab_size") ?? 49408
        try validate(fields.file)
    }

    fileprivate init(openCLIP fields: ConfigFields, outputDim: Int) throws(CheckpointError) {
        context = try fields.integer("context_length") ?? 77
        width = try fields.integer("width") ?? 512
        heads = try fields.integer("heads") ?? 8
        layers = try fields.integer("layers") ?? 12
        vocabulary = try fields.integer("vocab_size") ?? 49408
        self.outputDim = outputDim
        mlpHidden = try fields.hidden("mlp_ratio", width: width, else: 4)
        try validate(fields.file)
    }
}
