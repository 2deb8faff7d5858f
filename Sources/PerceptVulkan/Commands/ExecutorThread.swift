import CPerceptVulkan
import Glibc
import Synchronization

/// A serial executor that is one named thread.
///
/// An actor on it may block, as in waiting for a submission, without taking a thread from Swift's pool, and all its
/// Vulkan calls come from one thread. The thread ends when the executor and its `tasks` go, after the jobs it was given.
///
/// A task that waits for a continuation comes back by way of the executor it prefers, and only then to its actor's: with
/// `tasks` preferred, that is this thread too, where Swift's pool would take memory each time.
package final class ExecutorThread: SerialExecutor {
    /// The thread as the executor that tasks prefer.
    package final class Tasks: TaskExecutor {
        private let thread: Lifetime

        fileprivate init(_ thread: Lifetime) { self.thread = thread }

        package func enqueue(_ job: consuming ExecutorJob) {
            thread.mailbox.put(.task(UnownedJob(job), self))
        }
    }

    /// The executor that a job runs on lives at least until the job is done.
    fileprivate enum Entry: Sendable {
        /// Of an actor.
        case job(UnownedJob, ExecutorThread)
        /// Of a task that is on no actor.
        case task(UnownedJob, Tasks)

        func run() {
            switch self {
            case .job(let job, let executor): job.runSynchronously(on: executor.asUnownedSerialExecutor())
            case .task(let job, let executor): job.runSynchronously(on: executor.asUnownedTaskExecutor())
            }
        }
    }

    fileprivate struct Alarm {
        let moment: ContinuousClock.Instant
        let target: any Alarmed
        let number: Int
    }

    /// The jobs that wait, and the signal that there are some.
    fileprivate final class Mailbox: Sendable {
        struct State {
            var entries: [Entry] = []
            var isClosed = false
            var thread: pthread_t?
            var alarms: [Alarm] = []
        }

        let state = Mutex(State())
        private let arrivals = ThreadSignal()

        func put(_ entry: Entry) {
            state.withLock { $0.entries.append(entry) }
            arrivals.signal()
        }

        func close() {
            state.withLock { $0.isClosed = true }
            arrivals.signal()
        }

        /// Runs jobs as they come until the box is closed and empty.
        func run() {
            state.withLock { $0.thread = pthread_self() }
            // Changes places with the box's own array, so that a job that comes takes no memory.
            var entries: [Entry] = []
            while true {
                if let next = state.withLock({ $0.alarms.min { $0.moment < $1.moment }?.moment }) {
                    arrivals.wait(nanoseconds: Int(clamping: Int64((next - .now) / .nanoseconds(1))))
                } else {
                    arrivals.wait()
                }
                let isClosed = state.withLock { state in
                    swap(&entries, &state.entries)
                    return state.isClosed
                }
                for entry in entries { entry.run() }
                entries.removeAll(keepingCapacity: true)
                ring()
                if isClosed { return }
            }
        }

        /// Tells whoever asked for this moment.
        private func ring() {
            while let alarm = state.withLock({ state -> Alarm? in
                let now = ContinuousClock.now
                return state.alarms.firstIndex { $0.moment <= now }.map { state.alarms.remove(at: $0) }
            }) { alarm.target.alarm(alarm.number) }
        }
    }

    /// Ends the thread when nobody can give it jobs any more.
    fileprivate final class Lifetime: Sendable {
        let mailbox = Mailbox()

        deinit { mailbox.close() }
    }

    /// For tasks whose actors are on this thread.
    package let tasks: Tasks
    private let lifetime = Lifetime()

    /// - Parameter name: shown by debuggers and `top`; the system keeps the first 15 bytes.
    /// - Throws: `ThreadError` when the system has no thread left.
    package init(name: String) throws(ThreadError) {
        tasks = Tasks(lifetime)
        try startThread(name: name) { [mailbox = lifetime.mailbox] in mailbox.run() }
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        lifetime.mailbox.put(.job(UnownedJob(job), self))
    }

    /// Tells `target` its number at a moment, on the thread; called there.
    package func alarm(_ target: any Alarmed, _ number: Int, at moment: ContinuousClock.Instant) {
        checkIsolated()
        lifetime.mailbox.state.withLock { $0.alarms.append(Alarm(moment: moment, target: target, number: number)) }
    }

    package func checkIsolated() {
        precondition(isCurrent, "this is not the executor's thread")
    }

    /// The caller runs on this executor's thread.
    package var isCurrent: Bool {
        lifetime.mailbox.state.withLock { $0.thread }.map { pthread_equal($0, pthread_self()) != 0 } ?? false
    }
}

/// Somebody who wants to be told when a moment has come.
package protocol Alarmed: AnyObject, Sendable {
    func alarm(_ number: Int)
}
