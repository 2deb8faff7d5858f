import Foundation
import PerceptHub
import PerceptHubCache
import Testing

extension HubTests {
    @Suite("Layout of the cache")
    struct LayoutTests {
        @Test("Blobs by hash, links to them, and the commit under refs")
        func layout() async throws {
            let hub = try FakeHub(HubTests.model)
            let cache = TestCache()
            let snapshot = try await cache.pull(hub)
            #expect(snapshot.commit == FakeHub.commit)
            #expect(snapshot.files.map(\.name) == HubTests.wanted)
            #expect(snapshot.files.allSatisfy { $0.transferred == $0.bytes })
            let folder = try cache.folder(hub)
            #expect(folder.lastPathComponent == "models--someone--model")
            #expect(try String(contentsOf: folder.appending(path: "refs/main"), encoding: .utf8) == FakeHub.commit)
            for name in HubTests.wanted {
                let file = try #require(HubTests.model[name])
                let link = folder.appending(path: "snapshots/\(FakeHub.commit)/\(name)")
                let target = try FileManager.default.destinationOfSymbolicLink(atPath: link.path)
                #expect(target == "../../blobs/\(FakeHub.tag(file))")
                #expect(try Data(contentsOf: link) == Data(file.bytes))
            }
            #expect(TestCache.contents(folder.appending(path: "blobs")).count == 4)
            #expect(TestCache.contents(folder.appending(path: "snapshots")).count == 4)
            let locks = cache.root.appending(path: ".locks/models--someone--model")
            #expect(TestCache.contents(locks).allSatisfy { $0.hasSuffix(".lock") })
            #expect(HubCache(root: cache.root).snapshot(of: snapshot.repository) == snapshot.folder)
        }

        @Test("The second time only the description is asked for")
        func twice() async throws {
            let hub = try FakeHub(HubTests.model)
            let cache = TestCache()
            try await cache.pull(hub)
            hub.forgetRequests()
            let again = try await cache.pull(hub)
            #expect(hub.requests.map(\.path) == ["/api/models/someone/model/revision/main?blobs=true"])
            #expect(again.files.map(\.name) == HubTests.wanted)
            #expect(again.files.allSatisfy { $0.transferred == 0 })
        }

        @Test("A hub that tells sizes and hashes only with each file", arguments: [false, true])
        func hiddenHashes(redirects: Bool) async throws {
            let hub = try FakeHub(["model.safetensors": .init(bytes: HubTests.bytes(1000))])
            hub.hideHashes()
            let tag = String(repeating: "a", count: 32)
            if redirects {
                hub.fail(
                    "model.safetensors",
                    .status(
                        302,
                        ["Location": "http://127.0.0.1:1/x", "X-Linked-Etag": "\"\(tag)\"", "X-Linked-Size": "1000"]))
            } else {
                hub.fail("model.safetensors", .answer(HubTests.bytes(1000), ["ETag": "W/\"\(tag)\""]))
            }
            let cache = TestCache()
            try await cache.pull(hub)
            #expect(hub.requests.map(\.method) == ["GET", "HEAD", "GET"])
            #expect(TestCache.contents(try cache.folder(hub).appending(path: "blobs")) == [tag])
            // The file without a hash in its name is known by its size alone.
            hub.forgetRequests()
            try await cache.pull(hub)
            #expect(hub.requests.count == 1)
        }

        @Test("Other revisions have their own entry, a commit none, and escaped slashes")
        func revisions() async throws {
            let hub = try FakeHub(HubTests.model)
            let cache = TestCache()
            try await cache.pull(hub, revision: "refs/pr/1")
            #expect(hub.requests.first?.path.contains("/revision/refs%2Fpr%2F1?") == true)
            try await cache.pull(hub, revision: FakeHub.commit)
            let references = TestCache.contents(try cache.folder(hub).appending(path: "refs"))
            #expect(references == ["refs/pr/1"])
            #expect(hub.bytesSent == HubTests.wanted.reduce(0) { $0 + (HubTests.model[$1]?.bytes.count ?? 0) })
        }

        @Test("--original takes that directory")
        func original() async throws {
            let hub = try FakeHub(HubTests.model)
            let cache = TestCache()
            let snapshot = try await cache.pull(hub, original: true)
            #expect(snapshot.files.map(\.name) == ["original/consolidated.00.pth", "original/params.json"])
            let link = snapshot.folder.appending(path: "original/params.json")
            #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link.path).hasPrefix("../../../blobs/"))
            #expect(try Data(contentsOf: link) == Data("{}".utf8))
        }

