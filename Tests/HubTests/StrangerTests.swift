import Foundation
import PerceptHub
import Testing

extension HubTests {
    @Suite("Tokens and refusals")
    struct AccessTests {
        @Test("The token goes to the hub and to nobody else")
        func token() async throws {
            let content = try FakeHub(HubTests.model)
            let hub = try FakeHub(HubTests.model)
            let path = "/someone/model/resolve/\(FakeHub.commit)/"
            for name in HubTests.wanted { hub.fail(name, .redirect(content.endpoint + path + name)) }
            try await TestCache().pull(hub, token: "hf_secret")
            #expect(hub.requests.count == 5)
            #expect(hub.requests.allSatisfy { $0.headers["authorization"] == "Bearer hf_secret" })
            #expect(content.requests.count == 4)
            #expect(content.requests.allSatisfy { $0.headers["authorization"] == nil })
        }

        @Test("An address that has run out is asked for anew")
        func expiredAddress() async throws {
            let content = try FakeHub(HubTests.model)
            let hub = try FakeHub(HubTests.model)
            let name = HubTests.first
            for _ in 0..<2 {
                hub.fail(name, .redirect("\(content.endpoint)/someone/model/resolve/\(FakeHub.commit)/\(name)"))
            }
            content.fail(name, .status(403))
            try await TestCache().pull(hub)
            #expect(hub.requests(for: name).count == 2 && content.requests(for: name).count == 2)
        }

        @Test("Without a token no header, and redirects may be relative")
        func anonymous() async throws {
            let hub = try FakeHub(HubTests.model)
            hub.fail(FakeHub.listing, .redirect("/api/models/someone/model/revision/main?blobs=true"))
            hub.fail("config.json", .redirect("config.json"))
            try await TestCache().pull(hub)
            #expect(hub.requests.count == 7)
            #expect(hub.requests.allSatisfy { $0.headers["authorization"] == nil })
        }

        @Test("Redirects in circles and to what is no address")
        func badRedirects() async throws {
            for target in ["", "file:///etc/passwd", "ftp://127.0.0.1/x"] {
                let hub = try FakeHub(HubTests.model)
                hub.fail(HubTests.first, .redirect(target))
                let cache = TestCache()
                let error = await #expect(throws: HubError.self) { try await cache.pull(hub) }
                guard case .badRedirect = error else {
                    Issue.record("\(target): \(String(describing: error))")
                    continue
                }
                try cache.expectNothingVisible(hub)
            }
            let hub = try FakeHub(HubTests.model)
            for _ in 0..<20 { hub.fail("config.json", .redirect("config.json")) }
            await #expect(throws: HubError.self) { try await TestCache().pull(hub) }
            #expect(hub.requests(for: "config.json").count == 8)
        }

        @Test(
            "What the hub refuses",
            arguments: [
                (401, [:], HubError.unauthorized(id: "someone/model", hasToken: false)),
                (
                    401, ["X-Error-Code": "RepoNotFound", "WWW-Authenticate": "Bearer"],
                    .repositoryMissing(id: "someone/model", hasToken: false)
                ),
                (404, [:], .repositoryMissing(id: "someone/model", hasToken: false)),
                (404, ["X-Error-Code": "RevisionNotFound"], .revisionMissing(id: "someone/model", revision: "main")),
                (418, [:], .unexpectedStatus(what: "someone/model", status: 418)),
                (511, [:], .unexpectedStatus(what: "someone/model", status: 511)),
            ] as [(Int, [String: String], HubError)])
        func description(status: Int, headers: [String: String], expected: HubError) async throws {
            let hub = try FakeHub(HubTests.model)
            hub.fail(FakeHub.listing, .status(status, headers))
            let cache = TestCache()
            await #expect(throws: expected) { try await cache.pull(hub) }
            // Nothing is even made.
            #expect(!FileManager.default.fileExists(atPath: cache.root.path))
        }

        @Test("A gated model says where its licence is", arguments: [401, 403])
        func gated(status: Int) async throws {
            let hub = try FakeHub(HubTests.model)
            hub.fail(HubTests.first, .status(status, ["X-Error-Code": "GatedRepo"]))
            let cache = TestCache()
            let page = "\(hub.endpoint)/someone/model"
            await #expect(throws: HubError.gated(id: hub.id, page: page, hasToken: false)) { try await cache.pull(hub) }
            try cache.expectNothingVisible(hub)
        }

        @Test("A file that is listed but not there")
        func missingFile() async throws {
            let hub = try FakeHub(HubTests.model)
            hub.fail("config.json", .status(404))
            let cache = TestCache()
            await #expect(throws: HubError.fileMissing(id: hub.id, file: "config.json")) { try await cache.pull(hub) }
            try cache.expectNothingVisible(hub)
        }

