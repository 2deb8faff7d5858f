import Foundation
import TestSupport
import Testing

extension CommandTests {
    /// `percept quantize`, and the other commands on what it wrote.
    @Suite("quantize")
    struct QuantizeTests {
        private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        private static let captioner = root.appending(path: "Sources/CPerceptData/captioner").path
        private static let hearts = root.appending(path: "Tools/demo-files/two-green-hearts-on-the-left.png").path

        private func ask(_ model: String, _ options: String...) async throws -> PerceptProcess {
            try await PerceptProcess.run(
                ["ask", "--quiet", "--json", "--model", model] + options + [Self.hearts, "What colour are the hearts?"])
        }

        @Test(
            "What is written answers as the original does in that format, without an option", arguments: ["q8", "q4"])
        func same(format: String) async throws {
            let folder = try TemporaryFolder()
            let out = folder.url.appending(path: "out").path
            let run = try await PerceptProcess.run([
                "quantize", "--json", Self.captioner, out, "--weights", format, "--shard-size", "1",
            ])
            #expect(run.status == 0 && run.errors.isEmpty, "\(run.errors)")
            let object = try run.object()
            #expect(object["path"] as? String == out && object["weights"] as? String == format)
            let before = try #require(object["source_bytes"] as? Int), after = try #require(object["bytes"] as? Int)
            #expect(Double(after) < (format == "q8" ? 0.6 : 0.4) * Double(before), "\(after) of \(before)")
            let tensors = try #require(object["tensors"] as? [[String: Any]])
            #expect(
                Set(tensors.compactMap { $0["format"] as? String })
                    == (format == "q8" ? ["q8", "f16"] : ["q8", "q4", "f16"]))
            #expect(tensors.reduce(0) { $0 + ($1["bytes"] as? Int ?? 0) } == after)
            // Every file is there in the size that was told.
            let files = try #require(object["files"] as? [[String: Any]])
            for file in files {
                let name = try #require(file["name"] as? String)
                let size = try FileManager.default.attributesOfItem(atPath: out + "/" + name)[.size] as? Int
                #expect(size == file["bytes"] as? Int)
            }
            let names = files.compactMap { $0["name"] as? String }
            #expect(Set(names) == Set(try FileManager.default.contentsOfDirectory(atPath: out)))
            #expect(
                Set(names).isSuperset(of: [
                    "config.json", "tokenizer.json", "preprocessor_config.json", "model.safetensors.index.json",
                ]))
            #expect(folder.contents == ["out"])

