import Foundation
import Percept
import PerceptRuntime
import PerceptVulkan
import Synchronization
import TestSupport
import Testing

/// Several users of one device: turns, and batches that callers share.
@Suite("A shared device", .serialized)
struct SharedDeviceTests {
    @Test("Live pieces go first, the others by what they have had for their weight")
    func order() {
        var order = TurnOrder<String>()
        let (live, person, bulk) = (TurnClient(.live), TurnClient(.interactive), TurnClient(.bulk))
        for (client, name) in [(bulk, "bulk"), (person, "person"), (person, "person again"), (live, "live")] {
            order.add(client, name)
        }
        #expect((0..<4).map { _ in order.next() } == ["live", "bulk", "person", "person again"])
        #expect(order.next() == nil && order.isEmpty)
        // Both want the device all the time: a ninth goes to bulk.
        var turns = ["person": 0, "bulk": 0]
        let clients = ["person": person, "bulk": bulk]
        for name in turns.keys { clients[name].map { order.add($0, name) } }
        for _ in 0..<900 {
            guard let name = order.next(), let client = clients[name] else { break }
            turns[name, default: 0] += 1
            client.begin()
            order.add(client, name)
            client.charge(.milliseconds(5))
        }
        #expect((98...102).contains(turns["bulk"] ?? 0), "\(turns)")
        // Who was away does not make up for it.
        let late = TurnClient(.interactive)
        order.add(late, "late")
        var inARow = 0
        for _ in 0..<20 {
            guard let name = order.next() else { break }
            if name == "late" { inARow += 1 }
            let client = name == "late" ? late : clients[name]
            client?.begin()
            if let client { order.add(client, name) }
            client?.charge(.milliseconds(5))
        }
        #expect((8...12).contains(inARow), "\(inARow)")
    }

    @Test("An embedding asked for beside an answer of 200 tokens does not wait for its end")
    func embedBesideAnswer() async throws {
        let gpu = try TestModel.gpu()
        try await withTemporaryDirectory { directory in
            try TestLanguageModel.write(to: directory)
            let model = try await PerceptionLanguageModel(.path(directory.path), on: gpu, precision: .f32)
            let encoder = try await PerceptionEncoder(.path(TestModel.clip.path), on: gpu, precision: .f32)
            let image = try Image.waves(40, 30)
            let expected = try await encoder.embed([image])
            try await model.prepare()
            let options = GenerationOptions(maxTokens: 200)
            var before = 0
            for try await piece in model.generate("Say much.", options: options) { before += piece.tokens.count }
            let ended = Flag()
            let answer = Task {
                defer { ended.set() }
                var tokens = 0
                for try await piece in model.generate("Say much.", options: options) { tokens += piece.tokens.count }
                return tokens
            }
            var meanwhile = 0
            while !ended.isSet {
                #expect(try await encoder.embed([image]) == expected)
                if !ended.isSet { meanwhile += 1 }
            }
            #expect(try await answer.value == before)
            #expect(meanwhile >= 2, "\(meanwhile) embeddings while an answer of \(before) tokens was made")
        }
    }

