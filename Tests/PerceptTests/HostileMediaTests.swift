import Foundation
import Percept
import TestSupport
import Testing

/// Damaged images and videos, through the library to the device and back.
@Suite(.serialized) struct HostileMediaTests {
    /// Embeds a file; true when there is an answer, and nothing is said to be missing in it.
    private func answers(_ encoder: PerceptionEncoder, _ bytes: Data, _ file: URL) async throws -> Bool {
        try bytes.write(to: file)
        let start = ContinuousClock.now
        defer { #expect(ContinuousClock.now - start < .seconds(10), "\(file.path) took too long") }
        do throws(PerceptError) {
            if file.pathExtension == "mp4" {
                let clip = try VideoClip(contentsOf: file)
                let embedding = try await encoder.embed(clip, frames: 3)
                #expect(embedding.isFinite)
                return clip.notes.isEmpty
            }
            let image = try Image(contentsOf: file)
            let embedding = try await encoder.embed([image])[0]
            #expect(embedding.isFinite)
            return image.notes.isEmpty
        } catch {
            #expect(error.code == .badData, "\(error.code): \(error)")
            #expect(error.message.contains(file.path), "\(error)")
            return false
        }
    }

    private func withEncoder(_ body: (PerceptionEncoder, URL) async throws -> Void) async throws {
        let encoder = try await PerceptionEncoder(.path(TestModel.clip.path), on: TestModel.gpu())
        try await withTemporaryDirectory { try await body(encoder, $0) }
    }

    private static let files = [
        "chelsea.jpg", "formats/rgb8.png", "formats/rgba16-interlaced.png", "formats/palette.gif", "shapes.mp4",
    ]

    @Test(arguments: files)
    func truncationsAreErrorsOrTellSo(name: String) async throws {
        let bytes = try Data(contentsOf: TestModel.media.appending(path: name))
        try await withEncoder { encoder, directory in
            let file = directory.appending(path: "damaged." + name.split(separator: ".")[1])
            let isWhole = try await answers(encoder, bytes, file)
            #expect(isWhole)
            for length in stride(from: 0, to: min(bytes.count - 1, 300 << 10), by: 1024) {
                let isAccepted = try await answers(encoder, bytes.prefix(length), file)
                #expect(!isAccepted, "\(length) of \(bytes.count) bytes")
            }
        }
    }

    @Test(arguments: [
        ("formats/420.jpg", 600), ("formats/rgb8.png", 600), ("formats/palette4-interlaced.png", 300),
        ("formats/one-frame.mp4", 150), ("shapes.mp4", 100),
    ])
    func flippedBytesDoNoHarm(name: String, count: Int) async throws {
        let bytes = try Data(contentsOf: TestModel.media.appending(path: name))
        try await withEncoder { encoder, directory in
            let file = directory.appending(path: "damaged." + name.split(separator: ".")[1])
            var generator = SplitMix64(state: UInt64(count))
            for round in 0..<count {
                var changed = bytes
                for _ in 0...round % 4 {
                    let limit = round.isMultiple(of: 2) ? min(changed.count, 512) : changed.count
                    changed[Int.random(in: 0..<limit, using: &generator)] ^= UInt8.random(
                        in: 1...255, using: &generator)
                }
                _ = try await answers(encoder, changed, file)
            }
        }
    }
}
