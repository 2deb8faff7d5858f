import Glibc
import PerceptVulkan
import Testing

@Suite struct ExecutorThreadTests {
    private actor Worker {
        private let thread: ExecutorThread
        private(set) var count = 0
        private(set) var words: [String] = []

        init(_ thread: ExecutorThread) { self.thread = thread }

        nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

        /// What is in `words` when it goes on.
        func note(_ word: String, yields: Bool) async -> [String] {
            words.append(word)
            if yields { await thread.yield(isolation: self) }
            return words
        }

        /// Blocks, which only this thread minds.
        func add() -> Bool {
            usleep(100)
            count += 1
            return thread.isCurrent
        }
    }

    @Test func jobsRunOnTheThreadOneAtATime() async throws {
        let thread = try ExecutorThread(name: "percept-device-with-a-long-name")
        let worker = Worker(thread)
        await withTaskGroup { group in
            for _ in 0..<200 { group.addTask { await worker.add() } }
            for await onThread in group { #expect(onThread) }
        }
        #expect(await worker.count == 200)
        #expect(!thread.isCurrent)
    }

    /// Who yields goes on behind those that waited, on the thread.
    @Test func yieldingLetsOthersGoFirst() async throws {
        let worker = Worker(try ExecutorThread(name: "yields"))
        await withTaskGroup { group in
            for index in 0..<20 {
                group.addTask {
                    let seen = await worker.note("\(index)", yields: index.isMultiple(of: 2))
                    #expect(seen.contains("\(index)"))
                }
            }
        }
        #expect(await worker.words.count == 20)
        async let patient = worker.note("patient", yields: true)
        async let quick = worker.note("quick", yields: false)
        let (first, second) = await (patient, quick)
        // Whichever came first: who yielded has seen both unless the other came later.
        #expect(first.contains("quick") || second.contains("patient"))
    }

    @Test func threadsComeAndGo() async throws {
        for _ in 0..<50 {
            let worker = Worker(try ExecutorThread(name: "brief"))
            #expect(await worker.add())
        }
    }
}
