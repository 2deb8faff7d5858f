import Synchronization

/// Where tasks wait until something has changed, and look again.
///
/// Whoever waits says up to which change he has looked: one that comes before he sleeps is not missed.
package final class WakeUp: Sendable {
    private struct State {
        var changes = 0
        var next = 0
        var waiting: [(number: Int, continuation: UnsafeContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())

    package init() {}

    /// Changes so far.
    package var changes: Int { state.withLock { $0.changes } }

    /// Waits until there are more changes than `seen`, or the task is cancelled.
    package func wait(since seen: Int, isolation: isolated (any Actor)? = #isolation) async {
        let number = state.withLock { state in
            state.next += 1
            return state.next
        }
        await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                let waits = state.withLock { state in
                    guard state.changes == seen, !Task.isCancelled else { return false }
                    state.waiting.append((number, continuation))
                    return true
                }
                if !waits { continuation.resume() }
            }
        } onCancel: {
            let continuation = state.withLock { state in
                state.waiting.firstIndex { $0.number == number }.map { state.waiting.remove(at: $0).continuation }
            }
            continuation?.resume()
        }
    }

    /// Notes a change, and wakes all who wait.
    package func wake() {
        let woken = state.withLock { state in
            state.changes += 1
            defer { state.waiting.removeAll(keepingCapacity: true) }
            return state.waiting
        }
        for (_, continuation) in woken { continuation.resume() }
    }
}
