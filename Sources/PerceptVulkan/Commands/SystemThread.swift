import CPerceptVulkan
import Glibc
package import PerceptFiles

/// Starts a detached thread.
///
/// - Parameter name: shown by debuggers and `top`; the system keeps the first 15 bytes.
/// - Throws: `ThreadError` when the system has no thread left.
package func startThread(name: String, _ body: @escaping @Sendable () -> Void) throws(ThreadError) {
    let argument = Unmanaged.passRetained(
        ThreadStart(name: String(decoding: name.utf8.prefix(15), as: UTF8.self), body))
    var thread = pthread_t()
    let code = pthread_create(
        &thread, nil,
        { raw in
            guard let raw else { return nil }
            let start = Unmanaged<ThreadStart>.fromOpaque(raw).takeRetainedValue()
            percept_set_thread_name(start.name)
            start.body()
            return nil
        }, argument.toOpaque())
    guard code == 0 else {
        argument.release()
        throw ThreadError(code: code)
    }
    pthread_detach(thread)
}

/// What a new thread is given.
private final class ThreadStart: Sendable {
    let name: String
    let body: @Sendable () -> Void

    init(name: String, _ body: @escaping @Sendable () -> Void) {
        self.name = name
        self.body = body
    }
}

/// The system refused a thread.
package struct ThreadError: KnownFault, Hashable, Sendable {
    /// The `errno` value of `pthread_create`.
    package let code: Int32

    package var kind: FaultKind { code == EAGAIN ? .temporary : .internalFault }
    package var description: String { "pthread_create failed: \(String(cString: strerror(code)))" }
}

/// Wakes a thread as often as it was signalled: a POSIX semaphore at an address of its own.
///
/// Sendable because POSIX semaphores are made to be used from several threads at once.
package final class ThreadSignal: @unchecked Sendable {
    private let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    package init() { sem_init(semaphore, 0, 0) }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    package func signal() { sem_post(semaphore) }

    package func wait() {
        // A signal handler may wake it early.
        while sem_wait(semaphore) != 0 {}
    }

    /// Waits until it is signalled, but no longer than so many nanoseconds.
    package func wait(nanoseconds: Int) {
        var end = timespec()
        clock_gettime(CLOCK_REALTIME, &end)
        let (seconds, rest) = max(nanoseconds, 0).quotientAndRemainder(dividingBy: 1_000_000_000)
        end.tv_sec += seconds
        end.tv_nsec += rest
        if end.tv_nsec >= 1_000_000_000 {
            end.tv_sec += 1
            end.tv_nsec -= 1_000_000_000
        }
        while sem_timedwait(semaphore, &end) != 0, errno == EINTR {}
    }
}
