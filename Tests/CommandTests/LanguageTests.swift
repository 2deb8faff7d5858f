import Foundation
import TestSupport
import Testing

extension CommandTests {
    /// The commands around the language model, with the demo captioner.
    @Suite("caption, ask and chat")
    struct LanguageTests {
        private static let files = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Tools/demo-files")
        private static let hearts = files.appending(path: "two-green-hearts-on-the-left.png").path
        private static let stars = files.appending(path: "five-yellow-stars-at-the-top.png").path

        @Test("An answer streams as text, and is an object for programs")
        func ask() async throws {
            let plain = try await PerceptProcess.run(["ask", "--quiet", Self.hearts, "What colour are the hearts?"])
            #expect(plain.status == 0 && plain.text == "green\n")
            let run = try await PerceptProcess.run([
                "ask", "--quiet", "--json", Self.hearts, "What colour are the hearts?",
            ])
            let object = try run.object()
            #expect(object["text"] as? String == "green")
            let tokens = try #require(object["tokens"] as? [Int])
            #expect(!tokens.isEmpty)
            // The picture alone takes 25 positions.
            #expect(try #require(object["prompt_tokens"] as? Int) > 40)
            let timings = try #require(object["timings"] as? [String: Any])
            #expect(timings["chunks"] as? Int == 1)
            #expect(Set(timings.keys).isSuperset(of: ["vision_ms", "prompt_ms", "decoding_ms"]))
            let memory = try #require(object["memory"] as? [String: Int])
            let (planned, peak) = (try #require(memory["planned_bytes"]), try #require(memory["peak_bytes"]))
            // Programs are planned for prompts of all lengths and for large pictures; the weights alone are 5 MiB.
            #expect(peak <= planned && peak > 5 << 20, "\(peak) of \(planned) bytes")
        }

        @Test("Keys and values in 8 bits: the same answer, and about half the room, as is said")
        func cache() async throws {
            var room: [String: String] = [:]
            for cache in ["full", "q8"] {
                let run = try await PerceptProcess.run([
                    "ask", "--verbose", "--cache", cache, Self.hearts, "What colour are the hearts?",
                ])
                #expect(run.status == 0 && run.text == "green\n", "\(run.errors)")
                let line = try #require(run.errors.split(separator: "\n").first { $0.contains("cache \(cache):") })
                room[cache] = line.split(separator: ", ").first { $0.hasPrefix("context of") }.map(String.init)
            }
            // Keys and values themselves take 1.5 and 0.8 of it.
            #expect(room == ["full": "context of 1024 2 MiB", "q8": "context of 1024 1 MiB"])
        }

        @Test("Captions of several files, one of which is missing")
        func caption() async throws {
            let run = try await PerceptProcess.run(["caption", "--quiet", Self.hearts, "nowhere.png", Self.stars])
            #expect(run.status == 66)
            #expect(run.errors.contains("nowhere.png: no such file"))
            #expect(
                run.lines == [
                    "\(Self.hearts): two green hearts on the left", "\(Self.stars): five yellow stars at the top",
                ])
            let single = try await PerceptProcess.run(["caption", "--quiet", "--json", Self.hearts])
            #expect(try single.object()["source"] as? String == Self.hearts)
            let several = try await PerceptProcess.run(["caption", "--quiet", "--json", Self.hearts, Self.stars])
            #expect((try several.object()["items"] as? [[String: Any]])?.count == 2)
        }

