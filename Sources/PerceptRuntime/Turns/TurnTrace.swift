import Synchronization

/// What the device computed for whom, and what those who asked waited for, while somebody wants to know.
package final class TurnTrace: Sendable {
    /// A stretch of time.
    package struct Span: Sendable {
        /// Of the device: whose piece it is. Of a request: what happened with it.
        package let name: String
        package let start: ContinuousClock.Instant
        package let end: ContinuousClock.Instant
    }

    /// What came of one request.
    package struct Request: Sendable {
        package let name: String
        /// One behind the other.
        package let spans: [Span]
    }

    private struct State {
        var isOn = false
        var pieces: [Span] = []
        var requests: [Request] = []
    }

    private let state = Mutex(State())

    init() {}

    package func start() {
        state.withLock { $0 = State(isOn: true) }
    }

    /// What was noted since `start`; nothing more is.
    package func stop() -> (pieces: [Span], requests: [Request]) {
        state.withLock { state in
            defer { state = State() }
            return (state.pieces, state.requests)
        }
    }

    func note(_ client: TurnClient, _ start: ContinuousClock.Instant, _ end: ContinuousClock.Instant) {
        state.withLock { state in
            guard state.isOn else { return }
            state.pieces.append(Span(name: client.name, start: start, end: end))
        }
    }

    /// Notes a request that has ended.
    ///
    /// - Parameter spans: one behind the other, from `start` on.
    package func note(
        _ name: String, from start: ContinuousClock.Instant, _ spans: KeyValuePairs<String, Duration>
    ) {
        state.withLock { state in
            guard state.isOn else { return }
            var moment = start
            state.requests.append(
                Request(
                    name: name,
                    spans: spans.map { name, length in
                        defer { moment += length }
                        return Span(name: name, start: moment, end: moment + length)
                    }))
        }
    }
}
