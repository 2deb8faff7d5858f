import Foundation
import Percept
import Testing

/// Where two tokenizers lie beside a checkpoint, that of its own layout is taken.
@Suite struct TokenizerChoiceTests {
    @Test(arguments: [("original", "tokenizer.model"), ("transformers", "tokenizer.json")])
    func layout(_ folder: String, _ expected: String) async throws {
        let fixture = TestModel.files.deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "plm/files/\(folder)")
        try await withTemporaryDirectory { directory in
            for name in try FileManager.default.contentsOfDirectory(atPath: fixture.path) {
                try FileManager.default.copyItem(
                    at: fixture.appending(path: name), to: directory.appending(path: name))
            }
            try FileManager.default.copyItem(
                at: TestLanguageModel.tokenizer, to: directory.appending(path: "tokenizer.json"))
            try Data("IQ== 0\nIg== 1\n".utf8).write(to: directory.appending(path: "tokenizer.model"))
            // Neither fits the model: the message names the one that was read.
            let error = await perceptError {
                _ = try await PerceptionLanguageModel(.path(directory.path), on: TestModel.gpu())
            }
            #expect(error?.message.contains("/\(expected): ") == true, "\(error?.message ?? "none")")
        }
    }
}
