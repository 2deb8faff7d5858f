import Foundation
import TestSupport
import Testing

extension CommandTests {
    /// An option that is given is obeyed, or refused; where a file decides that it changes nothing, a note says so.
    @Suite("Options are never passed over")
    struct OptionTests {
        private static let files = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        private static let stars = files.appending(path: "Tools/demo-files/five-yellow-stars-at-the-top.png").path
        private static let captioner = files.appending(path: "Sources/CPerceptData/captioner").path
        private static let clip = PerceptProcess.checkpoints.appending(path: "clip.pt").path

        @Test(
            "What a command or a model has no use for is 64, and named",
            arguments: [
                (["models", "--precision", "f32"], "--precision"), (["devices", "--device", "0"], "--device"),
                (["pull", "--precision", "f32", "PLM-1B"], "--precision"),
                (["doctor", "--precision", "f32"], "--precision"),
                (["quantize", "--device", "0", "--weights", "q8", "demo", "/tmp/never"], "--device"),
                (["embed", "--text", "a", "--batch", "2"], "--batch"),
                (["embed", "--text", "a", "--frames", "2"], "--frames"),
                (["embed", "--text", "a", "--input-size", "80"], "--input-size"),
                (["embed", "--text", "a", "--preprocess", "checkpoint"], "--preprocess"),
                (["ask", "--box", "0,0,40,40", stars, "What is it?"], "<|bbox0|>"),
                (["ask", "--box", "0,0,40,40", "--box", "1,1,9,9", stars, "<|bbox0|>?"], "<|bbox1|>"),
                (["caption", "--box", "0,0,40,40", "--prompt", "What is it?", stars], "<|bbox0|>"),
                (["ask", "--context", "99999", "Hello?"], "context"), (["ask", "--seed=-1", "Hello?"], "--seed"),
                (["bench", "--weights", "q8"], "--weights"), (["bench", "--tiles", "2"], "--tiles"),
                (["bench", "--model", captioner, "--batch", "2"], "--batch"),
                (["bench", "--model", captioner, "--callers", "2"], "--callers"),
                (["bench", "--beside", "demo"], "--beside"), (["bench", "--trace", "never.json"], "--trace"),
                (["bench", "--answers", "2"], "--answers"), (["profile", "--answers", "2"], "--answers"),
                (["bench", "--model", captioner, "--input-size", "80"], "--input-size"),
                (["profile", "--depth", "9"], "--depth"),
                (["profile", "--text", "--input-size", "80"], "--input-size"),
                (["profile", "--model", captioner, "--batch", "1"], "--batch"),
                (["tune", "--weights", "q8"], "--weights"),
                (["tune", "--model", captioner, "--batch", "1"], "--batch"),
                (["watch", "test:", "--template", "a {}"], "--template"),
                (["watch", "test:", "--nearest", "2"], "--gallery"),
                (["watch", "test:", "--window", "2"], "--window"),
                (["watch", "test:", "--caption-model", "demo"], "--caption-every"),
                (["watch", "test:", "--caption-prompt", "a"], "--caption-every"),
                (["watch", "test:", "--list"], "--list"),
                (["watch", "test:", "--size", "64x64"], "--size"), (["watch", "test:", "--rate", "9"], "--rate"),
                (["watch", "-", "--format", "nv12"], "--format"), (["watch", "test:", "--insecure"], "--insecure"),
                (["watch", "clip.mp4", "--timeout", "3"], "--timeout"),
                (["watch", "rtsp://user:secret@127.0.0.1/", "--as-fast-as-possible"], "--as-fast-as-possible"),
            ])
        func refused(arguments: [String], word: String) async throws {
            let run = try await PerceptProcess.run(arguments)
            #expect(run.status == 64, "\(arguments): \(run.errors)")
            #expect(run.errors.contains(word) && !run.errors.contains("secret"), "\(run.errors)")
            #expect(run.output.isEmpty)
        }

