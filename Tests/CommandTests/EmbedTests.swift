import Foundation
import PerceptCheckpoint
import TestSupport
import Testing

extension CommandTests {
    @Suite("embed")
    struct EmbedTests {
        private func embedding(_ item: [String: Any]) throws -> [Float] {
            try #require(item["embedding"] as? [Double]).map(Float.init)
        }

        @Test("JSON has the documented shape, in input order")
        func json() async throws {
            let run = try await PerceptProcess.run(
                [
                    "embed", "--json", "--quiet", "--text", "a red circle", "--text", "日本", PerceptProcess.video,
                    PerceptProcess.photo,
                ])
            #expect(run.status == 0)
            #expect(run.errors.isEmpty)
            let document = try run.object()
            #expect(Set(document.keys) == ["model", "device", "precision", "items"])
            #expect(document["model"] as? String == "demo")
            #expect(document["precision"] as? String == "f16")
            let items = try #require(document["items"] as? [[String: Any]])
            #expect(items.compactMap { $0["kind"] as? String } == ["video", "image", "text", "text"])
            #expect(
                items.compactMap { $0["source"] as? String }
                    == [PerceptProcess.video, PerceptProcess.photo, "a red circle", "日本"])
            for item in items {
                #expect(Set(item.keys) == ["kind", "source", "embedding"])
                let values = try embedding(item)
                #expect(abs(values.reduce(0) { $0 + $1 * $1 } - 1) < 1e-4)
            }
        }

        @Test("Unreadable files are reported, do not stop the rest, and decide the exit code")
        func unreadable() async throws {
            let folder = try TemporaryFolder()
            let photo = try Data(contentsOf: URL(filePath: PerceptProcess.photo))
            let torn = try folder.write(photo.prefix(photo.count / 2), "torn.jpg")
            let missing = folder.url.appending(path: "missing.png").path

            let mixed = try await PerceptProcess.run(["embed", "--jsonl", missing, torn, PerceptProcess.photo])
            #expect(mixed.status == 65)
            #expect(mixed.lines.count == 1)
            #expect(mixed.errors.contains(missing) && mixed.errors.contains(torn))

            let onlyMissing = try await PerceptProcess.run(["embed", "--jsonl", missing, PerceptProcess.photo])
            #expect(onlyMissing.status == 66)
            #expect(onlyMissing.lines.count == 1)

            // Nothing can be encoded: the model, which is not there, is not even looked for.
            let none = try await PerceptProcess.run(["embed", "--model", "nowhere.pt", torn])
            #expect(none.status == 65)
            #expect(none.output.isEmpty)
            #expect(!none.errors.contains("nowhere.pt"))
        }

        @Test("Directories are searched when asked, in the order of names, hidden files and other kinds left out")
        func recursive() async throws {
            let folder = try TemporaryFolder()
            let inner = folder.url.appending(path: "inner")
            try FileManager.default.createDirectory(at: inner, withIntermediateDirectories: true)
            let photo = try Data(contentsOf: URL(filePath: PerceptProcess.photo))
            for name in ["b.jpg", "inner/a.JPG", ".hidden.jpg"] { _ = try folder.write(photo, name) }
            _ = try folder.write("not a picture".utf8, "notes.txt")

            let refused = try await PerceptProcess.run(["embed", "--jsonl", folder.url.path])
            #expect(refused.status == 65)
            #expect(refused.errors.contains("--recursive"))

            let run = try await PerceptProcess.run(["embed", "--jsonl", "--recursive", "--batch", "1", folder.url.path])
            #expect(run.status == 0)
            let sources = try run.lines.map { line in
                try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])["source"]
                    as? String
            }
            #expect(sources == ["b.jpg", "inner/a.JPG"].map { folder.url.appending(path: $0).path })
        }

        @Test("Arrays on disk hold what JSON says")
        func arrays() async throws {
            let folder = try TemporaryFolder()
            let (npy, safetensors) = (folder.url.appending(path: "a.npy"), folder.url.appending(path: "a.safetensors"))
            let arguments = ["embed", "--quiet", "--json", "--text", "a star", PerceptProcess.photo]
            let run = try await PerceptProcess.run(arguments + ["--out", npy.path])
            #expect(run.status == 0)
            let items = try #require(try run.object()["items"] as? [[String: Any]])
            let expected = try items.flatMap(embedding)
            let width = expected.count / 2

            let bytes = try Data(contentsOf: npy)
            #expect(bytes.starts(with: [0x93] + Array("NUMPY".utf8) + [1, 0]))
            let headerLength = Int(bytes[8]) | Int(bytes[9]) << 8
            #expect((10 + headerLength) % 64 == 0)
            let header = String(decoding: bytes[10..<10 + headerLength], as: UTF8.self)
            #expect(header.contains("'descr': '<f4'") && header.contains("'shape': (2, \(width))"))
            let body = [UInt8](bytes[(10 + headerLength)...])
            let found = body.withUnsafeBytes { bytes in
                stride(from: 0, to: bytes.count, by: 4).map { bytes.loadUnaligned(fromByteOffset: $0, as: Float.self) }
            }
            #expect(found == expected)

            let again = try await PerceptProcess.run(arguments + ["--out", safetensors.path])
            #expect(again.status == 0)
            let tensor = try #require(try Checkpoint(contentsOf: safetensors.path)["embeddings"])
            #expect(tensor.shape == [2, width])
            #expect(try tensor.values() == expected)
            #expect(folder.contents.sorted() == ["a.npy", "a.npy.sources", "a.safetensors"])
        }

        @Test("A model without a text tower refuses texts, before any file is encoded")
        func noTextTower() async throws {
            let imagesOnly = PerceptProcess.checkpoints.appending(path: "timm").path
            let refused = try await PerceptProcess.run([
                "embed", "--model", imagesOnly, "--text", "a", PerceptProcess.photo,
            ])
            #expect(refused.status == 64)
            #expect(refused.errors.contains("no text tower"))
            #expect(refused.output.isEmpty)
        }

        @Test("Interrupted, the command ends with 130 and leaves no file")
        func interrupted() async throws {
            let folder = try TemporaryFolder()
            let photos = [String](repeating: PerceptProcess.photo, count: 2000)
            let run = try await PerceptProcess.run(
                ["embed", "--out", folder.url.appending(path: "a.npy").path] + photos, interruption: 1)
            #expect(run.status == 130)
            #expect(run.output.isEmpty)
            #expect(folder.contents.isEmpty)
        }
    }
}
