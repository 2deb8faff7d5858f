import Foundation
import Percept
import PerceptGraph
import Testing

/// Damaged language models: an error that names the file, or an answer; never a crash.
@Suite("Hostile language models", .serialized)
struct HostileLanguageModelTests {
    private static let files = ["config.json", "tokenizer.json", "model.safetensors"]

    /// Opens the model and takes one token of an answer.
    private func open(
        _ directory: URL, precision: Precision = .f16, weights: LanguageWeights = .auto
    ) async throws {
        let model = try await PerceptionLanguageModel(
            .path(directory.path), on: TestModel.gpu(), precision: precision, weights: weights, context: 512)
        var options = GenerationOptions()
        options.maxTokens = 1
        for try await _ in model.generate("x", about: [.image(try .waves(32, 32))], options: options) {}
    }

    private func fault(
        _ directory: URL, precision: Precision = .f16, weights: LanguageWeights = .auto
    ) async throws -> PerceptError? {
        do {
            try await open(directory, precision: precision, weights: weights)
            return nil
        } catch { return try #require(error as? PerceptError, "\(error)") }
    }

    @Test("a truncated file is bad data that names it", arguments: files)
    func truncated(name: String) async throws {
        try await withTemporaryDirectory { directory in
            try TestLanguageModel.write(to: directory)
            let file = directory.appending(path: name)
            let whole = try Data(contentsOf: file)
            for part in 0..<24 {
                // White space at the end of JSON may go.
                try whole.prefix(max(0, whole.count * part / 24 - 2)).write(to: file)
                let error = try await fault(directory)
                #expect(error?.code == .badData && error?.message.contains(name) == true, "\(name), part \(part)")
            }
        }
    }

    @Test("changed bytes do no harm", arguments: files)
    func changed(name: String) async throws {
        try await withTemporaryDirectory { directory in
            try TestLanguageModel.write(to: directory)
            let file = directory.appending(path: name)
            let whole = [UInt8](try Data(contentsOf: file))
            // Of weights the header, where structure is; of JSON anything.
            let range = name.hasSuffix("json") ? whole.count : min(whole.count, 4096)
            for trial in 0..<60 {
                var bytes = whole
                for change in 0..<1 + trial % 3 {
                    bytes[(trial * 7919 + change * 104_729) % range] ^= UInt8(1 << ((trial + change) % 8))
                }
                try Data(bytes).write(to: file)
                guard let error = try await fault(directory) else { continue }
                #expect([.badData, .usage].contains(error.code), "\(error.message)")
            }
        }
    }

    /// A tensor of every kind of place that weights come from: rows as the file has them, in another order, in turn with
    /// others, and a vector.
    static let tensors = [
        "model.language_model.embed_tokens.weight", "model.language_model.layers.1.self_attn.k_proj.weight",
        "model.language_model.layers.0.mlp.up_proj.weight", "model.language_model.norm.weight",
        "model.vision_tower.timm_model.blocks.1.mlp.fc2.weight", "model.multi_modal_projector.linear_1.bias",
    ]

    @Test("an element that is NaN or infinite is bad data that names its tensor", arguments: tensors)
    func notFinite(name: String) async throws {
        for (fault, weights) in [(Float.nan, LanguageWeights.full), (-.infinity, .q8), (.infinity, .q4)] {
            try await withTemporaryDirectory { directory in
                var canonical = ""
                try TestLanguageModel.write(to: directory) { original, written, values in
                    guard written == name else { return values }
                    canonical = original
                    var values = values
                    values[values.count * 2 / 3] = fault
                    return values
                }
                let error = try await self.fault(directory, weights: weights)
                #expect(error?.code == .badData, "\(fault), \(weights)")
                let message = error?.message ?? ""
                #expect(message.contains("model.safetensors") && message.contains("'\(canonical)'"), "\(message)")
            }
        }
    }

    /// Stores in f16 keep what is too large at its ends, and count it.
    @Test("weights that lead to logits that are not finite", arguments: [Precision.f32, .bf16])
    func overflowing(precision: Precision) async throws {
        try await withTemporaryDirectory { directory in
            try TestLanguageModel.write(to: directory) { name, _, values in
                name.hasPrefix("layers.0.feed_forward") ? values.map { $0 * 1e30 } : values
            }
            let error = try await fault(directory, precision: precision)
            #expect(error?.code == .badData && error?.message.contains("not finite") == true, "\(error?.message ?? "")")
        }
    }
}
