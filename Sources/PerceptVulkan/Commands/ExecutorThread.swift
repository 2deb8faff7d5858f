import CPerceptVulkan
import Glibc
package import PerceptFiles
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
        /// A task that let others go first; it comes again behind them.
        case waiting(UnsafeContinuation<Void, Never>)

        func run() {
            switch self {
            case .job(let job, let executor): job.runSynchronously(on: executor.asUnownedSerialExecutor())
            case .task(let job, let executor): job.runSynchronously(on: executor.asUnownedTaskExecutor())
            case .waiting(let continuation): continuation.resume()
            }
        }
    }

    /// The jobs that wait, and the signal that there are some.
    fileprivate final class Mailbox: Sendable {
        struct State {
            var entries: [Entry] = []
            var isClosed = false
            var thread: pthread_t?
        }

        let state = Mutex(State())
        private let arrivals = Semaphore()

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
                arrivals.wait()
                let isClosed = state.withLock { state in
                    swap(&entries, &state.entries)
                    return state.isClosed
                }
                for entry in entries { entry.run() }
                entries.removeAll(keepingCapacity: true)
                if isClosed { return }
            }
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
        let argument = Unmanaged.passRetained(
            Start(lifetime.mailbox, name: String(decoding: name.utf8.prefix(15), as: UTF8.self)))
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { raw in
                guard let raw else { return nil }
                let start = Unmanaged<Start>.fromOpaque(raw).takeRetainedValue()
                percept_set_thread_name(start.name)
                start.mailbox.run()
                return nil
            }, argument.toOpaque())
        guard code == 0 else {
            argument.release()
            throw ThreadError(code: code)
        }
        pthread_detach(thread)
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        lifetime.mailbox.put(.job(UnownedJob(job), self))
    }

    /// Lets jobs that wait go before the caller, which is an actor of this executor.
    ///
    /// `Task.yield` would take memory each time.
    package func yield(isolation: isolated any Actor) async {
        await withUnsafeContinuation { lifetime.mailbox.put(.waiting($0)) }
    }

    package func checkIsolated() {
        precondition(isCurrent, "this is not the executor's thread")
    }

    /// The caller runs on this executor's thread.
    package var isCurrent: Bool {
        lifetime.mailbox.state.withLock { $0.thread }.map { pthread_equal($0, pthread_self()) != 0 } ?? false
    }

    /// What the new thread is given.
    private final class Start: Sendable {
        let mailbox: Mailbox
        let name: String

        init(_ mailbox: Mailbox, name: String) {
            self.mailbox = mailbox
            self.name = name
        }
    }
}

/// The system refused a thread.
package struct ThreadError: KnownFault, Hashable, Sendable {
    /// The `errno` value of `pthread_create`.
    package let code: Int32

    package var kind: FaultKind { code == EAGAIN ? .temporary : .internalFault }
    package var description: String { "pthread_create failed: \(String(cString: strerror(code)))" }
}

/// A POSIX semaphore at an address of its own.
///
/// Sendable because POSIX semaphores are made to be used from several threads at once.
private final class Semaphore: @unchecked Sendable {
    private let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    init() { sem_init(semaphore, 0, 0) }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    func signal() { sem_post(semaphore) }

    func wait() {
        // A signal handler may wake it early.
        while sem_wait(semaphore) != 0 {}
    }
}
