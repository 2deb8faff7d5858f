import Foundation
import Percept
import PerceptGraph
import Testing

/// Damaged language models: an error that names the file, or an answer; never a crash.
@Suite("Hostile language models", .serialized)
struct HostileLanguageModelTests {
    private static let files = ["config.json", "tokenizer.json", "model.safetensors"]

    /// Opens the model and takes one token of an answer.
    private func open(_ directory: URL) async throws {
        let model = try await PerceptionLanguageModel(.path(directory.path), on: TestModel.gpu(), context: 128)
        var options = GenerationOptions()
        options.maxTokens = 1
        for try await _ in model.generate("x", options: options) {}
    }

    private func fault(_ directory: URL) async throws -> PerceptError? {
        do {
            try await open(directory)
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
}
