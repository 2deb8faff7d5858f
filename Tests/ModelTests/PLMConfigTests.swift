import Foundation
import PerceptCheckpoint
import PerceptModels
import Testing

@Suite struct PLMConfigTests {
    @Test(arguments: PLMModelFixture.names)
    func bothLayoutsDescribeTheSameModel(name: String) throws {
        let params = try PLMFixture.params(PLMFixture.object("params", of: "\(name).json"))
        let transformers = try PLMFixture.transformers(PLMFixture.object("config", of: "\(name).json"))
        #expect(params == transformers)
        #expect(params.tokensPerChunk == 4)
        #expect(params.language.isTied == ["tied", "wide", "small-1b", "small-3b"].contains(name))
        #expect(params.vision.hasClassToken == !["untied", "wide", "small-8b"].contains(name))
        #expect((params.language.ropeScaling == nil) == ["untied", "small-8b"].contains(name))
        #expect(params.imageTokenID == params.language.vocabulary - 2)
    }

    @Test(arguments: PLMModelFixture.names)
    func fixturesAreWhole(name: String) throws {
        let model = try PLMModelFixture(name)
        let (config, cases) = (model.config, model.cases)
        #expect(cases.map(\.name) == ["image", "two-images", "tiled", "video", "text"])
        for entry in cases {
            #expect(entry.logits.values.count == entry.ids.count * config.language.vocabulary)
            #expect(entry.placeholders.count == entry.chunks * config.tokensPerChunk)
            #expect(entry.media.map { $0.values.count == entry.placeholders.count * config.language.dim } ?? true)
            // The prompt's last row decides the first token.
            let last = entry.logits.values.suffix(config.language.vocabulary)
            let best = try #require(last.indices.max { last[$0] < last[$1] })
            #expect(best - last.startIndex == entry.continuation[0])
            #expect(entry.continuation.count == 64 && Set(entry.continuation).count >= 6)
            #expect(entry.smallestLead >= 4e-5)
        }
    }

    /// Counts of the published models.
    @Test(arguments: [
        ("PLM-1B", "facebook/Perception-LM-1B", 1.236, 1.534), ("plm-3b", "Perception-LM-3B", 3.213, 3.517),
        ("PLM-8B", "perception-lm-8b", 8.030, 9.794),
    ])
    func knownModelsHaveTheRightSize(name: String, other: String, decoder: Double, whole: Double) throws {
        let model = try #require(PublishedModel.named(name))
        #expect(PublishedModel.named(other) == model && PublishedModel.named(model.repositories[0]) == model)
        let config = try #require(model.language)
        let decoderCount = config.language.weights.reduce(0) { $0 + $1.count }
        #expect(abs(Double(decoderCount) / 1e9 - decoder) < 0.0006)
        #expect(abs(Double(config.parameterCount) / 1e9 - whole) < 0.0006)
        #expect(config.tokensPerChunk == 256 && config.imageSize == 448)
        #expect(config.imageTokenID == 128002 && config.videoTokenID == 128003)
        #expect(config.vision.hasClassToken == (name != "PLM-8B"))
    }

    @Test func otherNamesAreNotKnown() {
        #expect(PublishedModel.languageModels.count == 3)
        #expect(PublishedModel.named("PLM-2B") == nil && PublishedModel.named("PE-Lang-L14-448")?.language == nil)
    }

