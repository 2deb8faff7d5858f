import Foundation
import Percept
import PerceptEngine
import Synchronization
import TestSupport
import Testing

/// Pictures and videos that stream through an encoder.
@Suite("Streams of files", .serialized)
struct EncodingStreamTests {
    private func encoder() async throws -> PerceptionEncoder {
        try await PerceptionEncoder(.path(TestModel.clip.path), on: TestModel.gpu())
    }

    private func collect<Output>(_ stream: EncodingStream<Output>) async throws -> [EncodingResult<Output>] {
        var results: [EncodingResult<Output>] = []
        for try await result in stream { results.append(result) }
        return results
    }

    /// Whatever the encoder does beside them, since their batches are their own.
    @Test("Results come in order, the same each time, with damaged inputs in their places")
    func order() async throws {
        let encoder = try await encoder()
        let pictures = try (0..<37).map { try Image.waves(20 + 5 * $0, 90 - 2 * $0, seed: $0) }
        let inputs = pictures.enumerated().map { index, picture in
            EncodingInput(name: "picture \(index)") { () throws(PerceptError) in
                usleep(UInt32.random(in: 0..<3000))
                if index % 9 == 4 { return try Image(data: Data([1, 2, 3]), name: "picture \(index)") }
                return picture
            }
        }
        let first = try await collect(encoder.embed(inputs))
        async let others = withThrowingTaskGroup(of: Void.self) { group in
            for picture in pictures { group.addTask { _ = try await encoder.embed([picture]) } }
            try await group.waitForAll()
        }
        let second = try await collect(encoder.embed(inputs))
        try await others
        #expect(first.map(\.index) == Array(0..<37) && first.map(\.name) == inputs.map(\.name))
        for (index, (one, other)) in zip(first, second).enumerated() {
            switch (one.output, other.output) {
            case (.success(let a), .success(let b)):
                #expect(a == b && index % 9 != 4)
                #expect(Embedding.cosine(a, try await encoder.embed([pictures[index]])[0]) > 0.999)
            case (.failure(let a), .failure(let b)):
                #expect(a.code == .badData && a.message == b.message && a.message.contains("picture \(index)"))
                #expect(index % 9 == 4)
            default: Issue.record("\(index) differs")
            }
        }
        // A run that begins behind a batch goes on with the same bits.
        let end = try #require(first.firstIndex { $0.endsBatch }) + 1
        let rest = try await collect(encoder.embed(Array(inputs[end...])))
        for (one, other) in zip(first[end...], rest) {
            #expect((try? one.output.get()) == (try? other.output.get()) && one.name == other.name)
        }
        let labels = try await encoder.embed(texts: ["a", "b c"])
        let classes = try await collect(
            encoder.classify(AsyncStream(pictures: pictures), labels: labels, options: EncodingOptions(batch: 5)))
        #expect(classes.count == 37)
        for result in classes { #expect(abs((try result.output.get()).reduce(0, +) - 1) < 1e-5) }
        let features = try await collect(encoder.features(AsyncStream(pictures: Array(pictures[..<3])), layer: 0))
        for (result, picture) in zip(features, pictures) {
            #expect(try result.output.get().tokens == (try await encoder.features(picture, layer: 0).tokens))
        }
    }

    @Test("Files are told apart by their content, and a video gives one embedding")
    func files() async throws {
        let encoder = try await encoder()
        let names = ["coffee.jpg", "chelsea.jpg"]
        let files = names.map { EncodingInput.file(TestModel.media.appending(path: $0)) }
        let missing = EncodingInput.file(URL(filePath: "/nowhere/at all.jpg"))
        let results = try await collect(encoder.embed(files + [missing]))
        #expect(results.count == 3 && results.allSatisfy { !$0.isVideo })
        for (result, name) in zip(results, names) {
            let image = try Image(contentsOf: TestModel.media.appending(path: name))
            #expect(Embedding.cosine(try result.output.get(), try await encoder.embed([image])[0]) > 0.999)
        }
        guard case .failure(let error) = results[2].output else {
            Issue.record("a file that is not there was read")
            return
        }
        #expect(error.code == .missingInput && error.message.contains("at all.jpg"))
    }

    /// Loading takes 5 ms an input on two threads, computing as long on one: together they take little longer than either.
    @Test("Loading and computing overlap, and no more is loaded than memory allows")
    func overlap() async throws {
        let threads = ProcessInfo.processInfo.activeProcessorCount
        let (count, size) = (400, 8)
        let source = Source(count: count)
        let turn = ExclusiveUse()
        let held = Held()
        let work = try GroupedWork<Int, Int, Int>(
            size: size, memory: 20, source: { source.next() },
            .init(
                load: { input in
                    usleep(UInt32(2500 * threads))
                    held.add(1)
                    return input
                }, byteCount: { _ in 1 },
                compute: { group in
                    try await turn.enter()
                    defer { turn.leave() }
                    try await Task.sleep(for: .microseconds(2500 * group.count))
                    held.add(-group.count)
                    return group.map { $0 * $0 }
                }))
        let start = ContinuousClock.now
        var found: [Int] = []
        while let group = try await work.next() { found += group }
        let took = ContinuousClock.now - start
        #expect(found == (0..<count).map { $0 * $0 })
        #expect(held.most < 20 + 2 * size)
        #if !DEBUG
            #expect(took <= .microseconds(2500 * count) * 1.25, "\(took)")
        #endif
    }

    /// Inputs that are loaded and not computed.
    private final class Held: Sendable {
        private let state = Mutex((now: 0, most: 0))
        var most: Int { state.withLock { $0.most } }

        func add(_ count: Int) {
            state.withLock { state in
                state.now += count
                state.most = max(state.most, state.now)
            }
        }
    }

    private final class Source: Sendable {
        private let count: Int
        private let given = Atomic<Int>(0)

        init(count: Int) { self.count = count }

        func next() -> Int? {
            let index = given.wrappingAdd(1, ordering: .relaxed).oldValue
            return index < count ? index : nil
        }
    }
}

extension AsyncStream<EncodingInput> {
    fileprivate init(pictures: [Image]) {
        self.init { continuation in
            for picture in pictures { continuation.yield(.image(picture)) }
            continuation.finish()
        }
    }
}
