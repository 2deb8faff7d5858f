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

/// What a source reads from, a device or a connection, and the attempts to get it back when it is lost.
struct Connection<Session> {
    private let reconnection: Reconnection
    private let signal: StopSignal
    private let open: () throws(MediaError.Fault) -> Session
    /// Nil between a loss that was told and its end.
    private(set) var session: Session?
    /// Attempts since the last frame.
    private var made = 0

    /// - Parameter open: opens another session like the first.
    init(
        _ session: Session, _ reconnection: Reconnection, _ signal: StopSignal,
        open: @escaping () throws(MediaError.Fault) -> Session
    ) {
        self.session = session
        self.reconnection = reconnection
        self.signal = signal
        self.open = open
    }

    /// Lets go of the session, and tells that it will be tried again; an error behind the last attempt.
    mutating func lose(_ reason: String) throws(MediaError.Fault) -> LiveEvent {
        session = nil
        guard made < reconnection.attempts else {
            throw .lost(made == 0 ? reason : "\(reason); \(made) attempts to get it back failed")
        }
        made += 1
        return .notice(.reconnecting(attempt: made, reason: reason))
    }

    /// Waits and makes the attempt that was told; nil when stopped meanwhile.
    ///
    /// - Parameter resume: prepares a new session for what comes next.
    mutating func reopen(_ resume: (Session) -> Void = { _ in }) throws(MediaError.Fault) -> LiveEvent? {
        guard signal.sleep(until: .now + Duration(seconds: reconnection.wait(before: made))) else { return nil }
        do throws(MediaError.Fault) {
            let session = try open()
            resume(session)
            self.session = session
            return .notice(.reconnected)
        } catch {
            return signal.isStopped ? nil : try lose("\(error)")
        }
    }

    /// A frame has come: the next loss starts anew.
    mutating func succeed() { made = 0 }
}
