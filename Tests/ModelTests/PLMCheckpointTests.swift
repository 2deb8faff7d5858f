import Foundation
import PerceptCheckpoint
import PerceptModels
import TestSupport
import Testing

/// One tiny model in both published layouts (`Tests/Fixtures/plm/files`).
@Suite struct PLMCheckpointTests {
    private let original = PLMFixture.path("files/original")
    private let transformers = PLMFixture.path("files/transformers")

    @Test func bothLayoutsGiveTheSameTensors() throws {
        let reference = try PLMCheckpoint(contentsOf: original)
        let other = try PLMCheckpoint(contentsOf: transformers)
        var config = other.config
        config.name = reference.config.name
        #expect(config == reference.config)
        for weight in reference.config.weights {
            let tensor = try other.weights.tensor(weight.name, weight.shape)
            let expected = try reference.weights.tensor(weight.name, weight.shape)
            try expectSame(tensor, expected, weight.name)
        }
        #expect(other.weights.tensors.count == reference.config.weights.count)
        #expect(reference.weights.tensors.count == reference.config.weights.count)
    }

    @Test func theTensorsAreTheFormulas() throws {
        let checkpoint = try PLMCheckpoint(contentsOf: transformers)
        let names = checkpoint.config.weights.map(\.name).sorted {
            Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8))
        }
        for name in ["layers.1.attention.wq.weight", "layers.0.attention.wk.weight", "vision_model.conv1.weight"] {
            let tensor = try #require(checkpoint.weights[name])
            let phase = 0.91 * Double(try #require(names.firstIndex(of: name)))
            let factor = 1 / Double(try #require(tensor.shape.last)).squareRoot()
            for (index, value) in try tensor.values().enumerated() {
                // Stored as bf16.
                #expect(abs(Double(value) - factor * sin(0.37 * Double(index) + phase)) <= factor / 256)
            }
        }
    }

    @Test func aFileAndARepositoryStandForTheirDirectory() throws {
        let reference = try PLMCheckpoint(contentsOf: original).config
        #expect(try PLMCheckpoint(contentsOf: original + "/consolidated.00.pth").config == reference)
        #expect(try PLMCheckpoint(contentsOf: original + "/").config == reference)
        #expect(try PLMCheckpoint(contentsOf: PLMFixture.path("files")).config == reference)
        #expect(throws: CheckpointError.self) { try PLMCheckpoint(contentsOf: original + "/none") }
    }

    /// transformers' directory with its tensors in one file, changed by `edit`.
    private func changed<Result>(
        tied: Bool = false, _ edit: (CheckpointTensor) throws -> (shape: [Int], values: [Float])?,
        adding extra: [(String, [Int], [Float])] = [], _ body: (String) throws -> Result
    ) throws -> Result {
        let source = try Checkpoint(contentsOf: transformers)
        let json = try String(contentsOfFile: transformers + "/config.json", encoding: .utf8)
            .replacing(#""tie_word_embeddings": false"#, with: #""tie_word_embeddings": \#(tied)"#)
        return try PLMFixture.withDirectory(["config.json": Data(json.utf8)]) { directory in
            var writer = SafetensorsWriter()
            for tensor in source.tensors {
                if let (shape, values) = try edit(tensor) { writer.add(tensor.name, shape, values) }
            }
            for (name, shape, values) in extra { writer.add(name, shape, values) }
            try writer.write(to: directory + "/model.safetensors")
            return try body(directory)
        }
    }

    private func same(_ tensor: CheckpointTensor) throws -> (shape: [Int], values: [Float])? {
        (tensor.shape, try tensor.values())
    }

    @Test(arguments: [
        ("model.language_model.layers.1.self_attn.q_proj.weight", "layers.1.attention.wq.weight"),
        ("model.language_model.norm.weight", "norm.weight"), ("lm_head.weight", "output.weight"),
        ("model.multi_modal_projector.linear_2.bias", "vision_projector.projector.2.bias"),
        ("model.vision_tower.timm_model.blocks.0.gamma_1", "vision_model.transformer.resblocks.0.ls_1.gamma"),
    ])
    func missingAndMisshapenTensorsAreNamed(name: String, canonical: String) throws {
        try changed({ $0.name == name ? nil : try same($0) }) { directory in
            let error = #expect(throws: CheckpointError.self) { try PLMCheckpoint(contentsOf: directory) }
            #expect(error == .missing(file: directory, name: canonical))
        }
        let shape = try #require(try Checkpoint(contentsOf: transformers)[name]).shape
        let longer = [shape[0] + 1] + shape.dropFirst()
        try changed({ tensor in
            tensor.name == name ? (longer, Array(repeating: 0, count: longer.reduce(1, *))) : try same(tensor)
        }) { directory in
            let error = #expect(throws: CheckpointError.self) { try PLMCheckpoint(contentsOf: directory) }
            #expect(error == .shape(file: directory, name: canonical, expected: shape, found: longer))
        }
    }

    @Test(arguments: [
        "model.language_model.layers.0.mlp.up_proj.bias", "model.vision_tower.timm_model.blocks.0.norm3.bias", "x",
        "model.language_model.layers.",
    ])
    func superfluousTensorsAreNotes(name: String) throws {
        try changed(same, adding: [(name, [1], [1])]) { directory in
            let checkpoint = try PLMCheckpoint(contentsOf: directory)
            #expect(checkpoint.notes.count == 1)
            let note = try #require(checkpoint.notes.first)
            #expect(note.hasPrefix(directory + ": 1 tensor that no part of the model asks for was passed over: '"))
            #expect(checkpoint.weights.tensors.map(\.name) == checkpoint.config.weights.map(\.name))
            #expect(note.contains("another architecture") == (name.contains(".0.")))
        }
    }

    /// More of the model than its configuration says is a contradiction, not something superfluous.
    @Test(arguments: [
        ("model.language_model.layers.2.mlp.up_proj.weight", "decoder layers = 2"),
        ("model.vision_tower.timm_model.blocks.7.norm1.weight", "layers of the tower"),
        ("model.vision_tower.timm_model.norm.bias", "ln_post.weight' is missing"),
        ("model.language_model.layers.0.self_attn.q_proj.lora_A.weight", "adapter that is not merged"),
    ])
    func partsThatTheConfigurationDoesNotHaveAreRefused(name: String, words: String) throws {
        try changed(same, adding: [(name, [1], [1])]) { directory in
            let error = try #require(throws: CheckpointError.self) { try PLMCheckpoint(contentsOf: directory) }
            #expect(error.description.contains(words), "\(error)")
        }
    }

    @Test func aTiedOutputMayBeAbsentOrACopy() throws {
        let source = try Checkpoint(contentsOf: transformers)
        let embedding = try #require(source["model.language_model.embed_tokens.weight"])
        for copy in [false, true] {
            func edit(_ tensor: CheckpointTensor) throws -> (shape: [Int], values: [Float])? {
                guard tensor.name == "lm_head.weight" else { return try same(tensor) }
                return copy ? (embedding.shape, try embedding.values()) : nil
            }
            try changed(tied: true, edit) { directory in
                let checkpoint = try PLMCheckpoint(contentsOf: directory)
                #expect(checkpoint.config.language.isTied && !checkpoint.weights.contains("output.weight"))
            }
        }
        try changed(tied: true, same) { directory in
            let error = try #require(throws: CheckpointError.self) { try PLMCheckpoint(contentsOf: directory) }
            guard case .contradiction(directory, _, "tied output", _, _) = error else { throw error }
        }
    }

    @Test func theWrappersNameOfATiedOutputIsKnown() throws {
        let reference = try PLMCheckpoint(contentsOf: original)
        var config = reference.config
        config.language.isTied = true
        let tensors = try reference.weights.tensors.map { tensor in
            guard tensor.name == "output.weight" else { return tensor }
            return try #require(reference.weights["tok_embeddings.weight"]).renamed("output.tied_module.weight")
        }
        let tied = try PLMCheckpoint(Checkpoint(path: "memory", tensors: tensors), config: config)
        #expect(!tied.weights.contains("output.weight"))
    }

    @Test func frequenciesOfOldWritersAreIgnored() throws {
        let name = "model.language_model.layers.0.self_attn.rotary_emb.inv_freq"
        try changed(same, adding: [(name, [4], [1, 1, 1, 1])]) { directory in
            let config = try PLMCheckpoint(contentsOf: directory).config
            #expect(config.language.layers == 2)
        }
    }

    /// Of a name in two of the original's files the later holds, as when dictionaries are merged.
    @Test func numberedFilesAreMerged() throws {
        let params = try Data(contentsOf: URL(filePath: original + "/params.json"))
        let file = try Data(contentsOf: URL(filePath: original + "/consolidated.00.pth"))
        try PLMFixture.withDirectory(
            ["params.json": params, "consolidated.00.pth": file, "consolidated.01.pth": file]
        ) { directory in
            let merged = try PLMCheckpoint(contentsOf: directory)
            let tensor = try #require(merged.weights["norm.weight"])
            #expect(tensor.file.hasSuffix("consolidated.01.pth"))
        }
    }

    @Test func damagedConfigurationsAreErrorsThatNameThem() throws {
        let shard = try Data(contentsOf: URL(filePath: original + "/consolidated.00.pth"))
        try damage(original + "/params.json", beside: ["consolidated.00.pth": shard])
        var writer = SafetensorsWriter()
        for tensor in try Checkpoint(contentsOf: transformers).tensors {
            writer.add(tensor.name, tensor.shape, try tensor.values())
        }
        let whole = try PLMFixture.withDirectory([:]) { directory in
            try writer.write(to: directory + "/model.safetensors")
            return try Data(contentsOf: URL(filePath: directory + "/model.safetensors"))
        }
        try damage(transformers + "/config.json", beside: ["model.safetensors": whole])
    }

    /// Opens directories whose configuration was cut at every place, then changed in one to three bytes.
    private func damage(_ config: String, beside files: [String: Data]) throws {
        let json = try Data(contentsOf: URL(filePath: config))
        let name = URL(filePath: config).lastPathComponent
        try PLMFixture.withDirectory(files) { directory in
            var state: UInt64 = 7
            for round in 0..<json.count - 2 + 600 {
                var damaged = json
                if round < json.count - 2 {
                    damaged = json.prefix(round)
                } else {
                    for _ in 0...round % 3 {
                        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                        damaged[Int(state >> 33) % json.count] = UInt8(truncatingIfNeeded: state >> 25)
                    }
                }
                try damaged.write(to: URL(filePath: directory + "/" + name))
                do {
                    _ = try PLMCheckpoint(contentsOf: directory)
                    #expect(round >= json.count - 2, "a configuration cut at \(round) was accepted")
                } catch let error as CheckpointError {
                    #expect(error.description.contains(directory), "\(error)")
                }
            }
        }
    }

    @Test func strangersAreRefused() throws {
        let error = try #require(throws: CheckpointError.self) {
            try PLMCheckpoint(contentsOf: ParityFixture.folder.appending(path: "files/timm").path)
        }
        #expect(error.description.contains("token embedding"))
    }
}