        @Test(
            "What changes nothing for these files is said",
            arguments: [
                (["embed", "--jsonl", "--frames", "4", PerceptProcess.photo], "--frames"),
                (["classify", "--labels", "a,b", "--frames", "4", PerceptProcess.photo], "--frames"),
                (["ask", "--frames", "4", stars, "What colour are the stars?"], "--frames"),
                (["ask", "--tiles", "4", "--max-tokens", "1", "Hello?"], "--tiles"),
                (["ask", "--top-p", "0.5", "--seed", "3", stars, "What colour are the stars?"], "--top-p, --seed"),
                (["caption", "--temperature", "1", "--top-p", "0.5", "--top-k", "2", stars], "--top-k"),
            ])
        func noted(arguments: [String], word: String) async throws {
            let run = try await PerceptProcess.run(arguments)
            #expect(run.status == 0, "\(arguments): \(run.errors)")
            #expect(run.errors.contains(word), "\(run.errors)")
        }

        @Test("Tiles are cut although the checkpoint says one plain view, of several images too")
        func tiles() async throws {
            func chunks(_ options: [String], _ files: [String] = [Self.stars]) async throws -> Int? {
                let run = try await PerceptProcess.run(
                    ["ask", "--json", "--max-tokens", "2"] + options + files + ["What colour are the stars?"])
                #expect(run.status == 0, "\(run.errors)")
                return (try run.object()["timings"] as? [String: Any])?["chunks"] as? Int
            }
            #expect(try await chunks([]) == 1)
            #expect(try await chunks(["--tiles", "1"]) == 1)
            #expect(try await chunks(["--tiles", "4"]) == 5)
            #expect(try await chunks([], [Self.stars, Self.stars]) == 2)
            #expect(try await chunks(["--tiles", "4"], [Self.stars, Self.stars]) == 10)
        }

        @Test("Features of other sizes than the model's: the grid follows, and whole patches are asked for")
        func inputSize() async throws {
            func grid(_ size: String) async throws -> [Int]? {
                let run = try await PerceptProcess.run(
                    ["features", "--json", "--model", Self.clip, "--input-size", size, PerceptProcess.photo])
                #expect(run.status == 0, "\(run.errors)")
                return try run.object()["grid"] as? [Int]
            }
            #expect(try await grid("24x40") == [3, 5])
            #expect(try await grid("16") == [2, 2])
            func embedding(_ options: [String]) async throws -> [Double]? {
                let run = try await PerceptProcess.run(
                    ["embed", "--jsonl", "--model", Self.clip] + options + [PerceptProcess.photo])
                #expect(run.status == 0, "\(run.errors)")
                return try run.object()["embedding"] as? [Double]
            }
            let usual = try await embedding([])
            #expect(try await embedding(["--input-size", "32"]) == usual)
            #expect(try await embedding(["--input-size", "32x40"]) != usual)
            let labelled = try await PerceptProcess.run(
                ["classify", "--json", "--input-size", "96x64", "--labels", "a,b", PerceptProcess.photo])
            #expect(labelled.status == 0, "\(labelled.errors)")
            let measured = try await PerceptProcess.run(
                ["bench", "--json", "--model", Self.clip, "--input-size", "16", "--batch", "1", "--runs", "1"])
            #expect(measured.status == 0, "\(measured.errors)")
            for size in ["30", "0", "16x", "x16", "16x16x16", "-8"] {
                let run = try await PerceptProcess.run(
                    ["features", "--model", Self.clip, "--input-size=\(size)", PerceptProcess.photo])
                #expect(run.status == 64, "\(size): \(run.errors)")
                if size == "30" { #expect(run.errors.contains("32 x 32"), "\(run.errors)") }
            }
        }

        @Test("Processors beside a checkpoint are followed where there are some")
        func preprocessing() async throws {
            let run = try await PerceptProcess.run([
                "ask", "--quiet", "--preprocess", "checkpoint", Self.stars, "What colour are the stars?",
            ])
            #expect(run.status == 0 && run.text == "yellow\n", "\(run.errors)")
            let video = try await PerceptProcess.run([
                "caption", "--json", "--model", Self.captioner, "--preprocess", "checkpoint", "--frames", "3",
                PerceptProcess.video,
            ])
            #expect((try video.object()["timings"] as? [String: Any])?["chunks"] as? Int == 3, "\(video.errors)")
            let watched = try await PerceptProcess.run([
                "watch", "test:?frames=60&rate=30", "--json", "--caption-every", "0", "--caption-preprocess",
                "checkpoint",
            ])
            #expect(watched.status == 0, "\(watched.errors)")
            let folder = try TemporaryFolder()
            for name in ["config.json", "model.safetensors", "tokenizer.json"] {
                try FileManager.default.copyItem(
                    atPath: Self.captioner + "/" + name, toPath: folder.url.appending(path: name).path)
            }
            let refused = try await PerceptProcess.run([
                "ask", "--model", folder.url.path, "--preprocess", "checkpoint", Self.stars, "What?",
            ])
            #expect(refused.status == 64 && refused.errors.contains("preprocessing"), "\(refused.errors)")
        }
    }

