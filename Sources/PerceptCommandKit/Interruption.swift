import Foundation
import Percept
import Synchronization

/// What happens on SIGINT, SIGTERM and SIGHUP: the process ends with 128 plus the signal's number, never in the middle of
/// writing a file, and not before what ``cancelling(_:)`` runs has cleaned up, unless SIGINT comes again.
///
/// An output that nobody reads any more, or that takes nothing more, ends the process in the same way.
package enum Interruption {
    private static let turn = NSLock()
    private enum State {
        case idle
        case running(cancel: @Sendable () -> Void)
        /// The process is about to end, for what happened then.
        case ending(Ending, since: ContinuousClock.Instant)
    }
    private static let state = Mutex(State.idle)

    /// A second SIGINT within this time is not a person's, who would have waited: programs pass on to others what the
    /// terminal has sent to all of them.
    private static let patience = Duration.milliseconds(300)

    /// Whether the process was started to outlive closed pipes.
    static let ignoredClosedPipes = Mutex(false)

    /// From here on, signals wait for ``uninterrupted(_:)``.
    ///
    /// Handlers hand the number to a thread through a pipe: blocking signals and waiting for them would not do, since
    /// Dispatch parks the main thread with all signals let through.
    package static func watch() {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        signalPipe = ends[1]
        // Waited for: a process that has nothing but a fault of its command line to tell ends at once, and under a thread
        // that is still starting that was once a segmentation fault.
        let hasStarted = DispatchSemaphore(value: 0)
        Thread.detachNewThread { [reading = ends[0]] in
            hasStarted.signal()
            var number: UInt8 = 0
            while true {
                let count = read(reading, &number, 1)
                if count == 1 { arrived(Int32(number)) } else if count == 0 || errno != EINTR { return }
            }
        }
        hasStarted.wait()
        for number in [SIGINT, SIGTERM, SIGHUP] {
            // `nohup` has hang-ups ignored.
            if number == SIGHUP, isIgnored(number) { continue }
            signal(number) { number in
                let code = errno
                var byte = UInt8(truncatingIfNeeded: number)
                _ = write(signalPipe, &byte, 1)
                errno = code
            }
        }
        // Writing fails instead, so that what is unfinished can be removed.
        ignoredClosedPipes.withLock { $0 = isIgnored(SIGPIPE) }
        signal(SIGPIPE, SIG_IGN)
        signal(SIGXFSZ, SIG_IGN)
    }

    private static func isIgnored(_ number: Int32) -> Bool {
        var action = sigaction()
        guard sigaction(number, nil, &action) == 0 else { return false }
        return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
            == unsafeBitCast(SIG_IGN as __sighandler_t?, to: Int.self)
    }

    private static func arrived(_ number: Int32) {
        let isRepeated = state.withLock { state in
            guard case .ending(_, let since) = state else { return false }
            return number == SIGINT && since.duration(to: .now) > patience
        }
        if isRepeated { Ending.signal(number).endAtOnce() }
        stop(.signal(number))
    }

    /// Ends the process; returns only where work has to clean up first, which then ends it.
    package static func stop(_ ending: Ending) {
        let cancel = state.withLock { state -> (@Sendable () -> Void)?? in
            switch state {
            case .idle:
                state = .ending(ending, since: .now)
                return .some(nil)
            case .running(let cancel):
                state = .ending(ending, since: .now)
                return cancel
            case .ending: return nil
            }
        }
        switch cancel {
        case .some(.some(let cancel)): cancel()
        case .some(.none): ending.end()
        case .none: break
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
            let ending = state.withLock { state -> Ending? in
                if case .ending(let ending, _) = state { return ending }
                state = .idle
                return nil
            }
            guard let ending else { return try result.get() }
            ending.end()
        }
        while true { try await Task.sleep(for: .seconds(60)) }
    }

    /// Writes a file, which should be brief: computing comes before.
    package static func uninterrupted<Failure: Error>(_ write: () throws(Failure) -> Void) throws(Failure) {
        turn.lock()
        defer { turn.unlock() }
        try write()
    }

    /// Keeps everybody from ``uninterrupted(_:)`` until the process is gone.
    static func lockForGood() { turn.lock() }
}

/// Where signal handlers write; they may call little more than `write`. Set once, before there is any handler.
nonisolated(unsafe) private var signalPipe: Int32 = -1
