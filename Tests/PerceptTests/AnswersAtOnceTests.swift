import Foundation
import Percept
import PerceptRuntime
import PerceptVulkan
import TestSupport
import Testing

/// Several answers of one model at a time.
@Suite("Answers at once", .serialized)
struct AnswersAtOnceTests {
    /// A question and how it is answered.
    private struct Request: Sendable {
        let conversation: Conversation
        let options: GenerationOptions
    }

    /// How many requests a test makes, unless the environment asks for more.
    private static func count(_ usual: Int) -> Int {
        ProcessInfo.processInfo.environment["PERCEPT_TEST_REQUESTS"].flatMap(Int.init) ?? usual
    }

    private func withModel<T>(
        cache: LanguageCache = .full, precision: Precision = .f32, context: Int? = nil, memory: Int? = nil,
        on gpu: GPU? = nil, _ body: (PerceptionLanguageModel) async throws -> T
    ) async throws -> T {
        try await withTemporaryDirectory { directory in
            try TestLanguageModel.write(to: directory)
            let model = try await PerceptionLanguageModel(
                .path(directory.path), on: gpu ?? TestModel.gpu(), precision: precision, cache: cache, context: context,
                conversationMemory: memory)
            return try await body(model)
        }
    }

    private struct Answered: Sendable {
        var tokens: [Int] = []
        var text = ""
        var probabilities: [GeneratedPiece.DrawnToken] = []
        var summary: GenerationSummary?
    }

    private func answer(_ model: PerceptionLanguageModel, _ request: Request) async throws -> Answered {
        var found = Answered()
        for try await piece in model.generate(request.conversation, options: request.options) {
            found.tokens += piece.tokens
            found.text += piece.text
            found.probabilities += piece.probabilities
            found.summary = piece.summary
        }
        return found
    }

    /// Answers all requests, some at a time.
    private func answers(
        _ model: PerceptionLanguageModel, _ requests: [Request], order: [Int], atOnce: Int
    ) async throws -> [Int: Answered] {
        try await withThrowingTaskGroup(of: (Int, Answered).self) { group in
            var found: [Int: Answered] = [:]
            for (started, index) in order.enumerated() {
                if started >= atOnce, let (index, answer) = try await group.next() { found[index] = answer }
                group.addTask { (index, try await answer(model, requests[index])) }
            }
            for try await (index, answer) in group { found[index] = answer }
            return found
        }
    }

    private static let words = [
        "red", "what", "is", "a", "table", "under", "the", "second", "house", "why", "blue", "not",
    ]

    /// Texts of all lengths, some of which begin alike, about nothing, pictures and videos; drawn in all ways.
    private func mixed(_ count: Int, seed: UInt64) throws -> [Request] {
        var random = SplitMix64(state: seed)
        func number(_ bound: Int) -> Int { Int(random.next() % UInt64(bound)) }
        let pictures = try (0..<5).map { Media.image(try .waves(30 + 17 * $0, 70 - 9 * $0, seed: $0)) }
        let clip = Media.video(try VideoClip(contentsOf: TestModel.media.appending(path: "shapes.mp4")))
        return (0..<count).map { _ in
            var options = GenerationOptions(maxTokens: 1 + number(number(4) == 0 ? 90 : 20))
            options.maxTiles = 1 + number(3)
            options.maxFrames = 1 + number(4)
            if number(3) == 0 {
                (options.temperature, options.seed) = (0.7, random.next())
                if number(2) == 0 { options.topP = 0.9 } else { options.topK = 20 }
            }
            if number(5) == 0 { options.logProbabilities = 2 }
            let media: [Media] =
                switch number(8) {
                case 0, 1, 2: []
                case 3: [clip]
                case 4: [pictures[number(5)], pictures[number(5)]]
                default: [pictures[number(5)]]
                }
            let text = (0..<1 + number(number(3) == 0 ? 60 : 8)).map { _ in Self.words[number(12)] }
            return Request(conversation: Conversation(text.joined(separator: " "), about: media), options: options)
        }
    }

