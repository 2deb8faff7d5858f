import Synchronization

/// What was passed over to read a video, to which decoding its frames may add.
package final class ClipNotes: Sendable {
    private struct State {
        var texts: [String]
        var listener: (@Sendable (String) -> Void)?
    }

    private let state: Mutex<State>

    package init(_ texts: [String]) { state = Mutex(State(texts: texts)) }

    package var all: [String] { state.withLock { $0.texts } }

    /// Has each that comes from here on told at once.
    package func tell(_ listener: @escaping @Sendable (String) -> Void) { state.withLock { $0.listener = listener } }

    /// Adds those that are new.
    package func add(_ texts: [String]) {
        for text in texts {
            let listener = state.withLock { state -> (@Sendable (String) -> Void)? in
                guard !state.texts.contains(text) else { return nil }
                state.texts.append(text)
                return state.listener
            }
            listener?(text)
        }
    }
}