    @Test("Two answers of one model at once are those that come one by one")
    func answersAtOnce() async throws {
        let gpu = try TestModel.gpu()
        let model = try await PerceptionLanguageModel(.demo, on: gpu, precision: .f32)
        func answer(_ question: String) async throws -> String {
            var text = ""
            for try await piece in model.generate(question) { text += piece.text }
            return text
        }
        let questions = ["Describe the image.", "What is this?", "Which colour is it?"]
        var alone: [String] = []
        for question in questions { alone.append(try await answer(question)) }
        let together = try await withThrowingTaskGroup(of: (Int, String).self) { group in
            for (index, question) in questions.enumerated() { group.addTask { (index, try await answer(question)) } }
            return try await group.reduce(into: [Int: String]()) { $0[$1.0] = $1.1 }
        }
        for (index, text) in alone.enumerated() { #expect(together[index] == text) }
    }

    @Test("Single requests go through together, give what they give alone, and one that is cancelled holds none up")
    func sharedBatches() async throws {
        let gpu = try TestModel.privateGPU()
        let encoder = try await PerceptionEncoder(.path(TestModel.clip.path), on: gpu, precision: .f32)
        let images = try (0..<48).map { try Image.waves(20 + 7 * $0 % 90, 30 + 11 * $0 % 70, seed: $0) }
        var alone: [Embedding] = []
        for image in images { alone += try await encoder.embed([image]) }
        let pieces = gpu.runtime.turns.use.pieces
        let words = ["a", "b c d", "a red circle on a table"]
        let texts = try await encoder.embed(texts: words)
        let found = try await withThrowingTaskGroup(of: (Int, Embedding).self) { group in
            for (index, image) in images.enumerated() {
                group.addTask { (index, try await encoder.embed([image])[0]) }
            }
            for (index, word) in words.enumerated() {
                group.addTask { (images.count + index, try await encoder.embed(texts: [word])[0]) }
            }
            let cancelled = Task { try await encoder.embed(images) }
            cancelled.cancel()
            await #expect(throws: PerceptError.self) { try await cancelled.value }
            return try await group.reduce(into: [Int: Embedding]()) { $0[$1.0] = $1.1 }
        }
        for (index, expected) in (alone + texts).enumerated() {
            let embedding = try #require(found[index])
            let error = zip(embedding.values, expected.values).map { abs($0 - $1) }.max() ?? 1
            #expect(error <= 1e-6, "\(index): \(error)")
        }
        // First runs go out in several pieces; even so there were far fewer runs than requests.
        #expect(gpu.runtime.turns.use.pieces - pieces > 0)
        let again = gpu.runtime.turns.use.pieces
        await withThrowingTaskGroup(of: Void.self) { group in
            for image in images { group.addTask { _ = try await encoder.embed([image]) } }
        }
        #expect(gpu.runtime.turns.use.pieces - again < images.count, "\(gpu.runtime.turns.use.pieces - again) pieces")
    }

    @Test("A device that is lost amid sixteen requests: each has its embedding or a typed error, and the next work")
    func lostAmidRequests() async throws {
        for call in ["vkQueueSubmit2", "vkWaitSemaphores"] {
            let faults = FaultInjection()
            let gpu = try TestModel.privateGPU(faults: faults)
            let encoder = try await PerceptionEncoder(.path(TestModel.clip.path), on: gpu, precision: .f32)
            let images = try (0..<16).map { try Image.waves(30 + $0, 40, seed: $0) }
            let expected = try await encoder.embed(images, batch: 1)
            for occurrence in [1, 3] {
                faults.fail(call, occurrence: occurrence, with: VulkanError.deviceLost)
                let found = await withTaskGroup(of: Result<[Embedding], PerceptError>.self) { group in
                    for image in images {
                        group.addTask {
                            do throws(PerceptError) { return .success(try await encoder.embed([image])) } catch {
                                return .failure(error)
                            }
                        }
                    }
                    return await group.reduce(into: []) { $0.append($1) }
                }
                #expect(found.count == 16)
                for case .failure(let error) in found {
                    #expect(error.code == .internalFault && error.deviceWasLost && error.reason == .deviceLost)
                }
                #expect(found.contains { (try? $0.get()) == nil }, "\(call) \(occurrence) met nobody")
                #expect(try await encoder.embed(images, batch: 1) == expected)
            }
        }
    }

    @Test("A trace has who had the device when, and each request with what it waited for")
    func trace() async throws {
        let gpu = try TestModel.privateGPU()
        let encoder = try await PerceptionEncoder(.path(TestModel.clip.path), on: gpu, precision: .f32)
        let model = try await PerceptionLanguageModel(.demo, on: gpu)
        let image = try Image.waves(40, 30)
        _ = try await encoder.embed([image])
        _ = try await model.generate("What is this?", about: [.image(image)]).text()
        let (text, trace) = try await gpu.tracing {
            async let embeddings = withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<6 { group.addTask { _ = try await encoder.embed([image]) } }
                try await group.waitForAll()
            }
            let text = try await model.generate("What is it?", about: [.image(image)]).text()
            try await embeddings
            return text
        }
        #expect(!text.isEmpty)
        #expect(Set(trace.pieces.map(\.name)) == ["encoder", "prompts", "steps"])
        // One piece after another, since a piece begins when the one before has ended.
        for (piece, next) in zip(trace.pieces, trace.pieces.dropFirst()) {
            #expect(piece.start < piece.end && piece.end <= next.start)
        }
        #expect(trace.requests.count { $0.name == "embedding" } == 6)
        let answer = try #require(trace.requests.first { $0.name == "answer" })
        #expect(answer.spans.map(\.name) == ["waiting", "pictures", "prompt", "decoding"])
        for (span, next) in zip(answer.spans, answer.spans.dropFirst()) { #expect(span.end == next.start) }
        let end = try #require(trace.pieces.last?.end)
        #expect(trace.requests.flatMap(\.spans).allSatisfy { $0.start <= end })
        // Nothing is noted when nobody wants to know.
        _ = try await encoder.embed([image])
        let nothing = await gpu.tracing {}
        #expect(nothing.trace.pieces.isEmpty && nothing.trace.requests.isEmpty)
    }

    /// Something that is set once.
    private final class Flag: Sendable {
        private let value = Atomic<Bool>(false)
        var isSet: Bool { value.load(ordering: .acquiring) }
        func set() { value.store(true, ordering: .releasing) }
    }
}