    /// What is cut is said.
    @Suite("Limits of texts")
    struct TextLimitTests {
        private static let long = Array(repeating: "a red circle on the left", count: 9).joined(separator: " and ")
        private static let stars = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Tools/demo-files/five-yellow-stars-at-the-top.png").path

        @Test("Texts and labels that are longer than the context are named, with how much of them counts")
        func cut() async throws {
            let text = try await PerceptProcess.run(["embed", "--jsonl", "--text", Self.long, "--text", "a cat"])
            #expect(text.status == 0 && text.lines.count == 2)
            #expect(text.errors.contains("is cut: the first 30 of its 62 tokens count"), "\(text.errors)")
            #expect(!text.errors.contains("a cat"))
            let labels = try await PerceptProcess.run([
                "classify", "--json", "--labels", "\(Self.long) x,\(Self.long) y,a star", PerceptProcess.photo,
            ])
            #expect(labels.status == 0)
            #expect(labels.errors.contains("are the same to the model"), "\(labels.errors)")
            let template = try await PerceptProcess.run([
                "watch", "test:?frames=2", "--json", "--labels", "a,b", "--template", Self.long + " {}",
            ])
            #expect(template.status == 0 && template.errors.contains("“a” and “b” are the same"), "\(template.errors)")
        }

        @Test("A chat goes on without its oldest turns when its context is full, and keeps its picture")
        func fullChat() async throws {
            let questions = Array(repeating: "What colour are the stars?\n", count: 14).joined()
            let run = try await PerceptProcess.run(
                ["chat", "--json", "--context", "160", "--max-tokens", "8", Self.stars], input: questions)
            #expect(run.status == 0, "\(run.errors)")
            let answers = try run.lines.map { line in
                try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            }
            #expect(answers.count == 14)
            #expect(answers.last?["text"] as? String == "yellow")
            #expect(run.errors.contains("160 positions is full") && run.errors.contains("/reset"), "\(run.errors)")
            #expect(!run.errors.contains("what they showed") && !run.errors.contains("tiles"), "\(run.errors)")
            let chunks = answers.compactMap { ($0["timings"] as? [String: Any])?["chunks"] as? Int }
            #expect(chunks == [1] + Array(repeating: 0, count: 13), "the picture is encoded once")
        }

        @Test("A question that is too long by itself is refused, and the chat goes on")
        func longQuestion() async throws {
            let question = Array(repeating: "What colour are the stars?", count: 40).joined(separator: " ")
            let run = try await PerceptProcess.run(
                ["chat", "--json", "--context", "160", "--max-tokens", "8"], input: "Hello?\n\(question)\nHello?\n")
            #expect(run.status == 0 && run.lines.count == 2, "\(run.errors)")
            #expect(run.errors.contains("of 160 positions") && run.errors.contains("shorter"), "\(run.errors)")
            #expect(!run.errors.contains("going on without"), "nothing is forgotten for it")
            let asked = try await PerceptProcess.run(["ask", "--context", "160", question])
            #expect(asked.status == 64 && asked.errors.contains("shorter text"), "\(asked.errors)")
        }

        @Test("An answer that the context cuts is said to be cut")
        func cutAnswer() async throws {
            // At such a temperature the model goes on until something stops it.
            let full = try await PerceptProcess.run([
                "ask", "--context", "128", "--max-tokens", "500", "--temperature", "50", "--seed", "1", Self.stars,
                "What is it?",
            ])
            #expect(full.status == 0 && full.errors.contains("the context is full"), "\(full.errors)")
            let short = try await PerceptProcess.run(["caption", "--max-tokens", "1", Self.stars])
            #expect(short.status == 0 && !short.errors.contains("cut"))
        }
    }
}