    @Test(
        "In any company, order and time of joining each has the tokens that it has alone",
        arguments: LanguageCache.allCases)
    func company(cache: LanguageCache) async throws {
        let requests = try mixed(Self.count(70), seed: cache == .q8 ? 5 : 3)
        var alone: [Answered] = []
        // Nothing is kept where there is no memory for it but that of one conversation, which the next overwrites.
        try await withModel(cache: cache, memory: 0) { model in
            for request in requests { alone.append(try await answer(model, request)) }
        }
        #expect(Set(alone.flatMap(\.tokens)).count > 20)
        try await withModel(cache: cache) { model in
            for (atOnce, seed) in [(12, 1), (40, 2)] as [(Int, UInt64)] {
                var random = SplitMix64(state: seed)
                let order = requests.indices.shuffled(using: &random)
                let found = try await answers(model, requests, order: order, atOnce: atOnce)
                var parted = 0
                for (index, expected) in alone.enumerated() {
                    let answer = try #require(found[index])
                    // Sums in another order may move a code of 8 bits, and with it a token; of 1,000 answers one parted.
                    if cache == .q8, answer.tokens != expected.tokens {
                        parted += 1
                        continue
                    }
                    #expect(answer.tokens == expected.tokens && answer.text == expected.text, "request \(index)")
                    #expect(answer.summary?.reason == expected.summary?.reason)
                    #expect(answer.probabilities.map(\.taken.token) == expected.probabilities.map(\.taken.token))
                    for (one, other) in zip(answer.probabilities, expected.probabilities) {
                        #expect(abs(one.taken.logProbability - other.taken.logProbability) <= 1e-4)
                    }
                }
                #expect(parted <= max(1, requests.count / 100), "\(parted) of \(requests.count)")
                try await model.settled()
                let pages = await model.pages
                #expect(pages.available == pages.all)
            }
        }
    }