        @Test("Hashes are the published ones")
        func hashes() throws {
            // "abc" in FIPS 180; git's empty blob.
            let sha = FakeHub.tag(.init(bytes: Array("abc".utf8)))
            #expect(sha == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
            let blob = FakeHub.tag(.init(bytes: [], isLarge: false))
            #expect(blob == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391")
        }

        @Test("A hash does not depend on the pieces that its bytes come in")
        func hashesOfPieces() throws {
            let bytes = HubTests.bytes(1000)
            for kind in [ContentHash.sha256(""), .gitBlob("")] {
                for length in [0, 1, 63, 64, 65, 127, 128, 1000] {
                    let hashes = try [1, 7, 64, 65, 1000].map { piece in
                        let hash = try #require(RunningHash(kind, size: length))
                        for start in stride(from: 0, to: length, by: piece) {
                            bytes[start..<min(start + piece, length)].withUnsafeBytes(hash.update)
                        }
                        return hash.finish()
                    }
                    #expect(Set(hashes).count == 1, "\(length) bytes: \(hashes)")
                }
            }
        }

        @Test("The cache is where huggingface_hub has it")
        func places() {
            func root(_ environment: [String: String]) -> String { HubCache(environment: environment).root.path }
            let home = FileManager.default.homeDirectoryForCurrentUser.path
            #expect(root([:]) == "\(home)/.cache/huggingface/hub")
            #expect(root(["XDG_CACHE_HOME": "/x"]) == "/x/huggingface/hub")
            #expect(root(["HF_HOME": "/h", "XDG_CACHE_HOME": "/x"]) == "/h/hub")
            #expect(root(["HF_HOME": "~/h"]) == "\(home)/h/hub")
            #expect(root(["HUGGINGFACE_HUB_CACHE": "/c", "HF_HOME": "/h"]) == "/c")
            #expect(root(["HF_HUB_CACHE": "/d", "HUGGINGFACE_HUB_CACHE": "/c"]) == "/d")
        }

        @Test("Names that are nearly right")
        func nearNames() {
            let names = ["PE-Core-B16-224", "PE-Core-L14-336", "PE-Spatial-B16-512", "PLM-1B"]
            #expect(NearNames.of("pe-core-b16-225", in: names).first == "PE-Core-B16-224")
            #expect(NearNames.of("PLM1B", in: names) == ["PLM-1B"])
            #expect(NearNames.of("resnet50", in: names).isEmpty)
        }

        @Test(
            "Ids that are none",
            arguments: [
                "", "/", "a/", "/a", "a/b/c", "../a", "a/..", "a\0/b", "a/b?c", "a/b#c", "a/ b", "ä/b", "a--b/c",
            ])
        func ids(id: String) {
            #expect(throws: InvalidRepositoryName.self) { try HubRepository(id) }
        }
    }

    @Suite("Which files")
    struct SelectionTests {
        @Test(
            "Of weights that are there twice, one",
            arguments: [
                (["model.safetensors", "pytorch_model.bin", "config.json"], ["config.json", "model.safetensors"]),
                (["PE.pt", "model.safetensors", "config.json", "PE.json"], ["PE.json", "PE.pt", "config.json"]),
                (
                    ["open_clip_model.safetensors", "open_clip_pytorch_model.bin", "open_clip_config.json"],
                    ["open_clip_config.json", "open_clip_model.safetensors"]
                ),
                (
                    ["pytorch_model.bin", "tokenizer.json", "flax_model.msgpack"],
                    ["pytorch_model.bin", "tokenizer.json"]
                ),
                (
                    ["tower.safetensors", "merges.txt", "chat_template.jinja"],
                    ["chat_template.jinja", "merges.txt", "tower.safetensors"]
                ),
            ])
        func selection(there: [String], taken: [String]) async throws {
            let files = there.map { ($0, FakeHub.File(bytes: HubTests.bytes(10))) }
            let hub = try FakeHub(Dictionary(uniqueKeysWithValues: files), id: "someone/PE")
            #expect(try await TestCache().pull(hub).files.map(\.name) == taken)
        }

        @Test("A repository without weights says what it has")
        func none() async throws {
            let hub = try FakeHub(["README.md": .init(bytes: [1]), "a/model.safetensors": .init(bytes: [1])])
            let cache = TestCache()
            await #expect(throws: HubError.noWeights(id: hub.id, files: ["README.md", "a/model.safetensors"])) {
                try await cache.pull(hub)
            }
        }
    }
}
