import Synchronization

/// What this process has begun to write and not yet given its name.
///
/// A process that is ended in the midst of its work, by a signal say, removes it by ``remove(andEnd:)``.
package enum Unfinished {
    private struct State {
        var nextKey = 0
        var removals: [Int: @Sendable () -> Void] = [:]
    }

    private static let state = Mutex(State())

    /// Begins something.
    ///
    /// - Parameter make: makes it, and gives what would remove it.
    static func begin<Made: Sendable>(
        _ make: () throws(OutputError) -> (made: Made, removal: @Sendable () -> Void)
    ) throws(OutputError) -> (made: Made, key: Int) {
        let result = state.withLock { state in
            Result { () throws(OutputError) in
                let (made, removal) = try make()
                state.nextKey += 1
                state.removals[state.nextKey] = removal
                return (made, state.nextKey)
            }
        }
        return try result.get()
    }

    /// Lets `body` give something its name, or remove it; what it returns true for is unfinished no longer.
    static func end(_ key: Int, _ body: () -> Bool) {
        state.withLock { state in
            if body() { state.removals[key] = nil }
        }
    }

    /// Removes all of it and ends the process.
    ///
    /// Whoever wants to begin something or give it its name meanwhile waits, and so never does.
    package static func remove(andEnd end: () -> Never) -> Never {
        state.withLock { state in
            for removal in state.removals.values { removal() }
            end()
        }
    }
}
