import PerceptCheckpoint
package import PerceptJSON

extension PLMConfig {
    /// The configuration as transformers has it: `config.json` and the `processor_config.json` beside it, from which
    /// ``init(transformersDirectory:name:)`` reads this again, but for the name.
    package var transformersFiles: (config: JSON, processor: JSON) {
        let config = JSON.members([
            "architectures": .array([.string("PerceptionLMForConditionalGeneration")]),
            "model_type": .string("perception_lm"), "image_token_id": .integer(imageTokenID),
            "video_token_id": .integer(videoTokenID), "projector_pooling_ratio": .integer(poolingRatio),
            "vision_use_cls_token": .bool(vision.hasClassToken), "tie_word_embeddings": .bool(language.isTied),
            "text_config": language.transformers, "vision_config": vision.timmWrapper,
        ])
        let images = JSON.members([
            "image_processor_type": .string("PerceptionLMImageProcessorFast"),
            "vision_input_type": .string(visionInput.rawValue), "tile_size": .integer(imageSize),
            "max_num_tiles": .integer(maxTiles), "resample": .integer(transform.filter == .bilinear ? 2 : 3),
            "image_mean": .array(transform.mean.map { .number(Double($0)) }),
            "image_std": .array(transform.deviation.map { .number(Double($0)) }),
        ])
        let processor = JSON.members([
            "processor_class": .string("PerceptionLMProcessor"), "patch_size": .integer(vision.patchSize),
            "pooling_ratio": .integer(poolingRatio), "image_token": .string(imageToken), "image_processor": images,
            "video_processor": .members(["num_frames": .integer(maxFrames)]),
        ])
        return (config, processor)
    }
}

extension LanguageConfig {
    /// A `text_config`.
    fileprivate var transformers: JSON {
        let config = JSON.members([
            "model_type": .string("llama"), "hidden_size": .integer(dim), "intermediate_size": .integer(hidden),
            "num_hidden_layers": .integer(layers), "num_attention_heads": .integer(heads),
            "num_key_value_heads": .integer(kvHeads), "head_dim": .integer(headSize),
            "vocab_size": .integer(vocabulary), "rms_norm_eps": .number(normEpsilon),
            "max_position_embeddings": .integer(maxPositions), "rope_theta": .number(ropeTheta),
            "tie_word_embeddings": .bool(isTied),
        ])
        guard let scaling = ropeScaling else { return config }
        return config.setting(
            "rope_scaling",
            to: .members([
                "rope_type": .string("llama3"), "factor": .number(scaling.factor),
                "low_freq_factor": .number(scaling.lowFrequency), "high_freq_factor": .number(scaling.highFrequency),
                "original_max_position_embeddings": .integer(scaling.originalPositions),
            ]))
    }
}

extension VisionConfig {
    /// A `vision_config`: one of timm's architectures, with all that may differ from it spelled out.
    fileprivate var timmWrapper: JSON {
        let known = PublishedModel.all.first { $0.encoder?.vision == self } ?? PublishedModel.named("PE-Lang-L14-448")
        return .members([
            "model_type": .string("timm_wrapper"), "architecture": .string(known?.timmArchitecture ?? ""),
            "model_args": .members([
                "embed_dim": .integer(width), "depth": .integer(layers), "num_heads": .integer(heads),
                "patch_size": .integer(patchSize), "mlp_ratio": .number(Double(mlpHidden) / Double(width)),
                "img_size": .array([.integer(imageSize), .integer(imageSize)]), "class_token": .bool(hasClassToken),
                "global_pool": .string(""), "use_pre_transformer_norm": .bool(hasPreNorm),
                "use_post_transformer_norm": .bool(hasPostNorm),
                // Where a tower learns to scale its layers, the value it began with does not matter.
                "init_values": hasLayerScale ? .number(0.1) : .null,
                "ref_feat_shape": .array([.integer(gridSize), .integer(gridSize)]),
            ]),
        ])
    }
}
