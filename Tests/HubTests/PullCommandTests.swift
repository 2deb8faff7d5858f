import Foundation
import PerceptHub
import PerceptModels
import TestSupport
import Testing

extension PerceptProcess {
    /// With nothing but `hub` to fetch from, and `cache` to keep it.
    ///
    /// - Parameter interruption: seconds after which SIGINT is sent.
    fileprivate static func run(
        _ arguments: [String], _ hub: FakeHub?, _ cache: TestCache, environment: [String: String] = [:],
        interruption: Double? = nil
    ) async throws -> PerceptProcess {
        let variables = [
            "HF_HUB_CACHE": cache.root.path, "HF_HOME": cache.root.path, "XDG_CACHE_HOME": cache.root.path + "/.xdg",
            "HF_ENDPOINT": hub?.endpoint ?? "http://127.0.0.1:1",
        ]
        return try await run(
            arguments, environment: variables.merging(environment) { $1 },
            inherits: { !$0.hasPrefix("HF_") && !TrustedAuthorities.variables.contains($0) },
            interruption: interruption)
    }
}

extension HubTests {
    @Suite("percept pull")
    struct CommandTests {
        private static let fixtures = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()

        private static func fixture(_ path: String) throws -> FakeHub.File {
            FakeHub.File(bytes: [UInt8](try Data(contentsOf: fixtures.appending(path: path))))
        }

        @Test("The path on standard output, nothing on standard error, and JSON")
        func output() async throws {
            let hub = try FakeHub(HubTests.model)
            let cache = TestCache()
            let run = try await PerceptProcess.run(["pull", "--quiet", hub.id], hub, cache)
            #expect(run.status == 0 && run.errors.isEmpty, "\(run.errors)")
            let folder = try cache.folder(hub).appending(path: "snapshots/\(FakeHub.commit)").path
            #expect(run.lines == [folder])
            let document = try await PerceptProcess.run(["pull", "--json", hub.id], hub, cache).object()
            #expect(
                Set(document.keys) == ["repository", "revision", "commit", "path", "transferred_bytes", "files"])
            #expect(document["path"] as? String == folder)
            #expect(document["transferred_bytes"] as? Int == 0)
            let files = try #require(document["files"] as? [[String: Any]])
            #expect(files.compactMap { $0["name"] as? String } == HubTests.wanted)
            #expect(files.compactMap { $0["bytes"] as? Int } == HubTests.wanted.map { HubTests.model[$0]?.bytes.count })
        }

        @Test(
            "Exit codes",
            arguments: [
                (FakeHub.Fault.status(401), 77, "HF_TOKEN"), (.status(403), 77, "licence"),
                (.status(404), 66, "someone/model"), (.status(503, ["Retry-After": "0"]), 75, "503"),
                (.answer(Array("{".utf8)), 65, "JSON"), (.status(418), 69, "418"),
            ])
        func codes(fault: FakeHub.Fault, code: Int32, words: String) async throws {
            let hub = try FakeHub(HubTests.model)
            for _ in 0..<6 { hub.fail(FakeHub.listing, fault) }
            let run = try await PerceptProcess.run(["pull", hub.id], hub, TestCache())
            #expect(run.status == code, "\(run.errors)")
            #expect(run.errors.contains(words), "\(run.errors)")
            #expect(run.output.isEmpty)
        }

        @Test("A damaged file is 65 and named, a directory that may not be written to 77")
        func files() async throws {
            let hub = try FakeHub(HubTests.model)
            hub.fail(HubTests.first, .corrupt)
            let damaged = try await PerceptProcess.run(["pull", hub.id], hub, TestCache())
            #expect(damaged.status == 65)
            #expect(damaged.errors.contains(HubTests.first))
            let closed = try await PerceptProcess.run(
                ["pull", hub.id], hub, TestCache(), environment: ["HF_HUB_CACHE": "/sys/percept"])
            #expect(closed.status == 77, "\(closed.errors)")
            #expect(closed.errors.contains("/sys/percept"))
        }

        @Test("No network is 69, names that are none are 64, and both say what to do")
        func network() async throws {
            let cache = TestCache()
            let lost = try await PerceptProcess.run(["pull", "a/b"], nil, cache)
            #expect(lost.status == 69 && lost.errors.contains("127.0.0.1"), "\(lost.errors)")
            let offline = try await PerceptProcess.run(
                ["pull", "a/b"], nil, cache, environment: ["HF_HUB_OFFLINE": "1"])
            #expect(offline.status == 69 && offline.errors.contains("HF_HUB_OFFLINE"))
            let unknown = try await PerceptProcess.run(["pull", "PE-Core-B16-225"], nil, cache)
            #expect(unknown.status == 64 && unknown.errors.contains("PE-Core-B16-224"))
            let strange = try await PerceptProcess.run(["pull", "../b"], nil, cache)
            #expect(strange.status == 64 && strange.errors.contains("../b"))
            let hub = try FakeHub([:])
            let missing = try await PerceptProcess.run(["pull", "facebook/PE-Core-B16-22"], hub, cache)
            #expect(missing.status == 66 && missing.errors.contains("facebook/PE-Core-B16-224"), "\(missing.errors)")
        }