        @Test("Settings from the environment")
        func settings() throws {
            let folder = TestCache()
            try FileManager.default.createDirectory(at: folder.root, withIntermediateDirectories: true)
            try Data(" hf_file\n".utf8).write(to: folder.root.appending(path: "token"))
            let home = ["HF_HOME": folder.root.path]
            #expect(try HubSettings(environment: home).token == "hf_file")
            #expect(try HubSettings(environment: home.merging(["HF_TOKEN": "hf_a "]) { $1 }).token == "hf_a")
            #expect(
                try HubSettings(environment: home.merging(["HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"]) { $1 }).token == nil)
            #expect(try HubSettings(environment: home).endpoint.absoluteString == "https://huggingface.co")
            let mirror = try HubSettings(environment: [
                "HF_ENDPOINT": "http://mirror:80/hf/", "HF_HUB_DOWNLOAD_TIMEOUT": "7",
            ])
            #expect(mirror.endpoint.absoluteString == "http://mirror:80/hf")
            #expect(mirror.stallTimeout == .seconds(7))
            for wrong in [
                ["HF_ENDPOINT": "ftp://x"], ["HF_ENDPOINT": "nonsense"], ["HF_TOKEN": "a\r\nX: y"],
                ["HF_HUB_DOWNLOAD_TIMEOUT": "-1"],
            ] {
                #expect(throws: HubError.self, "\(wrong)") { try HubSettings(environment: wrong) }
            }
        }
    }

    @Suite("Hostile hubs")
    struct HostileHubTests {
        /// Pulls from a hub that describes its repository so.
        private func pull(_ description: String) async throws -> (error: HubError?, cache: TestCache) {
            let hub = try FakeHub(HubTests.model)
            hub.fail(FakeHub.listing, .answer(Array(description.utf8)))
            let cache = TestCache()
            let error = await #expect(throws: HubError.self) { try await cache.pull(hub) }
            return (error, cache)
        }

        @Test(
            "Names that lead elsewhere",
            arguments: [
                #"../model.safetensors"#, #"/model.safetensors"#, #"a/../../model.safetensors"#,
                #"a//model.safetensors"#,
                "../\u{301}model.safetensors", #"./model.safetensors"#, #"model\u0000.safetensors"#,
                #"..\\model.safetensors"#, #"a\nb"#, #""#,
            ])
        func traversal(name: String) async throws {
            let (error, cache) = try await pull(
                """
                {"sha": "\(FakeHub.commit)", "siblings": [{"rfilename": "model.safetensors", "size": 1, "blobId": \
                "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"}, {"rfilename": "\(name)"}]}
                """)
            guard case .unsafeName = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(!FileManager.default.fileExists(atPath: cache.root.path))
        }

        @Test(
            "Descriptions that are none",
            arguments: [
                "", "{", "[]", #"{"sha": "main", "siblings": []}"#,
                #"{"sha": "../../../../0123456789012345678901234567890123456789", "siblings": []}"#,
                #"{"sha": "0123456789abcdef0123456789abcdef01234567"}"#,
                #"{"sha": "0123456789abcdef0123456789abcdef01234567", "siblings": [{}]}"#,
                #"""
                {"sha": "0123456789abcdef0123456789abcdef01234567", "siblings": [{"rfilename": "model.safetensors",
                "size": -1, "blobId": "a"}]}
                """#,
                #"""
                {"sha": "0123456789abcdef0123456789abcdef01234567", "siblings": [{"rfilename": "model.safetensors",
                "size": 1, "lfs": {"sha256": "../../x", "size": 1}}]}
                """#,
            ])
        func malformed(description: String) async throws {
            let (error, cache) = try await pull(description)
            guard case .malformed = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(!FileManager.default.fileExists(atPath: cache.root.path))
        }

        @Test("A description without an end")
        func gigantic() async throws {
            let hub = try FakeHub(HubTests.model)
            hub.fail(FakeHub.listing, .answer([UInt8](repeating: UInt8(ascii: " "), count: 40 << 20)))
            let error = await #expect(throws: HubError.self) { try await TestCache().pull(hub) }
            guard case .malformed(_, let reason) = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(reason.contains("more than"))
        }

        @Test("No tag, or one that is a path", arguments: ["", "../../x", "a/b", ".hidden"])
        func tags(tag: String) async throws {
            let hub = try FakeHub(["model.safetensors": .init(bytes: [1, 2, 3])])
            hub.hideHashes()
            hub.fail("model.safetensors", .answer([1, 2, 3], tag.isEmpty ? [:] : ["ETag": "\"\(tag)\""]))
            let cache = TestCache()
            let error = await #expect(throws: HubError.self) { try await cache.pull(hub) }
            guard case .malformed("model.safetensors", _) = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            try cache.expectNothingVisible(hub)
        }
    }
}
