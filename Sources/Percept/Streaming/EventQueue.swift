import Synchronization

/// Results between the encoder and whoever iterates: few, so that a slow reader slows the encoder instead of filling
/// memory.
final class EventQueue: Sendable {
    private struct State {
        var events: [StreamEvent] = []
        var end: Result<Void, PerceptError>?
        var isClosed = false
        var reader: CheckedContinuation<Void, Never>?
        var writers: [CheckedContinuation<Void, Never>] = []
    }

    /// One that is read and one that comes.
    static let capacity = 2

    private let state = Mutex(State())

    // MARK: The encoder's side

    /// Events there is room for.
    var room: Int { state.withLock { $0.isClosed ? Self.capacity : max(Self.capacity - $0.events.count, 0) } }

    /// Adds an event. Those that come seldom (notices, captions, the summary) may go beyond the capacity.
    func put(_ event: StreamEvent) {
        let reader = state.withLock { state in
            if !state.isClosed { state.events.append(event) }
            defer { state.reader = nil }
            return state.reader
        }
        reader?.resume()
    }

    /// Waits until there is room, or nobody reads any more.
    func waitForRoom() async {
        await withCheckedContinuation { continuation in
            let hasRoom = state.withLock { state in
                if state.isClosed || state.events.count < Self.capacity { return true }
                state.writers.append(continuation)
                return false
            }
            if hasRoom { continuation.resume() }
        }
    }

    /// Nothing comes behind what is there.
    func finish(_ end: Result<Void, PerceptError>) {
        let reader = state.withLock { state in
            state.end = end
            defer { state.reader = nil }
            return state.reader
        }
        reader?.resume()
    }

    // MARK: The reader's side

    /// The next event, waited for; nil behind the last.
    func next() async throws(PerceptError) -> StreamEvent? {
        while true {
            let (event, end, writers): (StreamEvent?, Result<Void, PerceptError>?, [CheckedContinuation<Void, Never>]) =
                state.withLock { state in
                    if state.events.isEmpty { return (nil, state.end, []) }
                    let event = state.events.removeFirst()
                    guard state.events.count < Self.capacity else { return (event, nil, []) }
                    defer { state.writers = [] }
                    return (event, nil, state.writers)
                }
            for writer in writers { writer.resume() }
            if let event { return event }
            if let end {
                // Thrown once: whoever asks again has reached the end.
                state.withLock { $0.end = .success(()) }
                try end.get()
                return nil
            }
            await withCheckedContinuation { continuation in
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
    func close() {
        let writers = state.withLock { state in
            state.isClosed = true
            state.events = []
            defer { state.writers = [] }
            return state.writers
        }
        for writer in writers { writer.resume() }
    }
}
