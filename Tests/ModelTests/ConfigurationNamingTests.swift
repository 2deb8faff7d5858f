import Foundation
import PerceptCheckpoint
import PerceptModels
import TestSupport
import Testing

/// One tiny model, written by `Tools/fixtures/checkpoints.py` in every naming.
@Suite struct ConfigurationNamingTests {
    private static let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("CheckpointTests/Fixtures/models")

    private func path(_ name: String) -> String { Self.directory.appendingPathComponent(name).path }

    private func bytes(_ name: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path(name))) }

    private func withDirectory(_ body: (String) throws -> Void) throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("percept-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        try body(directory.path)
    }

    private func write(_ data: Data, _ path: String) throws { try data.write(to: URL(fileURLWithPath: path)) }

    @Test(arguments: ["official.pt", "wrapped.pt", "openclip.safetensors", "vision.pt", "timm", "sharded"])
    func everyNamingGivesTheSameTensors(name: String) throws {
        let reference = try EncoderCheckpoint(contentsOf: path("official.pt"))
        let other = try EncoderCheckpoint(contentsOf: path(name))
        let isWhole = ["official.pt", "wrapped.pt", "openclip.safetensors"].contains(name)
        #expect(other.config.vision == reference.config.vision)
        #expect(other.config.text == (isWhole ? reference.config.text : nil))
        for weight in other.config.weights {
            let tensor = try other.weights.tensor(weight.name, weight.shape)
            let expected = try reference.weights.tensor(weight.name, weight.shape)
            try expectSame(tensor, expected, weight.name)
        }
        #expect(other.weights.tensors.count == other.config.weights.count)
    }

    @Test func theSideFileMustAgree() throws {
        try withDirectory { directory in
            try write(bytes("official.pt"), directory + "/m.pt")
            let json = String(decoding: try bytes("official.json"), as: UTF8.self)
            for (old, new, field) in [
                ("\"layers\": 2", "\"layers\": 3", "layers = 3"), ("\"width\": 8", "\"width\": 16", "width = 16"),
                ("\"use_cls_token\": true", "\"use_cls_token\": false", "class token = false"),
                ("\"vocab_size\": 24", "\"vocab_size\": 25", "vocab_size = 25"),
                ("\"output_dim\": 8", "\"output_dim\": null", "output_dim = none"),
            ] {
                var changed = json
                if let range = changed.range(of: old) { changed.replaceSubrange(range, with: new) }
                try write(Data(changed.utf8), directory + "/m.json")
                let error = try #require(throws: CheckpointError.self) { try EncoderCheckpoint(contentsOf: directory) }
                #expect(
                    error.description.contains("m.json") && error.description.contains("m.pt")
                        || error.description.contains(directory), "\(error)")
                #expect(error.description.contains(field), "\(error)")
            }
        }
    }

    @Test func aKnownNameMustAgree() throws {
        try withDirectory { directory in
            let file = directory + "/PE-Core-B16-224.pt"
            try write(bytes("official.pt"), file)
            let error = try #require(throws: CheckpointError.self) { try EncoderCheckpoint(contentsOf: file) }
            guard case .contradiction(file, "the name 'PE-Core-B16-224'", "width", "768", "8") = error else {
                throw error
            }
        }
    }

    /// The tensors of the timm fixture with some left out or added.
    private func changed(
        _ directory: String, drop: String? = nil, add: (name: String, shape: [Int])? = nil
    ) throws -> CheckpointError {
        var writer = SafetensorsWriter()
        for tensor in try Checkpoint(contentsOf: path("timm")).tensors where tensor.name != drop {
            writer.add(tensor.name, tensor.shape, try tensor.values())
        }
        if let add { writer.add(add.name, add.shape, Array(repeating: 1, count: add.shape.reduce(1, *))) }
        try writer.write(to: directory + "/model.safetensors")
        return try #require(throws: CheckpointError.self) { try EncoderCheckpoint(contentsOf: directory) }
    }

    @Test func missingExtraAndMisshapenTensorsAreNamed() throws {
        try withDirectory { directory in
            let missing = try changed(directory, drop: "blocks.1.norm1.bias")
            #expect(missing == .missing(file: directory, name: "visual.transformer.resblocks.1.ln_1.bias"))
            let half = try changed(directory, drop: "attn_pool.kv.bias")
            #expect(half.description.contains("attn_pool.kv.bias"))
            let misshapen = try changed(directory, drop: "norm.bias", add: ("norm.bias", [7]))
            #expect(
                misshapen == .shape(file: directory, name: "visual.ln_post.bias", expected: [8], found: [7]))
            let biased = try changed(directory, drop: "head.bias", add: ("head.bias", [8]))
            #expect(biased.description.contains("head.bias"))
            let stranger = try changed(directory, drop: "patch_embed.proj.weight")
            #expect(stranger.description.contains("patch embedding"))
        }
    }

    @Test func damagedConfigurationsAreErrorsThatNameThem() throws {
        try withDirectory { directory in
            for (weights, config, name) in [
                ("timm/model.safetensors", "timm/config.json", "config.json"),
                ("official.pt", "official.json", "model.json"),
            ] {
                let file = directory + "/model." + (weights.split(separator: ".").last ?? "")
                try write(bytes(weights), file)
                let json = try bytes(config)
                var state: UInt64 = 5
                for round in 0..<1500 {
                    var damaged = json
                    if round < json.count {
                        damaged = json.prefix(round)
                    } else {
                        for _ in 0...round % 3 {
                            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                            damaged[Int(state >> 33) % json.count] = UInt8(truncatingIfNeeded: state >> 25)
                        }
                    }
                    try write(damaged, directory + "/" + name)
                    do {
                        _ = try EncoderCheckpoint(contentsOf: file)
                        #expect(round >= json.count, "a configuration cut at \(round) was accepted")
                    } catch let error as CheckpointError {
                        #expect(error.description.contains(directory + "/" + name), "\(error)")
                    }
                }
                try FileManager.default.removeItem(atPath: file)
                try FileManager.default.removeItem(atPath: directory + "/" + name)
            }
        }
    }
}
