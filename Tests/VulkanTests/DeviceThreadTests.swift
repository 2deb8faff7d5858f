import Glibc
import PerceptVulkan
import Testing

@Suite struct DeviceThreadTests {
    private actor Worker {
        private let thread: DeviceThread
        private(set) var count = 0

        init(_ thread: DeviceThread) { self.thread = thread }

        nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

        /// Blocks, which only this thread minds.
        func add() -> Bool {
            usleep(100)
            count += 1
            return thread.isCurrent
        }
    }

    @Test func jobsRunOnTheThreadOneAtATime() async throws {
        let thread = try DeviceThread(name: "percept-device-with-a-long-name")
        let worker = Worker(thread)
        await withTaskGroup { group in
            for _ in 0..<200 { group.addTask { await worker.add() } }
            for await onThread in group { #expect(onThread) }
        }
        #expect(await worker.count == 200)
        #expect(!thread.isCurrent)
    }

    @Test func threadsComeAndGo() async throws {
        for _ in 0..<50 {
            let worker = Worker(try DeviceThread(name: "brief"))
            #expect(await worker.add())
        }
    }
}
