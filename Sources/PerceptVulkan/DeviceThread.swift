import CPerceptVulkan
import Glibc
import Synchronization

/// A serial executor that is one named thread.
///
/// An actor on it may block, as in waiting for a submission, without taking a thread from Swift's pool, and all its
/// Vulkan calls come from one thread. The thread ends when the executor goes, after the jobs it was given.
package final class DeviceThread: SerialExecutor {
    /// A job with the executor it runs on, which lives at least until the job is done.
    private struct Entry: Sendable {
        let job: UnownedJob
        let executor: DeviceThread
    }

    /// The jobs that wait, and the signal that there are some.
    private final class Mailbox: Sendable {
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
            while true {
                arrivals.wait()
                let (entries, isClosed) = state.withLock { state in
                    defer { state.entries = [] }
                    return (state.entries, state.isClosed)
                }
                for entry in entries { entry.job.runSynchronously(on: entry.executor.asUnownedSerialExecutor()) }
                if isClosed { return }
            }
        }
    }

    private let mailbox = Mailbox()

    /// - Parameter name: shown by debuggers and `top`; the system keeps the first 15 bytes.
    /// - Throws: `ThreadError` when the system has no thread left.
    package init(name: String) throws(ThreadError) {
        let argument = Unmanaged.passRetained(
            Start(mailbox, name: String(decoding: name.utf8.prefix(15), as: UTF8.self)))
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

    deinit { mailbox.close() }

    package func enqueue(_ job: consuming ExecutorJob) {
        mailbox.put(Entry(job: UnownedJob(job), executor: self))
    }

    package func checkIsolated() {
        precondition(isCurrent, "this is not the device's thread")
    }

    /// The caller runs on this executor's thread.
    package var isCurrent: Bool {
        mailbox.state.withLock { $0.thread }.map { pthread_equal($0, pthread_self()) != 0 } ?? false
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
package struct ThreadError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The `errno` value of `pthread_create`.
    package let code: Int32

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
