import Foundation
import PerceptVulkan
import Synchronization

/// As many threads as the process may use cores, for work that computes long or waits for files: decoding, above all. Swift's
/// own threads stay free for whoever answers.
package final class WorkerPool: TaskExecutor {
    private struct State {
        var jobs: [(job: UnownedJob, pool: WorkerPool)] = []
    }

    private final class Mailbox: Sendable {
        private let state = Mutex(State())
        private let arrivals = ThreadSignal()

        func put(_ job: UnownedJob, of pool: WorkerPool) {
            state.withLock { $0.jobs.append((job, pool)) }
            arrivals.signal()
        }

        func run() -> Never {
            while true {
                arrivals.wait()
                guard let (job, pool) = state.withLock({ $0.jobs.isEmpty ? nil : $0.jobs.removeFirst() }) else {
                    continue
                }
                job.runSynchronously(on: pool.asUnownedTaskExecutor())
            }
        }
    }

    /// The process's pool, whose threads stay.
    package static let shared = Result { try WorkerPool(threads: ProcessInfo.processInfo.activeProcessorCount) }

    private let mailbox = Mailbox()

    private init(threads: Int) throws(ThreadError) {
        for _ in 0..<threads {
            try startThread(name: "percept.worker") { [mailbox] in mailbox.run() }
        }
    }

    package func enqueue(_ job: consuming ExecutorJob) { mailbox.put(UnownedJob(job), of: self) }
}
