import Foundation
import Percept
import TestSupport
import Testing

/// The embedded model on 50 scenes that it was not trained on, beside PyTorch's figures for the same files.
@Suite("Demo model")
struct DemoModelTests {
    struct Scene: Decodable {
        let file: String
        let captions: [String]
        let answer: Int
        let choice: Int
        let probabilities: [Float]
    }

    static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures/demo")

    /// Probabilities may differ by what the bound on embeddings allows: the learned scale multiplies a cosine's error by
    /// 46, and a softmax turns an error e of its logits into at most e / 4 at even odds.
    @Test(arguments: [(Precision.f32, Float(1e-3)), (.f16, 0.03), (.bf16, 0.25)])
    func agreesWithPyTorch(precision: Precision, bound: Float) async throws {
        let data = try Data(contentsOf: Self.folder.appending(path: "captions.json"))
        let scenes = try JSONDecoder().decode([Scene].self, from: data)
        #expect(scenes.count == 50)
        let encoder = try await PerceptionEncoder(.demo, on: GPU(try TestGPU.shared.get()), precision: precision)
        var right = 0
        var sameChoice = 0
        for scene in scenes {
            let image = try Image(contentsOf: Self.folder.appending(path: scene.file))
            let labels = try await encoder.embed(texts: scene.captions)
            let found = try await encoder.classify([image], labels: labels)[0]
            let choice = found.indices.max { found[$0] < found[$1] }
            if choice == scene.answer { right += 1 }
            if choice == scene.choice { sameChoice += 1 }
            let worst = zip(found, scene.probabilities).map { abs($0 - $1) }.max() ?? 1
            #expect(worst <= bound, "\(scene.file): a probability is off by \(worst)")
        }
        #expect(right >= 47, "\(right) of 50 scenes are right")
        #expect(sameChoice >= (precision == .bf16 ? 49 : 50), "\(sameChoice) of 50 choices are PyTorch's")
    }
}