    @Test("Where pages run short answers go back and come again, and all pages are given back")
    func shortOfPages() async throws {
        let requests = (0..<6).map { index in
            Request(
                conversation: Conversation("Tell me \(index) more of that."),
                options: GenerationOptions(maxTokens: 150, temperature: 0.8, seed: UInt64(index)))
        }
        try await withModel(context: 256, memory: 0) { model in
            var alone: [Answered] = []
            for request in requests { alone.append(try await answer(model, request)) }
            #expect(alone.contains { $0.tokens.count > 100 })
            let found = try await answers(model, requests, order: Array(requests.indices), atOnce: 6)
            for (index, expected) in alone.enumerated() { #expect(found[index]?.tokens == expected.tokens, "\(index)") }
            let pages = await model.pages
            #expect(pages.available == pages.all && pages.all == 5)
        }
    }

    @Test("Several samples of one prompt share it, and what they draw is theirs")
    func samples() async throws {
        try await withModel { model in
            let conversation = Conversation("What is this?", about: [.image(try .waves(70, 40))])
            let requests = (0..<5).map { seed in
                Request(
                    conversation: conversation,
                    options: GenerationOptions(maxTokens: 30, temperature: 1, seed: UInt64(seed), maxTiles: 1))
            }
            let found = try await answers(model, requests, order: [0, 1, 2, 3, 4], atOnce: 5)
            #expect(found.values.reduce(0) { $0 + ($1.summary?.encodedChunks ?? 0) } == 1)
            let length = try #require(found[0]?.summary?.promptTokens)
            #expect(found.values.count { $0.summary?.reusedTokens == length - 1 } == 4)
            #expect(Set(found.values.map(\.tokens)).count == 5)
            for (index, request) in requests.enumerated() {
                #expect(try await withModel { try await answer($0, request).tokens } == found[index]?.tokens)
            }
        }
    }

    @Test("Answers that come and go record no commands and allocate no memory", arguments: LanguageCache.allCases)
    func steadyState(cache: LanguageCache) async throws {
        let gpu = try TestModel.privateGPU()
        try await withModel(cache: cache, precision: .f16, on: gpu) { model in
            let picture = Media.image(try .waves(50, 40))
            let requests = (0..<24).map { index in
                Request(
                    conversation: Conversation(
                        "Number \(index), please\(index % 2 == 0 ? " and more of it" : "")",
                        about: index % 3 == 0 ? [picture] : []),
                    options: GenerationOptions(maxTokens: 10 + 7 * (index % 4), maxTiles: 1))
            }
            try await model.prepare(pictures: true, answers: 8)
            _ = try await answers(model, requests, order: Array(requests.indices), atOnce: 8)
            let memory = gpu.runtime.device.memoryStatistics
            let recorded = gpu.runtime.device.statistics.recordedCommandBuffers
            _ = try await answers(model, requests, order: requests.indices.reversed(), atOnce: 8)
            #expect(gpu.runtime.device.memoryStatistics == memory)
            #expect(gpu.runtime.device.statistics.recordedCommandBuffers == recorded)
        }
    }

    /// Every few requests the device fails at a call, at which all that are being answered have a typed error.
    @Test("Random lengths, cancels and failures: memory stays as it is, and every page is given back")
    func manyRequests() async throws {
        let faults = FaultInjection()
        let gpu = try TestModel.privateGPU(faults: faults)
        try await withModel(precision: .f16, on: gpu) { model in
            let count = Self.count(240)
            let picture = Media.image(try .waves(50, 40))
            try await model.prepare(pictures: true, answers: 16)
            var (failed, cancelled, whole) = (0, 0, 0)
            var (memory, resident): ([MemoryStatistics], [Int]) = ([], [])
            for round in 0..<count / 24 {
                var random = SplitMix64(state: UInt64(round))
                func number(_ bound: Int) -> Int { Int(random.next() % UInt64(bound)) }
                if round % 3 == 2 {
                    faults.fail(
                        round % 2 == 0 ? "vkQueueSubmit2" : "vkWaitSemaphores", occurrence: 10 + number(60),
                        with: VulkanError.deviceLost)
                }
                try await withThrowingTaskGroup(of: Result<Bool, PerceptError>.self) { group in
                    for index in 0..<24 {
                        let request = Request(
                            conversation: Conversation(
                                String(repeating: "again ", count: 1 + number(50)) + "\(index % 5)",
                                about: number(4) == 0 ? [picture] : []),
                            options: GenerationOptions(maxTokens: 1 + number(30), maxTiles: 1))
                        let limit = number(4) == 0 ? number(8) : .max
                        group.addTask {
                            var read = 0
                            do throws(PerceptError) {
                                for try await piece in model.generate(
                                    request.conversation, options: request.options)
                                {
                                    read += piece.tokens.count
                                    if read >= limit { return .success(false) }
                                }
                                return .success(true)
                            } catch { return .failure(error) }
                        }
                    }
                    for try await result in group {
                        switch result {
                        case .success(true): whole += 1
                        case .success(false): cancelled += 1
                        case .failure(let error):
                            failed += 1
                            #expect(error.deviceWasLost, "\(error)")
                        }
                    }
                }
                try await model.settled()
                let pages = await model.pages
                #expect(pages.available == pages.all, "round \(round)")
                memory.append(gpu.runtime.device.memoryStatistics)
                resident.append(try residentBytes())
            }
            #expect(failed > 0 && cancelled > 0 && whole > count / 3, "\(failed), \(cancelled), \(whole)")
            #expect(memory.last == memory[memory.count / 2])
            // A thousand requests are 42 rounds.
            guard count >= 3000 else { return }
            let (second, last) = (resident[42..<84].max() ?? 0, resident.suffix(42).max() ?? 0)
            #expect(last - second <= 2 << 20, "\(second) bytes, then \(last)")
            print(
                "\(count) requests: \(whole) whole, \(cancelled) cancelled, \(failed) failed; \(second) bytes, then \(last)"
            )
        }
    }
}
