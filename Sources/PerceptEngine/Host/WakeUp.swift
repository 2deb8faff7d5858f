import Synchronization

/// Where tasks wait until something has changed, and look again.
package final class WakeUp: Sendable {
    private struct State {
        var next = 0
        var waiting: [(number: Int, continuation: UnsafeContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())

    package init() {}

    /// Waits for the next `wake`, or until the task is cancelled.
    package func wait(isolation: isolated (any Actor)? = #isolation) async {
        let number = state.withLock { state in
            state.next += 1
            return state.next
        }
        await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                let isCancelled = state.withLock { state in
                    if Task.isCancelled { return true }
                    state.waiting.append((number, continuation))
                    return false
                }
                if isCancelled { continuation.resume() }
            }
        } onCancel: {
            let continuation = state.withLock { state in
                state.waiting.firstIndex { $0.number == number }.map { state.waiting.remove(at: $0).continuation }
            }
            continuation?.resume()
        }
    }

    /// Wakes all who wait.
    package func wake() {
        let woken = state.withLock { state in
            defer { state.waiting.removeAll(keepingCapacity: true) }
            return state.waiting
        }
        for (_, continuation) in woken { continuation.resume() }
    }
}
