import PerceptFrame

/// What a source does that lost its connection or device.
package struct Reconnection: Sendable {
    /// Attempts in a row before the source ends with an error; 0 ends it at once.
    package var attempts = 10
    /// Seconds before the first attempt; each further wait is twice as long, up to `longestWait`.
    package var firstWait = 0.5
    package var longestWait = 8.0
    /// Seconds without data after which a connection counts as lost; opening one may take as long, all in all.
    package var patience = 10.0

    package init() {}

    /// Seconds before an attempt, counted from 1.
    func wait(before attempt: Int) -> Double {
        min(firstWait * Double(1 << min(max(attempt - 1, 0), 20)), longestWait)
    }
}

/// The attempts of a source to get its connection back.
struct ReconnectionAttempts {
    private let reconnection: Reconnection
    private let signal: StopSignal
    /// Since the last frame.
    private var made = 0

    init(_ reconnection: Reconnection, _ signal: StopSignal) {
        self.reconnection = reconnection
        self.signal = signal
    }

    /// Tells that the connection is gone and will be tried again; an error behind the last attempt.
    mutating func lose(_ reason: String) throws(MediaError.Fault) -> LiveEvent {
        guard made < reconnection.attempts else {
            throw .lost(made == 0 ? reason : "\(reason); \(made) attempts to get it back failed")
        }
        made += 1
        return .notice(.reconnecting(attempt: made, reason: reason))
    }

    /// Waits for the attempt that was told; false when stopped meanwhile.
    func wait() -> Bool {
        signal.sleep(until: .now + Duration(seconds: reconnection.wait(before: made)))
    }

    /// A frame has come: the next loss starts anew.
    mutating func succeed() { made = 0 }
}