        @Test("A chat shows an image, goes on about it without encoding it again, and forgets when asked")
        func chat() async throws {
            let run = try await PerceptProcess.run(
                ["chat", "--json", Self.stars],
                input:
                    "What colour are the stars?\n/image \(Self.hearts)\nWhat colour are the hearts?\n/unknown\n/reset\n"
                    + "/image nowhere.png\n/image \(Self.hearts)\nWhat colour are the hearts?\n/quit\nnever read\n")
            #expect(run.status == 0)
            let answers = try run.lines.map { line in
                try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            }
            #expect(answers.count == 3)
            #expect(answers.first?["text"] as? String == "yellow" && answers.last?["text"] as? String == "green")
            let chunks = answers.map { ($0["timings"] as? [String: Any])?["chunks"] as? Int }
            // What was said is forgotten, the picture of before is still known.
            #expect(chunks == [1, 1, 0])
            let reused = answers.map { ($0["timings"] as? [String: Any])?["reused_tokens"] as? Int ?? -1 }
            #expect(reused[0] == 0 && reused[1] > 40 && reused[2] > 0)
            #expect(run.errors.contains("/image FILE"), "an unknown command is explained")
            #expect(run.errors.contains("nowhere.png"))
        }

        @Test(
            "Wrong use ends with 64, and says why",
            arguments: [
                (["ask", "--box", "9,9,1,1", hearts, "What?"], "box"),
                (["ask", "--temperature", "-1", "Hello?"], "temperature"),
                (["ask", "--top-p", "2", "Hello?"], "top-p"), (["ask", "--tiles", "0", hearts, "What?"], "tiles"),
                (["ask", "--context", "7", "Hello?"], "context"), (["caption"], "file"),
                (["ask", "--random", "--model", "PE-Core-B16-224", "Hello?"], "language model"),
                (["ask", "--weights", "q3", "Hello?"], "weights"), (["ask", "--cache", "f8", "Hello?"], "cache"),
            ])
        func usage(arguments: [String], word: String) async throws {
            let run = try await PerceptProcess.run(arguments)
            #expect(run.status == 64, "\(arguments)")
            #expect(run.errors.localizedCaseInsensitiveContains(word), "\(run.errors)")
        }

        @Test("A region goes into the text as the model writes it")
        func region() async throws {
            let run = try await PerceptProcess.run([
                "ask", "--quiet", "--box", "0,0,40,40", Self.hearts, "What is in <|bbox0|>?",
            ])
            #expect(run.status == 0)
            let missing = try await PerceptProcess.run([
                "ask", "--quiet", "--box", "0,0,40,40", Self.hearts, "What is in <|bbox1|>?",
            ])
            #expect(missing.status == 64 && missing.errors.contains("box 1"))
        }

        @Test("Speed of a language model")
        func bench() async throws {
            let captioner = Self.files.deletingLastPathComponent().deletingLastPathComponent()
                .appending(path: "Sources/CPerceptData/captioner").path
            let folder = try TemporaryFolder()
            let file = folder.url.appending(path: "trace.json")
            let run = try await PerceptProcess.run([
                "bench", "--json", "--model", captioner, "--prompt", "16,100", "--depth", "1,64", "--tokens", "8",
                "--runs", "2", "--cache", "q8", "--answers", "1,5", "--trace", file.path,
            ])
            #expect(run.status == 0, "\(run.errors)")
            #expect(try run.object()["cache"] as? String == "q8")
            let results = try #require(try run.object()["results"] as? [[String: Any]])
            #expect(
                results.compactMap { $0["test"] as? String } == [
                    "prompt", "prompt", "generation", "generation", "generation", "generation", "answers", "answers",
                    "first token",
                ])
            #expect(results.compactMap { $0["answers"] as? Int } == [1, 1, 1, 5, 1, 5, 1, 5, 1])
            #expect(results.allSatisfy { ($0["tokens_per_second"] as? Double ?? 0) > 0 })
            // The warm-up and two runs of five answers, side by side.
            let trace = try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any]
            let events = try #require(trace?["traceEvents"] as? [[String: Any]])
            #expect(events.count { $0["name"] as? String == "answer" } == 15)
            let rows = events.filter { $0["ph"] as? String == "M" }
                .compactMap { ($0["args"] as? [String: String])?["name"] }
            #expect(Set(rows).isSuperset(of: ["device", "requests", "prompts", "steps", "request 1", "request 5"]))
        }
    }
}
