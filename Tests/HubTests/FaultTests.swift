import Foundation
import PerceptHub
import PerceptHubCache
import Synchronization
import Testing

extension HubTests {
    @Suite("Faults on the way")
    struct FaultTests {
        private let first = HubTests.first
        private let size = 300_000

        /// Pulls after `faults` on the first shard and expects everything to be right in the end.
        private func expectRecovery(
            _ faults: FakeHub.Fault..., offsets: [Int?], retries: Int, _ location: SourceLocation = #_sourceLocation
        ) async throws {
            let hub = try FakeHub(HubTests.model)
            for fault in faults { hub.fail(first, fault) }
            let cache = TestCache()
            let count = Mutex(0)
            let snapshot = try await cache.pull(hub) { event in
                if case .retry = event { count.withLock { $0 += 1 } }
            }
            #expect(hub.requests(for: first).map(\.offset) == offsets, sourceLocation: location)
            #expect(count.withLock { $0 } == retries, sourceLocation: location)
            let bytes = try Data(contentsOf: snapshot.folder.appending(path: first))
            #expect(bytes == HubTests.model[first].map { Data($0.bytes) }, sourceLocation: location)
        }

        @Test("A cut connection is taken up where it broke")
        func cut() async throws {
            try await expectRecovery(
                .cut(after: 100_000), .cut(after: 50_000), offsets: [nil, 100_000, 150_000], retries: 2)
        }

        @Test("An early end without a length too")
        func cutUnsized() async throws {
            try await expectRecovery(.cutUnsized(after: 1000), offsets: [nil, 1000], retries: 1)
        }

        @Test("A transfer that stands still is begun anew from there")
        func stall() async throws {
            try await expectRecovery(.stall(after: 70_000), offsets: [nil, 70_000], retries: 1)
        }

        @Test("503, and 429 with the wait it asks for")
        func busy() async throws {
            let start = ContinuousClock.now
            try await expectRecovery(
                .status(503), .status(429, ["Retry-After": "1"]), offsets: [nil, nil, nil], retries: 2)
            #expect(start.duration(to: .now) >= .seconds(1))
        }

        @Test("A server that does not know ranges sends all, and all is taken")
        func ignoredRange() async throws {
            try await expectRecovery(.cut(after: 100_000), .ignoreRange, offsets: [nil, 100_000], retries: 1)
        }

        @Test("The description, too, is asked for again")
        func listing() async throws {
            let hub = try FakeHub(HubTests.model)
            hub.fail(FakeHub.listing, .status(502), .cut(after: 40), .stall(after: 10))
            try await TestCache().pull(hub)
            #expect(hub.requests.count == 4 + 4)
        }

        @Test("What an earlier pull left is not fetched again")
        func resume() async throws {
            let hub = try FakeHub(HubTests.model)
            let file = try #require(HubTests.model[first])
            let cache = TestCache()
            let blobs = try cache.folder(hub).appending(path: "blobs")
            try FileManager.default.createDirectory(at: blobs, withIntermediateDirectories: true)
            let partial = blobs.appending(path: FakeHub.tag(file) + ".incomplete")
            try Data(file.bytes.prefix(123_456)).write(to: partial)
            let events = Mutex([HubEvent]())
            let snapshot = try await cache.pull(hub) { event in events.withLock { $0.append(event) } }
            #expect(hub.requests(for: first).map(\.offset) == [123_456])
            #expect(snapshot.files.first { $0.name == first }?.transferred == size - 123_456)
            #expect(!FileManager.default.fileExists(atPath: partial.path))
            guard case .progress(let done, let total) = events.withLock({ $0.last }) else {
                Issue.record("no progress")
                return
            }
            #expect(done == total && total == snapshot.files.reduce(0) { $0 + $1.bytes })
        }

        @Test("A damaged rest, a rest of all bytes and one of too many", arguments: [50_000, 300_000, 300_001])
        func damagedRest(count: Int) async throws {
            let hub = try FakeHub(HubTests.model)
            let file = try #require(HubTests.model[first])
            let cache = TestCache()
            let blobs = try cache.folder(hub).appending(path: "blobs")
            try FileManager.default.createDirectory(at: blobs, withIntermediateDirectories: true)
            try Data(repeating: 7, count: count).write(to: blobs.appending(path: FakeHub.tag(file) + ".incomplete"))
            let snapshot = try await cache.pull(hub)
            #expect(hub.requests(for: first).map(\.offset) == (count == 50_000 ? [50_000, nil] : [nil]))
            #expect(try Data(contentsOf: snapshot.folder.appending(path: first)) == Data(file.bytes))
        }

