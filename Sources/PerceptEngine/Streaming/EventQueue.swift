import Synchronization

/// Events that may wait in a queue: one that is read and one that comes.
let streamCapacity = 2

/// Events between what a device makes and whoever iterates: few, so that a slow reader slows the device instead of
/// filling memory.
///
/// Whoever waits does so where it runs, without a way through another executor. Continuations are the unchecked ones, since
/// checked ones take memory each time: each is taken out under the lock, and resumed by who took it.
package final class EventQueue<Event: Sendable>: Sendable {
    private struct State {
        var events: [Event] = []
        var end: Result<Void, any Error>?
        var isClosed = false
        var reader: UnsafeContinuation<Void, Never>?
        var writers: [UnsafeContinuation<Void, Never>] = []

        var hasRoom: Bool { isClosed || events.count < streamCapacity }
    }

    private let state = Mutex(State())

    package init() {}

    // MARK: The side of the device

    /// Events there is room for.
    package var room: Int { state.withLock { $0.isClosed ? streamCapacity : max(streamCapacity - $0.events.count, 0) } }

    /// Adds an event. Those that come seldom (notices, captions, the summary) may go beyond the capacity.
    package func put(_ event: Event) {
        let reader = state.withLock { state in
            if !state.isClosed { state.events.append(event) }
            defer { state.reader = nil }
            return state.reader
        }
        reader?.resume()
    }

    /// Waits until there is room, or nobody reads any more.
    package func waitForRoom(isolation: isolated (any Actor)? = #isolation) async {
        // Others may have been faster than one that was woken.
        while !state.withLock({ $0.hasRoom }) {
            await withUnsafeContinuation { continuation in
                let hasRoom = state.withLock { state in
                    if state.hasRoom { return true }
                    state.writers.append(continuation)
                    return false
                }
                if hasRoom { continuation.resume() }
            }
        }
    }

    /// Nothing comes behind what is there.
    package func finish(_ end: Result<Void, any Error>) {
        let reader = state.withLock { state in
            state.end = end
            defer { state.reader = nil }
            return state.reader
        }
        reader?.resume()
    }

    // MARK: The reader's side

    /// The next event, waited for; nil behind the last.
    package func next(isolation: isolated (any Actor)? = #isolation) async throws -> Event? {
        while true {
            let (event, end): (Event?, Result<Void, any Error>?) = state.withLock { state in
                state.events.isEmpty ? (nil, state.end) : (state.events.remove(at: 0), nil)
            }
            if let event {
                wakeWriters()
                return event
            }
            if let end {
                // Thrown once: whoever asks again has reached the end.
                state.withLock { $0.end = .success(()) }
                try end.get()
                return nil
            }
            await withUnsafeContinuation { continuation in
                let isThere = state.withLock { state in
                    if !state.events.isEmpty || state.end != nil { return true }
                    state.reader = continuation
                    return false
                }
                if isThere { continuation.resume() }
            }
        }
    }

    /// Nobody reads any more: what is there is let go, and nobody waits for room.
    package func close() {
        state.withLock { state in
            state.isClosed = true
            state.events = []
        }
        wakeWriters()
    }

    private func wakeWriters() {
        while let writer = state.withLock({ $0.hasRoom ? $0.writers.popLast() : nil }) { writer.resume() }
    }
}
