import Foundation
import Percept
import PerceptCheckpoint
import PerceptModels
import TestSupport

/// A tiny language model in transformers' layout, written by a formula: two tower blocks over 4 x 4 patches, two decoder
/// blocks, and the tokenizer of the tokenizer's tests.
enum TestLanguageModel {
    static let tokenizer = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "TokenizerTests/Fixtures/llama_tokenizer.json")
    /// More ids than the tokenizer has; none of the surplus is ever decoded to text.
    static let vocabulary = 2048

    private static let config = """
        {"model_type": "perception_lm", "image_token_id": 1758, "video_token_id": 1759, "projector_pooling_ratio": 2,
         "vision_use_cls_token": true, "tie_word_embeddings": true,
         "text_config": {"model_type": "llama", "hidden_size": 48, "intermediate_size": 88, "num_hidden_layers": 2,
           "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 12, "vocab_size": \(vocabulary),
           "rms_norm_eps": 1e-05, "max_position_embeddings": 1024, "rope_theta": 500000.0,
           "tie_word_embeddings": true},
         "vision_config": {"model_type": "timm_wrapper", "architecture": "vit_pe_core_large_patch14_336",
           "model_args": {"embed_dim": 32, "depth": 2, "num_heads": 2, "patch_size": 8, "mlp_ratio": 2.0,
             "img_size": [32, 32], "global_pool": "", "use_post_transformer_norm": false, "init_values": 0.1,
             "ref_feat_shape": [4, 4]}}}
        """

    /// Writes the model into `directory`.
    ///
    /// - Parameter change: a tensor's canonical name, its name in the file, and its elements to those to write.
    static func write(
        to directory: URL, change: (_ name: String, _ written: String, [Float]) -> [Float] = { $2 }
    ) throws {
        try Data(config.utf8).write(to: directory.appending(path: "config.json"))
        try FileManager.default.copyItem(at: tokenizer, to: directory.appending(path: "tokenizer.json"))
        let parsed = try PLMConfig(transformersDirectory: directory.path, name: "tiny")
        var writer = SafetensorsWriter()
        for (index, weight) in parsed.weights.enumerated() {
            let isNorm = weight.shape.count == 1 && weight.name.hasSuffix("weight")
            let scale = isNorm ? 0.2 : Float(weight.shape.last ?? 1).squareRoot()
            let values = numbers(weight.count, seed: Double(index % 89) + 0.7)
            let name = transformersName(weight.name)
            writer.add(
                name, transformersShape(weight),
                change(weight.name, name, values.map { isNorm ? 1 + scale * $0 : 1.7 * $0 / scale }))
        }
        try writer.write(to: directory.appending(path: "model.safetensors").path)
    }

    private static func transformersShape(_ weight: WeightShape) -> [Int] {
        switch weight.name {
        case "vision_model.class_embedding": [1, 1] + weight.shape
        case "vision_model.positional_embedding": [1] + weight.shape
        default: weight.shape
        }
    }

    /// Names of the original release to those of transformers and timm.
    private static func transformersName(_ name: String) -> String {
        let replacements = [
            ("tok_embeddings.weight", "model.language_model.embed_tokens.weight"),
            ("vision_projector.projector.0", "model.multi_modal_projector.linear_1"),
            ("vision_projector.projector.2", "model.multi_modal_projector.linear_2"),
            ("vision_model.transformer.resblocks", "model.vision_tower.timm_model.blocks"),
            ("vision_model.conv1", "model.vision_tower.timm_model.patch_embed.proj"),
            ("vision_model.class_embedding", "model.vision_tower.timm_model.cls_token"),
            ("vision_model.positional_embedding", "model.vision_tower.timm_model.pos_embed"),
            ("vision_model.ln_pre", "model.vision_tower.timm_model.norm_pre"),
            ("attn.in_proj_weight", "attn.qkv.weight"), ("attn.in_proj_bias", "attn.qkv.bias"),
            ("attn.out_proj", "attn.proj"), ("mlp.c_fc", "mlp.fc1"), ("mlp.c_proj", "mlp.fc2"), ("ln_1", "norm1"),
            ("ln_2", "norm2"), ("ls_1.gamma", "gamma_1"), ("ls_2.gamma", "gamma_2"),
            ("attention.wq", "self_attn.q_proj"), ("attention.wk", "self_attn.k_proj"),
            ("attention.wv", "self_attn.v_proj"), ("attention.wo", "self_attn.o_proj"),
            ("attention_norm", "input_layernorm"), ("ffn_norm", "post_attention_layernorm"),
            ("feed_forward.w1", "mlp.gate_proj"), ("feed_forward.w3", "mlp.up_proj"),
            ("feed_forward.w2", "mlp.down_proj"),
        ]
        var result = name
        for (old, new) in replacements { result = result.replacingOccurrences(of: old, with: new) }
        if result.hasPrefix("layers.") { result = "model.language_model." + result }
        return result == "norm.weight" ? "model.language_model.norm.weight" : result
    }
}