        @Test("An interrupted pull shows nothing and goes on where it was")
        func interruption() async throws {
            let hub = try FakeHub(HubTests.model)
            hub.fail(HubTests.first, .stall(after: 100_000))
            let cache = TestCache()
            let run = try await PerceptProcess.run(["pull", hub.id], hub, cache, interruption: 1.5)
            #expect(run.status == 130)
            try cache.expectNothingVisible(hub)
            hub.forgetRequests()
            let again = try await PerceptProcess.run(["pull", hub.id], hub, cache)
            #expect(again.status == 0, "\(again.errors)")
            #expect(hub.requests.filter { $0.offset == 100_000 }.count == 1 && hub.requests.count == 2)
        }

        @Test("Two processes fetch every byte once")
        func twoProcesses() async throws {
            let hub = try FakeHub(HubTests.model)
            for name in HubTests.wanted { hub.fail(name, .late(0.5)) }
            let cache = TestCache()
            async let one = PerceptProcess.run(["pull", "--json", hub.id], hub, cache)
            async let two = PerceptProcess.run(["pull", "--json", hub.id], hub, cache)
            for run in try await [one, two] { #expect(run.status == 0, "\(run.errors)") }
            #expect(hub.bytesSent == HubTests.wanted.reduce(0) { $0 + (HubTests.model[$1]?.bytes.count ?? 0) })
        }

        @Test("Damage is named and mended, and a model that is damaged says how")
        func damage() async throws {
            let files = [
                "model.safetensors": try Self.fixture("CheckpointTests/Fixtures/models/timm/model.safetensors"),
                "config.json": try Self.fixture("CheckpointTests/Fixtures/models/timm/config.json"),
            ]
            let hub = try FakeHub(files, id: "someone/model")
            let cache = TestCache()
            let path = try await PerceptProcess.run(["pull", hub.id], hub, cache).lines.first
            let file = URL(filePath: try #require(path)).appending(path: "model.safetensors").resolvingSymlinksInPath()
            var bytes = [UInt8](try Data(contentsOf: file))
            bytes[10] = 0xFF
            try Data(bytes).write(to: file)
            let broken = try await PerceptProcess.run(["embed", "--model", hub.id, "--text", "a"], hub, cache)
            #expect(
                broken.status == 65 && broken.errors.contains("percept pull --verify someone/model"), "\(broken.errors)"
            )
            let mended = try await PerceptProcess.run(["pull", hub.id], hub, cache)
            #expect(mended.status == 0 && mended.errors.contains("model.safetensors: is damaged"), "\(mended.errors)")
            for flag in ["--verify", "--force"] {
                let sent = hub.bytesSent
                let again = try await PerceptProcess.run(["pull", flag, hub.id], hub, cache)
                #expect(again.status == 0 && (hub.bytesSent > sent) == (flag == "--force"), "\(again.errors)")
            }
            let both = try await PerceptProcess.run(["pull", "--verify", "--force", hub.id], hub, cache)
            #expect(both.status == 64)
        }

        @Test("What was pulled is found by its name")
        func found() async throws {
            let files = [
                "model.safetensors": try Self.fixture("CheckpointTests/Fixtures/models/timm/model.safetensors"),
                "config.json": try Self.fixture("CheckpointTests/Fixtures/models/timm/config.json"),
            ]
            let hub = try FakeHub(files, id: "timm/vit_pe_core_tiny_patch16_384.fb")
            let cache = TestCache()
            let run = try await PerceptProcess.run(["pull", "vit_pe_core_tiny_patch16_384"], hub, cache)
            #expect(run.status == 0, "\(run.errors)")
            let models = try await PerceptProcess.run(["models", "--json"], hub, cache).object()["models"]
            let model = (models as? [[String: Any]])?.first { $0["name"] as? String == "PE-Core-T16-384" }
            #expect(model?["location"] as? String == run.lines.first)
            #expect(try EncoderCheckpoint(contentsOf: #require(run.lines.first)).config.vision.width == 8)
        }

        @Test("Meta's own file is found, and its repository's name is a model")
        func original() async throws {
            let files = [
                "clip.pt": try Self.fixture("Fixtures/pe/files/clip.pt"),
                "clip.json": try Self.fixture("Fixtures/pe/files/clip.json"),
            ]
            let hub = try FakeHub(files, id: "someone/clip")
            let cache = TestCache()
            let run = try await PerceptProcess.run(["pull", "someone/clip"], hub, cache)
            #expect(run.status == 0 && run.lines.first?.hasSuffix("/clip.pt") == true, "\(run.errors)")
            #expect(try EncoderCheckpoint(contentsOf: #require(run.lines.first)).config.vision.width == 32)
            let embedding = try await PerceptProcess.run(
                ["embed", "--model", "someone/clip", "--text", "a"], hub, cache)
            #expect(embedding.status == 0, "\(embedding.errors)")
        }
    }
}
