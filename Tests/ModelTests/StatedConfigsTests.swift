import Foundation
import PerceptCheckpoint
import PerceptModels
import Testing

/// Configurations of one kind beside weights named in another. The tiny tower is 8 wide: shapes suit one head or two.
@Suite struct StatedConfigsTests {
    private static let models = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "CheckpointTests/Fixtures/models")

    private static let side = """
        {"vision": {"image_size": 16, "patch_size": 4, "width": 8, "layers": 2, "heads": HEADS, "mlp_ratio": 4.0,
        "output_dim": 8, "use_cls_token": true, "pool_type": "attn", "attn_pooler_heads": 4},
        "text": {"context_length": 8, "width": 8, "heads": 2, "layers": 1, "output_dim": 8, "vocab_size": 24}}
        """
    private static let timm = """
        {"architecture": "vit_pe_core_tiny_patch16_384", "num_classes": 8, "global_pool": "map", "model_args":
        {"img_size": 16, "patch_size": 4, "embed_dim": 8, "depth": 2, "num_heads": HEADS, "attn_pool_num_heads": 4}}
        """
    private static let openCLIP = """
        {"model_cfg": {"embed_dim": 8, "vision_cfg": {"timm_model_name": "mine", "image_size": 16, "patch_size": 4,
        "width": 8, "layers": 2, "head_width": HEADWIDTH, "mlp_ratio": 4.0, "attn_pooler_heads": 4},
        "text_cfg": {"context_length": 8, "vocab_size": 24, "width": 8, "heads": 2, "layers": 1}}}
        """

    private static func text(_ kind: String, heads: Int) -> String {
        kind.replacing("HEADS", with: "\(heads)").replacing("HEADWIDTH", with: "\(8 / heads)")
    }

    private static let weights = ["official.pt", "vision.pt", "timm/model.safetensors", "openclip.safetensors"]

    private func open(_ weights: String, _ files: [String: String]) throws -> EncoderCheckpoint {
        let source = Self.models.appending(path: weights)
        let name = "m." + source.pathExtension
        return try PLMFixture.withDirectory(
            files.mapValues { Data($0.utf8) }.merging([name: try Data(contentsOf: source)]) { $1 }
        ) { try EncoderCheckpoint(contentsOf: $0 + "/" + name) }
    }

    @Test(arguments: weights, ["m.json", "config.json", "open_clip_config.json"])
    func statedHeadsCountWhateverTheNames(weights: String, file: String) throws {
        let kind = ["m.json": Self.side, "config.json": Self.timm, "open_clip_config.json": Self.openCLIP][file] ?? ""
        for heads in [1, 2] {
            let model = try open(weights, [file: Self.text(kind, heads: heads)])
            #expect(model.config.vision.heads == heads)
            #expect(model.config.vision.pool == .attention(heads: 4))
            let isWhole = ["official.pt", "openclip.safetensors"].contains(weights)
            #expect((model.config.text != nil) == isWhole)
            // timm's file does not speak of texts, whose heads are guessed.
            let isGuess = isWhole && file == "config.json"
            #expect(model.config.text.map { $0.heads == (isGuess ? 1 : 2) } ?? true)
            #expect(model.notes.count == (isGuess ? 1 : 0), "\(model.notes)")
        }
    }

    /// The kinds are told apart by what is in them.
    @Test func aFileOfAnotherKindUnderTheNameIsRead() throws {
        #expect(try open("timm/model.safetensors", ["m.json": Self.text(Self.timm, heads: 2)]).config.vision.heads == 2)
        #expect(try open("official.pt", ["config.json": Self.text(Self.side, heads: 2)]).config.text?.heads == 2)
    }

    @Test(arguments: weights)
    func guessedHeadsAreSaid(weights: String) throws {
        let model = try open(weights, [:])
        #expect(model.config.vision.heads == 1)
        let note = try #require(model.notes.first)
        #expect(
            note.contains("no configuration lies beside the weights")
                && note.contains("a guess: 1 heads, 8 in the pooling"))
    }

    @Test(arguments: weights)
    func contradictionsAreRefusedByName(weights: String) throws {
        for (file, kind, old, new, field) in [
            ("m.json", Self.side, "\"layers\": 2", "\"layers\": 3", "layers = 3"),
            ("config.json", Self.timm, "\"depth\": 2", "\"depth\": 5", "layers = 5"),
            ("open_clip_config.json", Self.openCLIP, "\"image_size\": 16", "\"image_size\": 20", "image_size = 20"),
        ] {
            let error = try #require(throws: CheckpointError.self) {
                try open(weights, [file: Self.text(kind, heads: 1).replacing(old, with: new)])
            }
            #expect(error.description.contains("/\(file) says \(field)"), "\(error)")
        }
    }

    @Test func twoFilesMustAgreeInHeads() throws {
        let agreeing = [
            "config.json": Self.text(Self.timm, heads: 2), "open_clip_config.json": Self.text(Self.openCLIP, heads: 2),
        ]
        #expect(try open("official.pt", agreeing).config.vision.heads == 2)
        let error = try #require(throws: CheckpointError.self) {
            try open("timm/model.safetensors", agreeing.merging(["config.json": Self.text(Self.timm, heads: 1)]) { $1 })
        }
        #expect(error.description.contains("open_clip_config.json: heads = 2, but "))
        #expect(error.description.contains("config.json says heads = 1"))
    }

    @Test func aStrangersConfigurationIsANote() throws {
        let model = try open("official.pt", ["config.json": #"{"architectures": ["CLIPModel"], "projection_dim": 8}"#])
        #expect(
            model.notes.count == 2
                && model.notes[0].contains("config.json: is no configuration of a Perception Encoder"))
    }

    // MARK: Language models

    private func language(_ weights: String, _ files: [String: String]) throws -> PLMCheckpoint {
        let folder = PLMFixture.path("files/" + weights)
        var contents = files.mapValues { Data($0.utf8) }
        for name in try FileManager.default.contentsOfDirectory(atPath: folder)
        where name.hasPrefix("consolidated") || name.hasPrefix("model") {
            contents[name] = try Data(contentsOf: URL(filePath: folder + "/" + name))
        }
        return try PLMFixture.withDirectory(contents) { try PLMCheckpoint(contentsOf: $0) }
    }

    @Test func eitherConfigurationServesEitherLayout() throws {
        let params = try String(contentsOfFile: PLMFixture.path("files/original/params.json"), encoding: .utf8)
        let config = try String(contentsOfFile: PLMFixture.path("files/transformers/config.json"), encoding: .utf8)
        let reference = try PLMCheckpoint(contentsOf: PLMFixture.path("files/original"))
        for weights in ["original", "transformers"] {
            for files in [
                ["params.json": params], ["config.json": config], ["params.json": params, "config.json": config],
            ] {
                let model = try language(weights, files)
                #expect(
                    model.config.language == reference.config.language && model.config.vision == reference.config.vision
                )
                let query = "layers.1.attention.wq.weight"
                #expect(try model.weights[query]?.values() == reference.weights[query]?.values())
            }
        }
        let other = params.replacing("\"n_heads\": \(reference.config.language.heads)", with: "\"n_heads\": 1")
        try #require(other != params)
        let error = try #require(throws: CheckpointError.self) {
            try language("transformers", ["params.json": other, "config.json": config])
        }
        #expect(error.description.contains("heads = 1") || error.description.contains("key heads"), "\(error)")
    }
}