    private static let large = #"""
        {"model":{"dim":2048,"n_layers":16,"n_heads":32,"n_kv_heads":8,"vocab_size":128256,"ffn_dim_multiplier":1.5,
        "multiple_of":256,"norm_eps":1e-5,"rope_theta":500000,"use_scaled_rope":true,"rope_scale_factor":32,
        "high_freq_factor":4,"max_seqlen":11520,"pooling_ratio":2,"weight_tying":true,"unknown":[1],
        "vision_model":{"image_size":448,"patch_size":14,"width":1024,"layers":23,"heads":16,"use_cls_token":true,
        "use_abs_posemb":true,"ls_init_value":0.1,"mlp_ratio":4.0,"use_ln_post":false,"pool_type":"none"}},
        "data":{"tokenizer_name":"plmchat","tokenizer_path":"tokenizer.model","vision_input_type":"thumb+tile",
        "max_num_tiles":36,"max_video_frames":32},"distributed":{"model_dtype":"bf16"}}
        """#

    private static let largest = #"""
        {"model":{"dim":4096,"n_layers":32,"n_heads":32,"n_kv_heads":8,"vocab_size":128256,"ffn_dim_multiplier":1.3,
        "multiple_of":1024,"norm_eps":1e-05,"rope_theta":500000.0,"weight_tying":false,"max_seqlen":11520,
        "pooling_ratio":2,"vision_model":{"pretrain_image_size":448,"patch_size":14,"width":1536,"layers":47,
        "heads":16,"use_cls_token":false,"use_abs_posemb":true,"mlp_ratio":5.833333334,"ls_init_value":0.1,
        "drop_path":0.1,"use_ln_post":false,"pool_type":"none"}},"data":{"image_res":448,"max_num_tiles":36,
        "max_video_frames":32,"vision_input_type":"thumb+tile"}}
        """#

    @Test func publishedParamsDescribeKnownModels() throws {
        for (json, name) in [(Self.large, "PLM-1B"), (Self.largest, "PLM-8B")] {
            var config = try PLMFixture.params(Data(json.utf8))
            #expect(config.videoTokenID == 128002)
            config.name = name
            config.videoTokenID = 128003
            #expect(try config == #require(PublishedModel.named(name)?.language))
        }
    }

    private static func transformers(_ rope: String, _ text: String = "") -> String {
        #"""
        {"model_type":"perception_lm","projector_pooling_ratio":2,"vision_use_cls_token":false,"text_config":
        {"model_type":"llama","hidden_size":4096,"intermediate_size":14336,"num_hidden_layers":32,\#(text)
        "num_attention_heads":32,"num_key_value_heads":8,"rms_norm_eps":1e-05,"vocab_size":128256,
        "max_position_embeddings":11520,\#(rope)},"vision_config":{"model_type":"timm_wrapper","num_classes":1280,
        "architecture":"vit_pe_core_gigantic_patch14_448","model_args":{"embed_dim":1536,"depth":47,
        "img_size":[448,448],"global_pool":"","use_post_transformer_norm":false,"init_values":0.1,
        "ref_feat_shape":[32,32]}}}
        """#
    }

    @Test func bothSpellingsOfRotaryPositionsAreRead() throws {
        let scaling = #""factor":32.0,"low_freq_factor":1.0,"high_freq_factor":4.0,"#
        let positions = #""original_max_position_embeddings":8192"#
        let plain = try #require(PublishedModel.named("PLM-8B")?.language).language
        var scaled = plain
        scaled.ropeScaling = LanguageConfig.RopeScaling(factor: 32)
        for (rope, expected) in [
            (#""rope_theta":500000.0,"rope_scaling":null"#, plain),
            (#""rope_parameters":{"rope_theta":500000.0,"rope_type":"default"}"#, plain),
            (#""rope_theta":500000.0,"rope_scaling":{\#(scaling)\#(positions),"rope_type":"llama3"}"#, scaled),
            (#""rope_theta":500000.0,"rope_scaling":{\#(scaling)\#(positions),"type":"llama3"}"#, scaled),
            (#""rope_parameters":{"rope_theta":5e5,\#(scaling)\#(positions),"rope_type":"llama3"}"#, scaled),
        ] {
            #expect(try PLMFixture.transformers(Data(Self.transformers(rope).utf8)).language == expected)
        }
    }

    @Test func processorsOfBothVersionsAreRead() throws {
        let config = Data(Self.transformers(#""rope_theta":500000.0"#).utf8)
        let images = #"{"vision_input_type":"vanilla","tile_size":448,"max_num_tiles":9,"resample":2}"#
        let newer = try PLMFixture.transformers(
            config, ["processor_config.json": #"{"patch_size":14,"pooling_ratio":2,"image_processor":\#(images)}"#])
        let older = try PLMFixture.transformers(
            config,
            ["processor_config.json": #"{"patch_size":14,"pooling_ratio":2}"#, "preprocessor_config.json": images])
        #expect(newer == older && newer.visionInput == .vanilla && newer.maxTiles == 9)
        #expect(newer.transform.filter == .bilinear)
        for (name, json, reason) in [
            ("processor_config.json", #"{"patch_size":16}"#, "'patch_size' is 16"),
            ("processor_config.json", #"{"pooling_ratio":4}"#, "'pooling_ratio' is 4"),
            ("preprocessor_config.json", #"{"tile_size":336}"#, "'tile_size' is 336"),
            ("preprocessor_config.json", #"{"vision_input_type":"tile"}"#, "'tile'"),
            ("preprocessor_config.json", #"{"image_std":[0,1,1]}"#, "'image_std'"),
            ("preprocessor_config.json", #"{"image_mean":[0,1]}"#, "'image_mean'"),
            ("preprocessor_config.json", #"{"resample":5}"#, "resample 5"),
        ] {
            let error = try #require(throws: CheckpointError.self) {
                try PLMFixture.transformers(config, [name: json])
            }
            #expect(error.description.contains(name) && error.description.contains(reason), "\(error)")
        }
    }

    /// Each change to a sound file, and a part of what is said about it.
    @Test(arguments: [
        (#""dim":2048"#, #""dim":-2048"#, "decoder width is -2048"),
        (#""dim":2048"#, #""dim":9223372036854775807"#, "decoder width"), (#""dim":2048"#, #""dim":"x""#, "'dim'"),
        (#""dim":2048"#, #""dim":2047"#, "2047 does not suit 32 heads"),
        (#""n_layers":16"#, #""n_layers":0"#, "decoder layers is 0"),
        (#""n_heads":32"#, #""n_heads":0"#, "decoder heads is 0"),
        (#""n_kv_heads":8"#, #""n_kv_heads":7"#, "do not suit 7 key heads"),
        (#""n_kv_heads":8"#, #""n_kv_heads":64"#, "key heads is 64"),
        (#""n_heads":32"#, #""n_heads":32,"head_dim":63"#, "a head size of 63"),
        (#""multiple_of":256"#, #""multiple_of":0"#, "multiple_of is 0"),
        (#""ffn_dim_multiplier":1.5"#, #""ffn_dim_multiplier":1e300"#, "'ffn_dim_multiplier'"),
        (#""vocab_size":128256"#, #""vocab_size":-1"#, "vocabulary size is -1"),
        (#""vocab_size":128256"#, #""vocab_size":100"#, "image token id is -154"),
        (#""max_seqlen":11520"#, #""max_seqlen":1e18"#, "largest position"),
        (#""rope_theta":500000"#, #""rope_theta":0"#, "rope_theta is 0"),
        (#""norm_eps":1e-5"#, #""norm_eps":-1"#, "norm epsilon is -1"),
        (#""rope_scale_factor":32"#, #""rope_scale_factor":-4"#, "rope scale factor is -4"),
        (#""high_freq_factor":4"#, #""high_freq_factor":1"#, "does not exceed"),
        (#""use_scaled_rope":true"#, #""use_scaled_rope":false"#, "'use_scaled_rope' is false"),
        (#""pooling_ratio":2"#, #""pooling_ratio":3"#, "pooling ratio of 3"),
        (#""pooling_ratio":2"#, #""pooling_ratio":0"#, "pooling ratio is 0"),
        (#""pool_type":"none""#, #""pool_type":"attn""#, "pools its tokens"),
        (#""max_num_tiles":36"#, #""max_num_tiles":100000"#, "most tiles is 100000"),
        (#""max_video_frames":32"#, #""max_video_frames":0"#, "most frames is 0"),
        (#""vision_input_type":"thumb+tile""#, #""vision_input_type":"x""#, "vision_input_type 'x'"),
        (#""patch_size":14"#, #""patch_size":15"#, "multiple of patch_size"),
        (#""vision_model""#, #""vision""#, "'vision_model'"),
    ])
    func hostileParamsAreRefusedByName(old: String, new: String, reason: String) throws {
        let changed = Self.large.replacing(old, with: new)
        #expect(changed != Self.large)
        let error = try #require(throws: CheckpointError.self) { try PLMFixture.params(Data(changed.utf8)) }
        #expect(error.description.contains("params.json") && error.description.contains(reason), "\(error)")
    }

    @Test(arguments: [
        (#""hidden_size":4096"#, #""hidden_size":-1"#, "decoder width is -1"),
        (#""model_type":"llama""#, #""model_type":"qwen2""#, "'qwen2'"),
        (#""rope_theta":5e5"#, #""rope_scaling":{"rope_type":"yarn"}"#, "'yarn'"),
        (#""rope_theta":5e5"#, #""rope_scaling":{"rope_type":"llama3"}"#, "'factor'"),
        (#""rope_theta":5e5"#, #""attention_bias":true"#, "attention_bias"),
        (#""rope_theta":5e5"#, #""hidden_act":"gelu""#, "'gelu'"),
        (#""vision_use_cls_token":false"#, #""vision_use_cls_token":true"#, "the tower has no class token"),
        (#""ref_feat_shape":[32,32]"#, #""ref_feat_shape":[24,24]"#, "'ref_feat_shape' is 24"),
        ("vit_pe_core_gigantic_patch14_448", "vit_base", "'vit_base'"),
        (#""projector_pooling_ratio":2"#, #""projector_pooling_ratio":2,"image_token_id":128256"#, "128256"),
    ])
    func hostileConfigurationsAreRefusedByName(old: String, new: String, reason: String) throws {
        let sound = Self.transformers(#""rope_theta":5e5"#)
        let changed = sound.replacing(old, with: new)
        #expect(changed != sound)
        let error = try #require(throws: CheckpointError.self) { try PLMFixture.transformers(Data(changed.utf8)) }
        #expect(error.description.contains("config.json") && error.description.contains(reason), "\(error)")
    }

    /// Frequencies as transformers computes them, and the reference's check values.
    @Test func rotaryFrequenciesAreTheReference() throws {
        struct Case: Decodable {
            let headSize: Int
            let factor: Double
            let frequencies: [Float]
        }
        for entry in try PLMFixture.decoded("rotary.json", as: [Case].self) {
            let table = table(entry.headSize, entry.factor)
            #expect(table.frequencies == entry.frequencies, "\(entry.headSize) \(entry.factor)")
        }
        let values: [(Int, Double, Int, Double)] = [
            (64, 32, 1, 6.636013e-01), (64, 32, 8, 3.760603e-02), (64, 32, 16, 4.295567e-04),
            (64, 32, 18, 1.946164e-05), (64, 32, 31, 9.418306e-08), (128, 32, 1, 8.146172e-01),
            (128, 32, 32, 4.295567e-04), (128, 32, 34, 9.708286e-05), (128, 32, 63, 7.672315e-08),
            (128, 1, 32, 1.414213e-03), (128, 1, 63, 2.455141e-06),
        ]
        for (size, factor, index, expected) in values {
            #expect(abs(Double(table(size, factor).frequencies[index]) / expected - 1) < 4e-7)
        }
    }

    @Test func rotaryTablesStartAnywhere() {
        let table = table(12, 8)
        let all = table.values(positions: 0..<40, paddedHeadSize: 16)
        #expect(all.count == 40 * 16 && Array(all[..<4]) == [1, 0, 1, 0])
        #expect(all[16] == Float(cos(1.0)) && all[17] == Float(sin(1.0)) && Array(all[28..<32]) == [1, 0, 1, 0])
        #expect(Array(all[(33 * 16)...]) == table.values(positions: 33..<40, paddedHeadSize: 16))
    }

    private func table(_ headSize: Int, _ factor: Double) -> DecoderRotaryTable {
        DecoderRotaryTable(
            LanguageConfig(
                dim: headSize, layers: 1, heads: 1, kvHeads: 1, headSize: headSize, hidden: 1, vocabulary: 1,
                isTied: true, ropeTheta: 500_000,
                ropeScaling: factor == 1 ? nil : LanguageConfig.RopeScaling(factor: factor), normEpsilon: 1e-5,
                maxPositions: 1))
    }
}
