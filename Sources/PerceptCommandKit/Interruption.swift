import Foundation
import Synchronization

/// What happens on SIGINT and SIGTERM: the process ends with 128 plus the signal's number, never in the middle of
/// writing a file, and not before what ``cancelling(_:)`` runs has cleaned up.
package enum Interruption {
    private static let turn = NSLock()
    private enum State {
        case idle
        case running(cancel: @Sendable () -> Void)
        /// The process is about to end.
        case ending
    }
    private static let state = Mutex(State.idle)
    /// Signalled when what was cancelled has ended.
    private static let cleanedUp = DispatchSemaphore(value: 0)

    /// From here on, signals wait for ``uninterrupted(_:)``.
    ///
    /// Handlers hand the number to a thread through a pipe: blocking signals and waiting for them would not do, since
    /// Dispatch parks the main thread with all signals let through.
    package static func watch() {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return }
        signalPipe = ends[1]
        // Waited for: a process that has nothing but a fault of its command line to tell ends at once, and under a thread
        // that is still starting that was once a segmentation fault.
        let hasStarted = DispatchSemaphore(value: 0)
        Thread.detachNewThread { [reading = ends[0]] in
            hasStarted.signal()
            var number: UInt8 = 0
            guard read(reading, &number, 1) == 1 else { return }
            let before = state.withLock { state in
                defer { state = .ending }
                return state
            }
            if case .running(let cancel) = before {
                cancel()
                cleanedUp.wait()
            }
            // Held until the process is gone: nobody starts a file any more.
            turn.lock()
            _exit(128 + Int32(number))
        }
        hasStarted.wait()
        for number in [SIGINT, SIGTERM] {
            signal(number) { number in
                var byte = UInt8(truncatingIfNeeded: number)
                _ = write(signalPipe, &byte, 1)
            }
        }
    }

    /// Runs long work that writes files under temporary names and removes them when its task is cancelled, which signals
    /// do from here on until it has ended. It does not return in a process that is about to end.
    package static func cancelling<Success: Sendable>(
        _ work: @escaping @Sendable () async throws -> Success
    ) async throws -> Success {
        // Under the lock: a signal finds either no task or one that it can cancel.
        let task = state.withLock { state -> Task<Success, any Error>? in
            if case .ending = state { return nil }
            let task = Task { try await work() }
            state = .running { task.cancel() }
            return task
        }
        if let task {
            let result = await task.result
            let isEnding = state.withLock { state in
                if case .ending = state { return true }
                state = .idle
                return false
            }
            if !isEnding { return try result.get() }
            cleanedUp.signal()
        }
        while true { try await Task.sleep(for: .seconds(60)) }
    }

    /// Writes a file, which should be brief: computing comes before.
    package static func uninterrupted<Failure: Error>(_ write: () throws(Failure) -> Void) throws(Failure) {
        turn.lock()
        defer { turn.unlock() }
        try write()
    }
}

/// Where signal handlers write; they may call little more than `write`. Set once, before there is any handler.
nonisolated(unsafe) private var signalPipe: Int32 = -1
