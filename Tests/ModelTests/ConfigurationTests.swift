import Foundation
import PerceptCheckpoint
import PerceptModels
import Testing

@Suite struct ConfigurationTests {
    /// Counts of the reference implementation's modules.
    @Test(arguments: [
        ("PE-Core-T16-384", 6_140_544, 577), ("PE-Core-S16-384", 23_782_656, 577), ("PE-Core-B16-224", 93_672_960, 197),
        ("PE-Core-L14-336", 317_151_232, 577), ("PE-Core-G14-448", 1_882_032_640, 1024),
        ("PE-Lang-L14-448", 291_415_040, 1025), ("PE-Lang-L14-448-Tiling", 291_415_040, 1025),
        ("PE-Lang-G14-448", 1_740_922_624, 1024), ("PE-Lang-G14-448-Tiling", 1_740_922_624, 1024),
        ("PE-Spatial-T16-512", 5_683_200, 1025), ("PE-Spatial-S16-512", 21_983_232, 1025),
        ("PE-Spatial-B16-512", 86_433_792, 1025), ("PE-Spatial-L14-448", 303_964_160, 1025),
        ("PE-Spatial-G14-448", 1_851_887_104, 1024),
    ])
    func visionTowersHaveTheRightSize(name: String, parameters: Int, tokens: Int) throws {
        let config = try #require(PublishedModel.named(name)?.encoder)
        #expect(config.vision.weights.reduce(0) { $0 + $1.count } == parameters)
        #expect(config.vision.tokenCount == tokens)
        #expect(config.vision.headSize == (config.vision.width == 1536 ? 96 : 64))
    }

    @Test(arguments: [
        ("PE-Core-T16-384", 69.546), ("PE-Core-S16-384", 87.188), ("PE-Core-B16-224", 447.660),
        ("PE-Core-L14-336", 671.138), ("PE-Core-G14-448", 2419.267),
    ])
    func wholeModelsHaveTheRightSize(name: String, millions: Double) throws {
        let config = try #require(PublishedModel.named(name)?.encoder)
        #expect(abs(Double(config.parameterCount) / 1e6 - millions) < 0.0006)
    }

    @Test func everyNameFindsItsModel() {
        #expect(PublishedModel.encoders.count == 14)
        #expect(Set(PublishedModel.all.map(\.name)).count == 17)
        for model in PublishedModel.all {
            #expect(PublishedModel.named(model.name.lowercased()) == model)
            #expect(model.repository(called: model.name) == model.repositories[0])
            for repository in model.repositories {
                #expect(PublishedModel.named(repository) == model)
                #expect(model.repository(called: repository.uppercased()) == repository)
            }
            // Of models that share an architecture, its name means the first.
            if let timm = model.timmArchitecture {
                #expect(PublishedModel.named(timm)?.timmArchitecture == timm)
                #expect(model.repository(called: timm) == model.repositories[1])
            }
        }
        for (name, model) in [("PE-Core-bigG-14-448", "PE-Core-G14-448"), ("timm/PE-Core-B-16", "PE-Core-B16-224")] {
            #expect(PublishedModel.named(name)?.name == model)
        }
        #expect(PublishedModel.named("PE-Core-X") == nil)
    }

    private func config(_ json: String, _ read: (String) throws -> EncoderConfig) throws -> EncoderConfig {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).json").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data(json.utf8).write(to: URL(fileURLWithPath: path))
        return try read(path)
    }

    @Test func timmFilesDescribeEveryKnownTower() throws {
        for model in PublishedModel.all {
            guard let expected = model.encoder, let architecture = model.timmArchitecture else { continue }
            let tag = model.repositories[1].split(separator: ".").last ?? ""
            let classes = expected.vision.outputDim ?? 0
            let json = #"""
                {"architecture":"\#(architecture)","num_classes":\#(classes),
                "pretrained_cfg":{"tag":"\#(tag)"}}
                """#
            let config = try config(json) { try EncoderConfig(timmFile: $0) }
            #expect(config.name == model.name && config.vision == expected.vision)
        }
    }

    /// The vision tower of the 8-billion language model, as its configuration describes it.
    @Test func timmOverridesOutweighTheArchitecture() throws {
        let json = #"""
            {"architecture":"vit_pe_core_gigantic_patch14_448","model_args":{"depth":47,"img_size":[448,448],
            "embed_dim":1536,"global_pool":"","num_classes":0,"use_post_transformer_norm":false,"init_values":0.1}}
            """#
        let expected = try #require(PublishedModel.named("PE-Lang-G14-448")?.encoder).vision
        #expect(try config(json) { try EncoderConfig(timmFile: $0) }.vision == expected)
    }

    @Test func openCLIPFilesDescribeEveryCoreModel() throws {
        for model in PublishedModel.all {
            guard let expected = model.encoder, let text = expected.text else { continue }
            let json = #"""
                {"model_cfg":{"embed_dim":\#(text.outputDim),"vision_cfg":{"timm_model_name":"\#(model.timmArchitecture ?? "")",
                "image_size":\#(expected.vision.imageSize),"timm_pool":"map","timm_proj":null},"text_cfg":
                {"context_length":\#(text.context),"vocab_size":49408,"width":\#(text.width),"heads":\#(text.heads),
                "layers":\#(text.layers)}},"preprocess_cfg":{}}
                """#
            #expect(try config(json) { try EncoderConfig(openCLIPFile: $0) } == expected)
        }
    }

    @Test func sideFilesUseTheReferenceFields() throws {
        let json = #"""
            {"vision":{"image_size":448,"patch_size":14,"width":1536,"layers":50,"heads":16,"mlp_ratio":5.833333334,
            "output_dim":1280,"pool_type":"attn"},"text":{"width":1280,"heads":20,"layers":24,"output_dim":1280}}
            """#
        let expected = try #require(PublishedModel.named("PE-Core-G14-448")?.encoder)
        #expect(try config(json) { try EncoderConfig(sideFile: $0, name: expected.name) } == expected)
    }

    @Test(arguments: [
        ("", "empty"), ("{", "JSON at byte"), ("[]", "'vision'"), (#"{"vision":{}}"#, "'width'"),
        (#"{"vision":{"width":64,"mlp_ratio":"x"}}"#, "'mlp_ratio'"),
        (#"{"vision":{"width":9223372036854775807,"mlp_ratio":4}}"#, "'mlp_ratio'"),
        (#"{"vision":{"width":64,"mlp_ratio":4,"patch_size":0,"layers":1,"heads":1}}"#, "patch_size is 0"),
        (#"{"vision":{"width":64,"mlp_ratio":4,"patch_size":14,"layers":1,"heads":3}}"#, "3 heads"),
        (#"{"vision":{"width":64,"mlp_ratio":4,"patch_size":15,"layers":1,"heads":1}}"#, "multiple of patch_size"),
        (#"{"vision":{"width":64,"mlp_ratio":4,"pool_type":"max"}}"#, "'max'"),
        (#"{"vision":{"width":64,"mlp_ratio":4,"use_rope2d":false}}"#, "use_rope2d"),
    ])
    func faultyFilesAreNamed(json: String, reason: String) throws {
        let error = try #require(throws: CheckpointError.self) {
            try config(json) { try EncoderConfig(sideFile: $0, name: "x") }
        }
        #expect(error.description.contains(".json") && error.description.contains(reason), "\(error)")
    }
}
