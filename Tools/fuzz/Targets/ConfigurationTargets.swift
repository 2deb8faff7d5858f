import Foundation
import PerceptCheckpoint
import PerceptJSON
import PerceptModels

/// What must hold of a configuration that was taken.
private func use(_ config: EncoderConfig) {
    let weights = config.weights
    require(!weights.isEmpty, "a model without tensors")
    require(weights.allSatisfy { $0.shape.allSatisfy { $0 > 0 } }, "a tensor without elements")
    _ = weights.reduce(0) { $0 + $1.count }
}

private func use(_ config: PLMConfig) {
    require(config.weights.allSatisfy { $0.shape.allSatisfy { $0 > 0 } }, "a tensor without elements")
    _ = config.weights.reduce(0) { $0 + $1.count }
    require(config.tokensPerChunk > 0, "\(config.tokensPerChunk) tokens a chunk")
    // What transformers would read of it is the same model.
    let (written, processor) = config.transformersFiles
    guard
        let again = try? PLMConfig(
            transformers: written, processor: processor, preprocessor: nil, videoPreprocessor: nil, name: config.name)
    else { return }
    require(again.language == config.language, "the decoder changes when it is written")
    require(
        again.maxTiles == config.maxTiles && again.maxFrames == config.maxFrames, "limits change when they are written")
}

private func json(_ bytes: UnsafeRawBufferPointer) throws -> JSON { try JSON(bytes, file: "input") }

private let words = [
    "\"width\":", "\"layers\":", "\"heads\":", "\"patch_size\":", "\"image_size\":", "\"mlp_ratio\":",
    "\"output_dim\":",
    "\"vision\":", "\"text\":", "\"model_args\":", "\"architecture\":", "\"pool_type\":", "\"attn\"", "\"tok\"",
    "\"avg\"",
    "\"none\"", "\"rope_scaling\":", "\"rope_theta\":", "\"head_dim\":", "\"n_kv_heads\":", "\"vocab_size\":", "1e308",
    "-1", "9223372036854775807", "4.0", "null", "true", "vit_pe_core_base_patch16_224", "vit_pe_lang_large_patch14_448",
]

let configurationTargets: [FuzzTarget] = [
    FuzzTarget(
        "config-side", "the JSON beside an original checkpoint", longest: 4096,
        seeds: [
            "Tests/Fixtures/pe/*.json", "Tests/Fixtures/pe/files/clip.json", "Sources/CPerceptData/demo/demo.json",
        ], words: words
    ) { use(try EncoderConfig(side: json($0), file: "input", name: "input")) },
    FuzzTarget(
        "config-timm", "timm's config.json", longest: 4096,
        seeds: ["Tests/Fixtures/pe/files/timm/config.json", "Tests/CheckpointTests/Fixtures/models/timm/config.json"],
        words: words
    ) { use(try EncoderConfig(timmFile: Scratch.write("timm.json", $0))) },
    FuzzTarget(
        "config-open-clip", "open_clip_config.json", longest: 4096, seeds: ["Tests/Fixtures/pe/files/open_clip/*.json"],
        words: words + ["\"model_cfg\":", "\"vision_cfg\":", "\"text_cfg\":", "\"embed_dim\":", "\"timm_model_name\":"]
    ) { use(try EncoderConfig(openCLIPFile: Scratch.write("open_clip_config.json", $0))) },
    FuzzTarget(
        "config-params", "params.json of the original language model", longest: 4096,
        seeds: ["Tests/Fixtures/plm/files/original/params.json"],
        words: words + ["\"vision_model\":", "\"ffn_dim_multiplier\":"]
    ) { use(try PLMConfig(paramsFile: Scratch.write("params.json", $0), name: "input")) },
    FuzzTarget(
        "config-transformers", "config.json of transformers' language model, and its quantisation", longest: 4096,
        seeds: ["Tests/Fixtures/plm/files/transformers/config.json", "Sources/CPerceptData/captioner/config.json"],
        words: words + [
            "\"quantization_config\":", "\"quant_method\":\"percept\"", "\"text_config\":", "\"vision_config\":",
        ]
    ) { bytes in
        let json = try json(bytes)
        let path = Scratch.write("quantized.json", bytes)
        if let quantization = try? QuantizationConfig(contentsOf: path) {
            let text = quantization.added(to: json).text()
            let again = try? QuantizationConfig(contentsOf: Scratch.write("again.json", Array(text.utf8)))
            require(again == quantization, "a quantisation changes when it is written")
        }
        use(try PLMConfig(transformers: json, processor: nil, preprocessor: nil, videoPreprocessor: nil, name: "input"))
    },
    FuzzTarget(
        "config-processor", "the processors' configurations beside it", longest: 4096,
        seeds: [
            "Tests/Fixtures/plm/files/transformers/pre*.json", "Tests/Fixtures/plm/files/transformers/pro*.json",
            "Sources/CPerceptData/captioner/*_config.json",
        ],
        words: [
            "\"image_processor\":", "\"video_processor\":", "\"tile_size\":", "\"max_num_tiles\":", "\"resample\":",
            "\"image_mean\":", "\"image_std\":", "[0.5,0.5,0.5]", "\"num_frames\":", "\"vision_input_type\":",
        ]
    ) { bytes in
        let json = try json(bytes)
        for config in [captionerConfig, transformersConfig] {
            for place in 0..<3 {
                let files = (0..<3).map { $0 == place ? json : nil }
                guard
                    let config = try? PLMConfig(
                        transformers: config, processor: files[0], preprocessor: files[1], videoPreprocessor: files[2],
                        name: "input")
                else { continue }
                use(config)
            }
        }
    },
]

private let captionerConfig = read("Sources/CPerceptData/captioner/config.json")
private let transformersConfig = read("Tests/Fixtures/plm/files/transformers/config.json")

private func read(_ path: String) -> JSON {
    do {
        return try Repository.bytes(path).withUnsafeBytes { bytes throws(CheckpointError) in try JSON(bytes, file: path)
        }
    } catch { fail("\(error)") }
}
