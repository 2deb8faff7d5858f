import Foundation
import PerceptHub
import PerceptHubCache
import Synchronization
import Testing

/// Pulls from a hub on this machine.
@Suite("Hub", .timeLimit(.minutes(2)))
enum HubTests {
    /// Bytes that do not repeat.
    static func bytes(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
        var state = seed
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(state >> 56)
        }
    }

    /// A model of two shards and what belongs to it, beside files that nobody needs here.
    static let model: [String: FakeHub.File] = [
        "config.json": .init(bytes: Array(#"{"a": 1}"#.utf8), isLarge: false),
        "model.safetensors.index.json": .init(bytes: Array(#"{"weight_map": {}}"#.utf8), isLarge: false),
        "model-00001-of-00002.safetensors": .init(bytes: bytes(300_000)),
        "model-00002-of-00002.safetensors": .init(bytes: bytes(200_000, seed: 2)),
        "README.md": .init(bytes: bytes(100), isLarge: false), "onnx/model.onnx": .init(bytes: bytes(1000)),
        "original/consolidated.00.pth": .init(bytes: bytes(5000, seed: 3)),
        "original/params.json": .init(bytes: Array("{}".utf8), isLarge: false),
    ]
    static let first = "model-00001-of-00002.safetensors"
    static let wanted = [
        "config.json", first, "model-00002-of-00002.safetensors", "model.safetensors.index.json",
    ]
}

/// A cache in a directory of its own, and pulls into it.
final class TestCache: Sendable {
    let root = FileManager.default.temporaryDirectory.appending(path: "percept-hub-\(UUID().uuidString)")

    deinit { try? FileManager.default.removeItem(at: root) }

    func settings(_ hub: FakeHub, token: String? = nil) throws -> HubSettings {
        var settings = HubSettings(
            endpoint: try #require(URL(string: hub.endpoint)), token: token, cache: HubCache(root: root))
        settings.firstDelay = .milliseconds(5)
        settings.stallTimeout = .milliseconds(300)
        settings.notes = root.appending(path: ".notes")
        return settings
    }

    @discardableResult
    func pull(
        _ hub: FakeHub, revision: String = "main", original: Bool = false, token: String? = nil,
        present: PresentFiles = .verifiedOnce, usesLinks: Bool = true,
        onEvent: @escaping @Sendable (HubEvent) -> Void = { _ in }
    ) async throws -> HubSnapshot {
        var settings = try settings(hub, token: token)
        settings.usesLinks = usesLinks
        return try await HubPull(
            try HubRepository(hub.id), revision: revision, original: original, present: present, settings: settings,
            onEvent: onEvent
        ).run()
    }

    func folder(_ hub: FakeHub) throws -> URL { root.appending(path: try HubRepository(hub.id).folderName) }

    /// Paths of everything in a directory that is no directory, sorted.
    static func contents(_ folder: URL) -> [String] {
        let files = FileManager.default
        let paths = files.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []
        return paths.filter { path in
            let type =
                try? files.attributesOfItem(atPath: folder.appending(path: path).path)[.type] as? FileAttributeType
            return type != .typeDirectory
        }.sorted()
    }

    /// Nothing may be seen of a pull that failed but what it can go on from.
    func expectNothingVisible(_ hub: FakeHub, _ location: SourceLocation = #_sourceLocation) throws {
        let folder = try folder(hub)
        #expect(Self.contents(folder.appending(path: "snapshots")).isEmpty, sourceLocation: location)
        #expect(Self.contents(folder.appending(path: "refs")).isEmpty, sourceLocation: location)
    }
}
