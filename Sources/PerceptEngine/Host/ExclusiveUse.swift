import Synchronization

/// Something that one user has at a time, in the order in which they came.
package final class ExclusiveUse: Sendable {
    private struct State {
        var isTaken = false
        var next = 0
        var waiting: [(number: Int, continuation: UnsafeContinuation<Bool, Never>)] = []
    }

    private let state = Mutex(State())

    package init() {}

    /// Waits until nobody else has it; `leave` gives it back.
    ///
    /// - Throws: `CancellationError` where the task is cancelled meanwhile.
    package func enter(isolation: isolated (any Actor)? = #isolation) async throws {
        let number = state.withLock { state in
            state.next += 1
            return state.next
        }
        let isMine = await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                let isMine: Bool? = state.withLock { state in
                    if Task.isCancelled { return false }
                    if !state.isTaken {
                        state.isTaken = true
                        return true
                    }
                    state.waiting.append((number, continuation))
                    return nil
                }
                if let isMine { continuation.resume(returning: isMine) }
            }
        } onCancel: {
            let continuation = state.withLock { state in
                state.waiting.firstIndex { $0.number == number }.map { state.waiting.remove(at: $0).continuation }
            }
            continuation?.resume(returning: false)
        }
        guard isMine else { throw CancellationError() }
    }

    package func leave() {
        let next = state.withLock { state -> UnsafeContinuation<Bool, Never>? in
            guard !state.waiting.isEmpty else {
                state.isTaken = false
                return nil
            }
            return state.waiting.remove(at: 0).continuation
        }
        next?.resume(returning: true)
    }
}