            let (found, expected) = (try await ask(out), try await ask(Self.captioner, "--weights", format))
            #expect(found.status == 0 && found.errors.isEmpty)
            #expect(try found.object()["tokens"] as? [Int] == expected.object()["tokens"] as? [Int])
            #expect(try found.object()["text"] as? String == "green")
        }

        @Test("A summary for people")
        func summary() async throws {
            let folder = try TemporaryFolder()
            let out = folder.url.appending(path: "out").path
            let run = try await PerceptProcess.run(["quantize", "demo", out, "--weights", "q4"])
            #expect(run.status == 0 && run.errors.isEmpty, "\(run.errors)")
            #expect(run.lines.first?.hasPrefix("\(out): demo in q4, 5 MiB before, 2 MiB now (") == true, "\(run.text)")
            #expect(run.text.contains("q4: ") && run.text.contains("q8: ") && run.text.contains("f16: "))
        }

        @Test(
            "Wrong use ends with 64, a missing model with 66",
            arguments: [
                (["quantize", captioner, "OUT"], 64, "--weights"),
                (["quantize", captioner, "OUT", "--weights", "full"], 64, "q8 or q4"),
                (["quantize", captioner, "OUT", "--weights", "q3"], 64, "weights"),
                (["quantize", captioner, "OUT", "--weights", "q8", "--shard-size", "0"], 64, "shard-size"),
                (["quantize", captioner, "OUT/none/out", "--weights", "q8"], 64, "missing or not writable"),
                (["quantize", captioner, "TAKEN", "--weights", "q8"], 64, "is there already"),
                (["quantize", "PE-Core-B16-224", "OUT", "--weights", "q8"], 64, "is a Perception Encoder"),
                (["quantize", "nowhere/model", "OUT", "--weights", "q8"], 66, "nowhere/model"),
            ])
        func usage(arguments: [String], status: Int, message: String) async throws {
            let folder = try TemporaryFolder()
            let taken = try folder.write([1], "taken")
            let run = try await PerceptProcess.run(
                arguments.map {
                    $0.replacing("TAKEN", with: taken).replacing("OUT", with: folder.url.appending(path: "out").path)
                }, environment: ["PERCEPT_MODELS": folder.url.path, "HF_HOME": folder.url.path])
            #expect(run.status == status, "\(run.errors)")
            #expect(run.errors.contains(message), "\(run.errors)")
            #expect(folder.contents == ["taken"])
        }

        /// A file of the quantised model, what is done to it, and what the message says.
        struct Damage: Sendable, CustomTestStringConvertible {
            let file: String
            let message: String
            let edit: @Sendable (Data) -> Data
            var testDescription: String { "\(file): \(message)" }

            /// Another text of the same length, where the header's and the data's places must not move.
            init(_ file: String, _ old: String, _ new: String, _ message: String) {
                self.init(file, message) { data in
                    guard let range = data.range(of: Data(old.utf8)) else { return Data() }
                    var data = data
                    data.replaceSubrange(range, with: Data(new.utf8))
                    return data
                }
            }

            init(_ file: String, _ message: String, _ edit: @escaping @Sendable (Data) -> Data) {
                (self.file, self.message, self.edit) = (file, message, edit)
            }
        }

        static let damages = [
            Damage("model.safetensors", #"\"version\": 1"#, #"\"version\": 9"#, "version 9 of the quantisation scheme"),
            Damage("model.safetensors", #"\"format\": \"q8\""#, #"\"format\": \"q2\""#, "the format 'q2'"),
            Damage("model.safetensors", #"\"format\": \"q8\""#, #"\"format\": \"q4\""#, "q4 rows of a matrix of shape"),
            Damage(
                "model.safetensors", #"\"model.language_model.embed"#, #"\"xodel.language_model.embed"#,
                "tensor 'xodel.language_model.embed_tokens.weight' is missing"),
            Damage(
                "model.safetensors", "percept.quantization", "percept.quantisation", "there are no quantised rows"),
            Damage("model.safetensors", "is truncated") { $0.dropLast(1000) },
            Damage("model.safetensors", "is truncated") { $0.prefix(900) },
            Damage("config.json", #""version": 1"#, #""version": 2"#, "version 2 of the quantisation scheme"),
            Damage("config.json", "quantization_config", "quantisation_config", "there are quantised rows"),
            Damage("config.json", #""format": "q8""#, #""format": "q1""#, "the quantised format 'q1'"),
        ]

        @Test("Damage ends with 65 and is named", arguments: damages)
        func damaged(damage: Damage) async throws {
            let folder = try TemporaryFolder()
            let out = folder.url.appending(path: "out").path
            #expect(
                try await PerceptProcess.run(["quantize", Self.captioner, out, "--weights", "q8"]).status == 0)
            let file = URL(filePath: out).appending(path: damage.file)
            let before = try Data(contentsOf: file), after = damage.edit(before)
            #expect(!after.isEmpty && after != before)
            try after.write(to: file)
            let run = try await ask(out)
            #expect(run.status == 65, "\(run.errors)")
            #expect(run.errors.contains(out) && run.errors.contains(damage.message), "\(run.errors)")
            let again = try await PerceptProcess.run([
                "quantize", out, folder.url.appending(path: "again").path, "--weights", "q8",
            ])
            #expect(again.status == 65 && folder.contents == ["out"])
        }

        @Test("Another format than the stored one is refused, full decodes it")
        func otherFormat() async throws {
            let folder = try TemporaryFolder()
            let out = folder.url.appending(path: "out").path
            #expect(
                try await PerceptProcess.run(["quantize", Self.captioner, out, "--weights", "q8"]).status == 0)
            let other = try await ask(out, "--weights", "q4")
            #expect(other.status == 64 && other.errors.contains("is stored in q8"), "\(other.errors)")
            let full = try await ask(out, "--weights", "full")
            #expect(try full.status == 0 && full.object()["text"] as? String == "green")
        }

        @Test("The original's files of a hub's cache, which are links, become files")
        func links() async throws {
            let folder = try TemporaryFolder()
            let model = folder.url.appending(path: "snapshot")
            try FileManager.default.createDirectory(at: model, withIntermediateDirectories: true)
            for name in try FileManager.default.contentsOfDirectory(atPath: Self.captioner) {
                try FileManager.default.createSymbolicLink(
                    at: model.appending(path: name),
                    withDestinationURL: URL(filePath: Self.captioner).appending(path: name))
            }
            let out = folder.url.appending(path: "out")
            let run = try await PerceptProcess.run(["quantize", model.path, out.path, "--weights", "q8"])
            #expect(run.status == 0, "\(run.errors)")
            for name in try FileManager.default.contentsOfDirectory(atPath: out.path) {
                let type = try FileManager.default.attributesOfItem(atPath: out.path + "/" + name)[.type]
                #expect(type as? FileAttributeType == .typeRegular, "\(name)")
            }
        }
    }
}
