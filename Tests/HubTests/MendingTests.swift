import Foundation
import PerceptHub
import PerceptHubCache
import Synchronization
import Testing

extension HubTests {
    @Suite("Damage in the cache")
    struct MendingTests {
        private let names = [HubTests.first, "config.json"]

        /// Changes a byte in the middle, in place.
        private func spoil(_ file: URL) throws {
            let handle = try FileHandle(forUpdating: file.resolvingSymlinksInPath())
            defer { try? handle.close() }
            try handle.seek(toOffset: UInt64(try handle.seekToEnd() / 2))
            let byte = try #require(try handle.read(upToCount: 1)?.first)
            try handle.seek(toOffset: try handle.offset() - 1)
            try handle.write(contentsOf: [byte ^ 1])
        }

        private func expectSound(_ snapshot: HubSnapshot, _ location: SourceLocation = #_sourceLocation) throws {
            for file in snapshot.files {
                let bytes = try Data(contentsOf: snapshot.folder.appending(path: file.name))
                #expect(bytes == HubTests.model[file.name].map { Data($0.bytes) }, sourceLocation: location)
            }
        }

        @Test("A file of the right size and wrong contents is named and fetched anew", arguments: [true, false])
        func spoiled(usesLinks: Bool) async throws {
            let hub = try FakeHub(HubTests.model)
            let cache = TestCache()
            let snapshot = try await cache.pull(hub, usesLinks: usesLinks)
            let before = TestCache.contents(try cache.folder(hub))
            for name in names { try spoil(snapshot.folder.appending(path: name)) }
            hub.forgetRequests()
            let damaged = Mutex(Set<String>())
            let again = try await cache.pull(hub, usesLinks: usesLinks) { event in
                if case .damaged(let file) = event { damaged.withLock { _ = $0.insert(file) } }
            }
            #expect(damaged.withLock { $0 } == Set(names))
            #expect(Set(again.files.filter { $0.transferred > 0 }.map(\.name)) == Set(names))
            #expect(hub.requests.count == 3)
            try expectSound(again)
            #expect(TestCache.contents(try cache.folder(hub)) == before)
        }

        @Test("A blob of two revisions is mended for both")
        func shared() async throws {
            let hub = try FakeHub(HubTests.model)
            let cache = TestCache()
            let one = try await cache.pull(hub)
            // The next commit has another configuration and the same weights.
            let next = one.folder.deletingLastPathComponent().appending(path: String(repeating: "f", count: 40))
            try FileManager.default.createDirectory(at: next, withIntermediateDirectories: true)
            let target = try FileManager.default.destinationOfSymbolicLink(
                atPath: one.folder.appending(path: HubTests.first).path)
            let other = next.appending(path: HubTests.first)
            try FileManager.default.createSymbolicLink(atPath: other.path, withDestinationPath: target)
            try spoil(other)
            try expectSound(try await cache.pull(hub))
            #expect(try Data(contentsOf: other) == HubTests.model[HubTests.first].map { Data($0.bytes) })
        }

        @Test("A blob that is a link to the store of all repositories is mended there")
        func store() async throws {
            let hub = try FakeHub(HubTests.model)
            let cache = TestCache()
            let snapshot = try await cache.pull(hub)
            let tag = try #require(HubTests.model[HubTests.first].map(FakeHub.tag))
            let blob = try cache.folder(hub).appending(path: "blobs/\(tag)")
            let store = cache.root.appending(path: "blobs/aa")
            try FileManager.default.createDirectory(at: store, withIntermediateDirectories: true)
            let file = store.appending(path: "payload")
            try FileManager.default.moveItem(at: blob, to: file)
            try FileManager.default.createSymbolicLink(
                atPath: blob.path, withDestinationPath: "../../blobs/aa/payload")
            try spoil(file)
            try expectSound(try await cache.pull(hub))
            let target = try FileManager.default.destinationOfSymbolicLink(atPath: blob.path)
            #expect(target == "../../blobs/aa/payload")
            #expect(try Data(contentsOf: file) == HubTests.model[HubTests.first].map { Data($0.bytes) })
            try expectSound(snapshot)
        }

        @Test("What is verified is not read again unless asked for")
        func notes() async throws {
            let hub = try FakeHub(HubTests.model)
            let cache = TestCache()
            try await cache.pull(hub)
            func hashed(_ present: PresentFiles) async throws -> Int {
                let total = Mutex(0)
                try await cache.pull(hub, present: present) { event in
                    if case .verifying(_, let all) = event { total.withLock { $0 = all } }
                }
                return total.withLock { $0 }
            }
            let all = HubTests.wanted.reduce(0) { $0 + (HubTests.model[$1]?.bytes.count ?? 0) }
            #expect(try await hashed(.verifiedOnce) == 0)
            #expect(try await hashed(.verified) == all)
            // Without the notes, once more and then no longer; and notes of any bytes do no harm.
            let file = cache.root.appending(path: ".notes/verified/models--someone--model")
            for text in [Data(), Data([0xFF, 0x0A, 0x20]), Data("0 0 0 0 0\nx".utf8)] {
                try text.write(to: file)
                #expect(try await hashed(.verifiedOnce) == all)
                #expect(try await hashed(.verifiedOnce) == 0)
            }
        }

