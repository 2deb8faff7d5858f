import Foundation

/// What happens on SIGINT and SIGTERM: the process ends with 128 plus the signal's number, and never in the middle of
/// writing a file.
enum Interruption {
    private static let turn = NSLock()

    /// From here on, signals wait for ``uninterrupted(_:)``.
    ///
    /// Handlers hand the number to a thread through a pipe: blocking signals and waiting for them would not do, since
    /// Dispatch parks the main thread with all signals let through.
    static func watch() {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return }
        signalPipe = ends[1]
        Thread.detachNewThread { [reading = ends[0]] in
            var number: UInt8 = 0
            guard read(reading, &number, 1) == 1 else { return }
            // Held until the process is gone: nobody starts a file any more.
            turn.lock()
            _exit(128 + Int32(number))
        }
        for number in [SIGINT, SIGTERM] {
            signal(number) { number in
                var byte = UInt8(truncatingIfNeeded: number)
                _ = write(signalPipe, &byte, 1)
            }
        }
    }

    /// Writes a file, which should be brief: computing comes before.
    static func uninterrupted<Failure: Error>(_ write: () throws(Failure) -> Void) throws(Failure) {
        turn.lock()
        defer { turn.unlock() }
        try write()
    }
}

/// Where signal handlers write; they may call little more than `write`. Set once, before there is any handler.
nonisolated(unsafe) private var signalPipe: Int32 = -1
