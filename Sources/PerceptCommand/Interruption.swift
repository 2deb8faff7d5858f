import Foundation

/// What happens on SIGINT and SIGTERM: the process ends with 128 plus the signal's number, and never in the middle of
/// writing a file.
enum Interruption {
    private static let turn = NSLock()

    /// From here on, signals wait for ``uninterrupted(_:)``. To be called before any other thread starts, since threads
    /// inherit which signals they leave alone.
    static func watch() {
        var signals = sigset_t()
        sigemptyset(&signals)
        for number in [SIGINT, SIGTERM] {
            sigaddset(&signals, number)
            // A shell starts what runs in its background with SIGINT ignored, and what is ignored cannot be waited for.
            signal(number, SIG_DFL)
        }
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        Thread.detachNewThread { [signals] in
            var (signals, number): (sigset_t, Int32) = (signals, SIGINT)
            sigwait(&signals, &number)
            // Held until the process is gone: nobody starts a file any more.
            turn.lock()
            _exit(128 + number)
        }
    }

    /// Writes a file, which should be brief: computing comes before.
    static func uninterrupted<Failure: Error>(_ write: () throws(Failure) -> Void) throws(Failure) {
        turn.lock()
        defer { turn.unlock() }
        try write()
    }
}
