import Foundation
import TestSupport
import Testing

extension CommandTests {
    @Suite("Command line")
    struct UsageTests {
        @Test(
            "What makes no sense is 64, with nothing on standard output",
            arguments: [
                ["embed"], ["embed", "--nonsense", "x.png"], ["nonsense"], ["embed", "--precision", "f8", "x.png"],
                ["embed", "--batch", "0", "x.png"], ["embed", "--frames", "0", "x.png"],
                ["embed", "--out", "a.txt", "x.png"],
                ["embed", "--out", "/nowhere/a.npy", "x.png"], ["embed", "--json", "--jsonl", "x.png"],
                ["embed", "--quiet", "--verbose", "x.png"], ["classify", "x.png"],
                ["classify", "--labels", "a,,b", "x.png"],
                ["classify", "--labels", "a", "--template", "no place", "x.png"],
                ["classify", "--labels", "a", "--labels-file", "b", "x.png"], ["features"],
                ["features", "--pca", "a.jpg", "x.png"], ["bench", "--batch", "1,x"],
                ["bench", "--random", "--model", "PE-Nonsense"], ["features", "--layer", "99", PerceptProcess.photo],
            ])
        func usage(arguments: [String]) async throws {
            let run = try await PerceptProcess.run(arguments)
            #expect(run.status == 64, "\(arguments): \(run.errors)")
            #expect(run.output.isEmpty)
            #expect(!run.errors.isEmpty)
        }

        @Test(
            "Help goes to standard output",
            arguments: [["help"], ["--help"], ["help", "classify"], ["watch", "--help"]])
        func help(arguments: [String]) async throws {
            let run = try await PerceptProcess.run(arguments)
            #expect(run.status == 0 && run.errors.isEmpty, "\(run.errors)")
            #expect(run.text.contains("USAGE: percept"))
            if let command = arguments.first(where: { !$0.contains("help") }) {
                #expect(run.text.contains("USAGE: percept \(command)"))
            }
        }

        @Test("Global options may stand before the command")
        func globalOptionsFirst() async throws {
            let run = try await PerceptProcess.run(["--json", "--quiet", "models"])
            #expect(run.status == 0)
            let models = try #require(try run.object()["models"] as? [[String: Any]])
            #expect(models.count >= 14)
            for model in models {
                #expect(Set(model.keys) == ["name", "kind", "parameters", "weight_bytes", "location"])
            }
        }

        @Test("A device that is not there is 69 and names those that are")
        func unknownDevice() async throws {
            let run = try await PerceptProcess.run(["embed", "--device", "no such device", "--text", "a"])
            #expect(run.status == 69)
            #expect(run.errors.contains("no such device"))
        }
    }

    @Suite("Checkpoints from strangers")
    struct CheckpointTests {
        @Test("A truncated checkpoint is 65 and named", arguments: [0, 1, 100, 5000, 20000])
        func truncated(count: Int) async throws {
            let folder = try TemporaryFolder()
            let whole = try Data(contentsOf: PerceptProcess.checkpoints.appending(path: "clip.pt"))
            try #require(whole.count > count)
            let file = try folder.write(whole.prefix(count), "torn.pt")
            let run = try await PerceptProcess.run(["embed", "--model", file, PerceptProcess.photo])
            #expect(run.status == 65)
            #expect(run.errors.contains("torn.pt"))
            #expect(run.output.isEmpty)
        }

        @Test("A checkpoint with flipped bytes is 65 and named, or works", arguments: 0..<6)
        func flipped(seed: Int) async throws {
            let folder = try TemporaryFolder()
            var bytes = [UInt8](try Data(contentsOf: PerceptProcess.checkpoints.appending(path: "clip.pt")))
            let sideFile = try Data(contentsOf: PerceptProcess.checkpoints.appending(path: "clip.json"))
            for flip in 1...20 {
                bytes[(seed * 7919 + flip * 104_729) % bytes.count] ^= UInt8(1 << (flip % 8))
            }
            let file = try folder.write(bytes, "flipped.pt")
            _ = try folder.write(sideFile, "flipped.json")
            let run = try await PerceptProcess.run(["embed", "--jsonl", "--model", file, PerceptProcess.photo])
            #expect(run.status == 0 || run.status == 65, "\(run.status): \(run.errors)")
            if run.status == 65 { #expect(run.errors.contains("flipped")) }
        }

        @Test("A checkpoint that is not there is 66")
        func missing() async throws {
            let run = try await PerceptProcess.run(["embed", "--model", "/nowhere/model.pt", PerceptProcess.photo])
            #expect(run.status == 66)
            #expect(run.errors.contains("/nowhere/model.pt"))
        }
    }
}
