import Dispatch
package import PerceptFrame
import Synchronization

/// A frame that was decoded and waits for the encoder.
package struct WaitingFrame: Sendable {
    package let live: LiveFrame
    package let decoded: ContinuousClock.Instant
}

/// The place between a source's thread and the encoder: one frame, and a few notices.
///
/// Without `everyFrame` a newer frame replaces one that waits, and the source never does; with it the source's thread
/// waits until the place is free. One thread puts, one task takes.
package final class FrameMailbox: Sendable {
    /// What the source had to tell.
    enum Item: Sendable {
        case frame(WaitingFrame)
        case notice(LiveNotice)
        /// Behind everything else; the error that ended the source, if one did.
        case end((any Error)?)
    }

    package struct Counts: Sendable, Equatable {
        /// Frames the source made, by their numbers.
        package var offered = 0
        /// Frames that were replaced, or that the source left out.
        package var dropped = 0
        /// Damaged frames and packets that were left out.
        package var corrupt = 0
        /// Notices that there was no room for.
        var lostNotices = 0
    }

    private struct State {
        var frame: WaitingFrame?
        var notices: [LiveNotice] = []
        var counts = Counts()
        var end: Item?
        var isClosed = false
        var waiter: UnsafeContinuation<Void, Never>?
    }

    /// A source that reports damage with every packet must not fill memory while nobody reads.
    static let mostNotices = 32

    private let state = Mutex(State())
    private let everyFrame: Bool
    /// Made with nothing in it, since Dispatch stops a process that lets go of one below its first value.
    private let isFree = DispatchSemaphore(value: 0)

    init(everyFrame: Bool) {
        self.everyFrame = everyFrame
        isFree.signal()
    }

    package var counts: Counts { state.withLock { $0.counts } }

    // MARK: The source's side

    /// - Returns: false when nobody takes frames any more.
    func put(_ frame: WaitingFrame) -> Bool {
        if everyFrame { isFree.wait() }
        let (isOpen, waiter) = state.withLock { state in
            // Numbers that start anew, after a reconnection say, leave nothing out.
            let skipped = max(frame.live.number - state.counts.offered, 0)
            state.counts.offered += skipped + 1
            state.counts.dropped += skipped
            guard !state.isClosed else {
                state.counts.dropped += 1
                return (false, Self.takeWaiter(&state))
            }
            if state.frame != nil { state.counts.dropped += 1 }
            state.frame = frame
            return (true, Self.takeWaiter(&state))
        }
        waiter?.resume()
        return isOpen
    }

    func put(_ notice: LiveNotice) {
        let waiter = state.withLock { state in
            if case .corrupt = notice { state.counts.corrupt += 1 }
            if state.notices.count < Self.mostNotices {
                state.notices.append(notice)
            } else {
                state.counts.lostNotices += 1
            }
            return Self.takeWaiter(&state)
        }
        waiter?.resume()
    }

    /// The source has nothing more.
    func end(_ error: (any Error)?) {
        let waiter = state.withLock { state in
            state.end = .end(error)
            return Self.takeWaiter(&state)
        }
        waiter?.resume()
    }

    // MARK: The encoder's side

    /// What comes next, without waiting: notices before the frame, the end behind both.
    func poll() -> Item? {
        let item: Item? = state.withLock { state in
            if !state.notices.isEmpty { return .notice(state.notices.removeFirst()) }
            if let frame = state.frame {
                state.frame = nil
                return .frame(frame)
            }
            return state.end
        }
        if everyFrame, case .frame = item { isFree.signal() }
        return item
    }

    /// The frame that waits, ahead of notices.
    func takeFrame() -> WaitingFrame? {
        let frame: WaitingFrame? = state.withLock { state in
            defer { state.frame = nil }
            return state.frame
        }
        if everyFrame, frame != nil { isFree.signal() }
        return frame
    }

    /// Whether a frame waits.
    package var hasFrame: Bool { state.withLock { $0.frame != nil } }

    /// Waits until `poll` has something to give, or `wake` is called.
    package func arrival(isolation: isolated (any Actor)? = #isolation) async {
        // Checked continuations take memory each time; this one is taken out under the lock, and resumed by who took it.
        await withUnsafeContinuation { continuation in
            let isThere = state.withLock { state in
                if state.frame != nil || !state.notices.isEmpty || state.end != nil { return true }
                precondition(state.waiter == nil, "two takers of one source")
                state.waiter = continuation
                return false
            }
            if isThere { continuation.resume() }
        }
    }

    /// Lets who waits for an arrival look around.
    package func wake() {
        let waiter = state.withLock { Self.takeWaiter(&$0) }
        waiter?.resume()
    }

    /// Takes no more frames; one that waits is dropped, and the source's thread does not wait any longer.
    func close() {
        state.withLock { state in
            state.isClosed = true
            if state.frame != nil { state.counts.dropped += 1 }
            state.frame = nil
        }
        isFree.signal()
    }

    private static func takeWaiter(_ state: inout State) -> UnsafeContinuation<Void, Never>? {
        defer { state.waiter = nil }
        return state.waiter
    }
}