        @Test("A wrong hash names the file and leaves nothing of it", arguments: [true, false])
        func wrongHash(isLarge: Bool) async throws {
            let hub = try FakeHub(HubTests.model)
            let name = isLarge ? first : "config.json"
            hub.fail(name, .corrupt)
            let cache = TestCache()
            let error = await #expect(throws: HubError.self) { try await cache.pull(hub) }
            guard case .wrongHash(name, let expected, let found) = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(expected == HubTests.model[name].map(FakeHub.tag) && found != expected)
            let blobs = TestCache.contents(try cache.folder(hub).appending(path: "blobs"))
            #expect(!blobs.contains { $0.hasPrefix(expected) })
            try cache.expectNothingVisible(hub)
            // And the next pull is none the worse for it.
            try await cache.pull(hub)
        }

        @Test("Another length than announced", arguments: [299_999, 300_001, 0])
        func wrongLength(length: Int) async throws {
            let hub = try FakeHub(HubTests.model)
            hub.fail(first, .length(length))
            let cache = TestCache()
            await #expect(throws: HubError.wrongSize(file: first, expected: size, found: length)) {
                try await cache.pull(hub)
            }
            try cache.expectNothingVisible(hub)
        }

        @Test(
            "A page or a pointer in the place of a file is named, and not kept",
            arguments: [
                ("<!DOCTYPE html><title>Log in</title>", ForeignContent.webPage),
                ("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 300000\n", .lfsPointer),
            ])
        func foreign(text: String, content: ForeignContent) async throws {
            for length in [text.utf8.count, size] {
                let hub = try FakeHub(HubTests.model)
                let body = Array(text.utf8) + [UInt8](repeating: 0x20, count: length - text.utf8.count)
                hub.fail(first, .answer(body, [:]))
                let cache = TestCache()
                await #expect(throws: HubError.foreign(what: first, content: content)) { try await cache.pull(hub) }
                try cache.expectNothingVisible(hub)
                let tag = try #require(HubTests.model[first].map(FakeHub.tag))
                let blobs = TestCache.contents(try cache.folder(hub).appending(path: "blobs"))
                #expect(!blobs.contains { $0.hasPrefix(tag) })
            }
            // The hub itself knows no better.
            let hub = try FakeHub(["model.safetensors": .init(bytes: Array(text.utf8), isLarge: false)])
            await #expect(throws: HubError.foreign(what: "model.safetensors", content: content)) {
                try await TestCache().pull(hub)
            }
        }

        @Test("An endless body without a length is broken off")
        func tooLong() async throws {
            let hub = try FakeHub(["model.safetensors": .init(bytes: HubTests.bytes(1000))])
            let other = try FakeHub(["model.safetensors": .init(bytes: HubTests.bytes(5_000_000))])
            other.fail("model.safetensors", .cutUnsized(after: 5_000_000))
            let path = "/someone/model/resolve/\(FakeHub.commit)/model.safetensors"
            hub.fail("model.safetensors", .redirect(other.endpoint + path))
            let cache = TestCache()
            let error = await #expect(throws: HubError.self) { try await cache.pull(hub) }
            guard case .wrongSize("model.safetensors", 1000, _) = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(TestCache.contents(try cache.folder(hub)).isEmpty)
        }

        @Test("A commit that is not the one asked for")
        func otherCommit() async throws {
            let hub = try FakeHub(HubTests.model)
            hub.fail(first, .answer(HubTests.bytes(size), ["X-Repo-Commit": "f"]))
            let cache = TestCache()
            let error = await #expect(throws: HubError.self) { try await cache.pull(hub) }
            guard case .malformed(first, _) = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            try cache.expectNothingVisible(hub)
        }

        @Test("Faults that do not end are reported, and what was got is kept")
        func giveUp() async throws {
            let hub = try FakeHub(HubTests.model)
            hub.fail(first, .cut(after: 1000))
            for _ in 0..<6 { hub.fail(first, .cut(after: 0)) }
            let cache = TestCache()
            let error = await #expect(throws: HubError.self) { try await cache.pull(hub) }
            guard case .interrupted(first, _, 1000) = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            try cache.expectNothingVisible(hub)
            try await cache.pull(hub)
            #expect(hub.requests(for: first).last?.offset == 1000)
        }

        @Test("A wait that is too long is an error that says so")
        func longWait() async throws {
            let hub = try FakeHub(HubTests.model)
            hub.fail(FakeHub.listing, .status(429, ["Retry-After": "3600"]))
            await #expect(throws: HubError.busy(what: hub.id, status: 429, wait: 3600)) {
                try await TestCache().pull(hub)
            }
        }

        @Test("A full disk keeps what there is")
        func noSpace() async throws {
            let hub = try FakeHub(HubTests.model)
            let file = try #require(HubTests.model[first])
            let cache = TestCache()
            let blobs = try cache.folder(hub).appending(path: "blobs")
            try FileManager.default.createDirectory(at: blobs, withIntermediateDirectories: true)
            // Writing there fails as on a full disk.
            let partial = blobs.appending(path: FakeHub.tag(file) + ".incomplete").path
            try FileManager.default.createSymbolicLink(atPath: partial, withDestinationPath: "/dev/full")
            await #expect(throws: HubError.noSpace(path: partial, needed: nil, free: nil)) { try await cache.pull(hub) }
            try cache.expectNothingVisible(hub)
        }

        @Test("More than the disk holds is refused before anything is fetched")
        func tooLarge() async throws {
            let hub = try FakeHub(HubTests.model)
            let text = """
                {"sha": "\(FakeHub.commit)", "siblings": [{"rfilename": "model.safetensors", "size": \(1 << 60), \
                "lfs": {"sha256": "\(String(repeating: "0", count: 64))", "size": \(1 << 60)}}]}
                """
            hub.fail(FakeHub.listing, .answer(Array(text.utf8)))
            let error = await #expect(throws: HubError.self) { try await TestCache().pull(hub) }
            guard case .noSpace(_, .some(1 << 60), .some) = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(hub.bytesSent == 0)
        }

        @Test("Cancelling ends a transfer at once, and leaves what can be gone on from")
        func cancel() async throws {
            let hub = try FakeHub(HubTests.model)
            for _ in 0..<3 { hub.fail(first, .late(10)) }
            let cache = TestCache()
            let start = ContinuousClock.now
            let pull = Task { try await cache.pull(hub) }
            try await Task.sleep(for: .milliseconds(100))
            pull.cancel()
            await #expect(throws: CancellationError.self) { try await pull.value }
            #expect(start.duration(to: .now) < .seconds(5))
            try cache.expectNothingVisible(hub)
        }

        @Test("Nobody listening")
        func unreachable() async throws {
            let cache = TestCache()
            var settings = HubSettings(
                endpoint: try #require(URL(string: "http://127.0.0.1:1")), token: nil, cache: HubCache(root: cache.root)
            )
            settings.firstDelay = .milliseconds(1)
            let pull = try HubPull(try HubRepository("someone/model"), settings: settings)
            let error = await #expect(throws: HubError.self) { try await pull.run() }
            guard case .unreachable("127.0.0.1", _) = error else {
                Issue.record("\(String(describing: error))")
                return
            }
        }

        @Test("Two pulls at once transfer every byte once")
        func concurrent() async throws {
            let hub = try FakeHub(HubTests.model)
            for name in HubTests.wanted { hub.fail(name, .late(0.2)) }
            let cache = TestCache()
            let waits = Mutex(Set<String>())
            async let one = cache.pull(hub)
            async let two = cache.pull(hub) { event in
                if case .waiting(let file) = event { waits.withLock { _ = $0.insert(file) } }
            }
            let transferred = try await [one, two].map { $0.files.reduce(0) { $0 + $1.transferred } }
            #expect(
                transferred.reduce(0, +) == HubTests.wanted.reduce(0) { $0 + (HubTests.model[$1]?.bytes.count ?? 0) })
            #expect(hub.bytesSent == transferred.reduce(0, +))
            let blobs = TestCache.contents(try cache.folder(hub).appending(path: "blobs"))
            #expect(blobs.count == 4 && !blobs.contains { $0.hasSuffix(".incomplete") })
        }
    }
}
