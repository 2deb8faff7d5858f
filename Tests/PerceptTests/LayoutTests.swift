import Foundation
import Percept
import PerceptCheckpoint
import TestSupport
import Testing

@Suite("Checkpoint layouts")
struct LayoutTests {
    static let files = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures/pe/files")
    static let media = files.deletingLastPathComponent().deletingLastPathComponent().appending(path: "media")

    /// The same weights in the official, timm and open_clip layouts give the same bits.
    @Test(arguments: Precision.allCases)
    func identicalEmbeddings(precision: Precision) async throws {
        let gpu = GPU(try TestGPU.shared.get())
        let pictures = try FileManager.default.contentsOfDirectory(at: Self.media, includingPropertiesForKeys: nil)
            .filter { ["jpg", "png"].contains($0.pathExtension) }.sorted { $0.path < $1.path }
        #expect(!pictures.isEmpty)
        let images = try pictures.map { try Image(contentsOf: $0) }
        var results: [[Embedding]] = []
        for layout in ["clip.pt", "timm", "open_clip"] {
            let encoder = try await PerceptionEncoder(
                .path(Self.files.appending(path: layout).path), on: gpu, precision: precision)
            results.append(try await encoder.embed(images))
        }
        #expect(results[0] == results[1])
        #expect(results[0] == results[2])
        for embedding in results[0] {
            let length = Embedding.cosine(embedding, embedding)
            #expect(abs(length - 1) < 1e-5)
        }
    }
}