        @Test("A pull that fails notes what it has got")
        func failed() async throws {
            let hub = try FakeHub(HubTests.model)
            hub.fail("config.json", .status(404))
            let cache = TestCache()
            var settings = try cache.settings(hub)
            // The large ones come first.
            settings.parallelFiles = 1
            let pull = try HubPull(try HubRepository(hub.id), settings: settings)
            await #expect(throws: HubError.fileMissing(id: hub.id, file: "config.json")) { try await pull.run() }
            let notes = cache.root.appending(path: ".notes/verified/models--someone--model")
            let text = try String(contentsOf: notes, encoding: .utf8)
            #expect(text.contains(try #require(HubTests.model[HubTests.first].map(FakeHub.tag))))
        }

        @Test("Forced, all comes anew")
        func force() async throws {
            let hub = try FakeHub(HubTests.model)
            let cache = TestCache()
            try await cache.pull(hub)
            let again = try await cache.pull(hub, present: .replaced)
            #expect(again.files.allSatisfy { $0.transferred == $0.bytes })
            try expectSound(again)
        }

        @Test("A link to another blob, one to nothing, and a file in the place of a link")
        func entries() async throws {
            let hub = try FakeHub(HubTests.model)
            let cache = TestCache()
            let snapshot = try await cache.pull(hub)
            let files = FileManager.default
            let config = snapshot.folder.appending(path: "config.json")
            let first = snapshot.folder.appending(path: HubTests.first)
            try files.removeItem(at: config)
            try files.createSymbolicLink(atPath: config.path, withDestinationPath: "../../blobs/nothing")
            try files.removeItem(at: first)
            try Data(repeating: 1, count: 300_000).write(to: first)
            let again = try await cache.pull(hub)
            // The blobs are still there.
            #expect(again.files.allSatisfy { $0.transferred == 0 })
            try expectSound(again)
        }

        @Test("Without the network what is there serves, if it is all there and sound")
        func offline() async throws {
            let hub = try FakeHub(HubTests.model)
            let cache = TestCache()
            var settings = try cache.settings(hub)
            settings.offlineVariable = "HF_HUB_OFFLINE"
            let pull = try HubPull(try HubRepository(hub.id), settings: settings)
            await #expect(throws: HubError.offline(variable: "HF_HUB_OFFLINE")) { try await pull.run() }
            let snapshot = try await cache.pull(hub)
            hub.forgetRequests()
            let local = try await pull.run()
            #expect(local.files.map(\.name) == snapshot.files.map(\.name) && local.commit == snapshot.commit)
            #expect(hub.requests.isEmpty)
            try spoil(snapshot.folder.appending(path: HubTests.first))
            await #expect(throws: HubError.offline(variable: "HF_HUB_OFFLINE")) { try await pull.run() }
            try FileManager.default.removeItem(at: snapshot.folder.appending(path: HubTests.first))
            await #expect(throws: HubError.offline(variable: "HF_HUB_OFFLINE")) { try await pull.run() }
        }
    }

    @Suite("A cache without symbolic links")
    struct LinklessTests {
        @Test("Files are in the snapshot, and later revisions take from it what they have")
        func files() async throws {
            let hub = try FakeHub(HubTests.model)
            let cache = TestCache()
            let snapshot = try await cache.pull(hub, usesLinks: false)
            #expect(TestCache.contents(try cache.folder(hub).appending(path: "blobs")).isEmpty)
            for name in HubTests.wanted {
                let file = snapshot.folder.appending(path: name)
                #expect((try? FileManager.default.destinationOfSymbolicLink(atPath: file.path)) == nil)
                #expect(try Data(contentsOf: file) == HubTests.model[name].map { Data($0.bytes) })
            }
            // Known under another commit.
            let other = snapshot.folder.deletingLastPathComponent().appending(path: String(repeating: "e", count: 40))
            try FileManager.default.moveItem(at: snapshot.folder, to: other)
            let again = try await cache.pull(hub, usesLinks: false)
            #expect(again.files.allSatisfy { $0.transferred == 0 })
            // A client that has links again leaves it as it is.
            let third = try await cache.pull(hub)
            #expect(third.files.allSatisfy { $0.transferred == 0 })
        }

        @Test("Two files of the same contents both get there")
        func twins() async throws {
            let twin = FakeHub.File(bytes: HubTests.bytes(1000))
            let hub = try FakeHub(["a.safetensors": twin, "b.safetensors": twin])
            let cache = TestCache()
            let snapshot = try await cache.pull(hub, usesLinks: false)
            for name in ["a.safetensors", "b.safetensors"] {
                #expect(try Data(contentsOf: snapshot.folder.appending(path: name)) == Data(twin.bytes))
            }
        }

        @Test("A path that is too long is refused before anything is fetched")
        func longPath() async throws {
            let hub = try FakeHub(HubTests.model)
            let cache = TestCache()
            defer { withExtendedLifetime(cache) {} }
            var settings = try cache.settings(hub)
            var root = settings.cache.root
            while root.path.utf8.count < 3950 {
                root.append(path: String(repeating: "d", count: min(200, 3950 - root.path.utf8.count)))
            }
            settings.cache = HubCache(root: root)
            let pull = try HubPull(try HubRepository(hub.id), settings: settings)
            let error = await #expect(throws: HubError.self) { try await pull.run() }
            guard case .unwritable(_, let reason, false) = error, reason.contains("too long") else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(hub.bytesSent == 0)
        }
    }
}
