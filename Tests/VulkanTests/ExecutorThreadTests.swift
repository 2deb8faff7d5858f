import Glibc
import PerceptVulkan
import Synchronization
import Testing

@Suite struct ExecutorThreadTests {
    private actor Worker {
        private let thread: ExecutorThread
        private(set) var count = 0

        init(_ thread: ExecutorThread) { self.thread = thread }

        nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

        func ask(_ target: any Alarmed, _ number: Int, at moment: ContinuousClock.Instant) {
            thread.alarm(target, number, at: moment)
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

    /// Notes when it was told which number.
    private final class Told: Alarmed {
        let numbers = Mutex<[(number: Int, moment: ContinuousClock.Instant)]>([])

        func alarm(_ number: Int) { numbers.withLock { $0.append((number, .now)) } }
    }

    /// Alarms come at their moments, whatever order they were asked for in, and jobs meanwhile.
    @Test func alarmsComeAtTheirMoments() async throws {
        let thread = try ExecutorThread(name: "alarms")
        let (worker, told) = (Worker(thread), Told())
        let start = ContinuousClock.now
        let waits = [60, 20, 40]
        for wait in waits {
            await worker.ask(told, wait, at: start + .milliseconds(wait))
        }
        while told.numbers.withLock({ $0.count }) < 3 {
            #expect(await worker.add())
            try await Task.sleep(for: .milliseconds(1))
            try #require(start.duration(to: .now) < .seconds(10))
        }
        let numbers = told.numbers.withLock { $0 }
        #expect(numbers.map(\.number) == waits.sorted())
        for (number, moment) in numbers { #expect(moment - start >= .milliseconds(number)) }
    }

    @Test func threadsComeAndGo() async throws {
        for _ in 0..<50 {
            let worker = Worker(try ExecutorThread(name: "brief"))
            #expect(await worker.add())
        }
    }
}
