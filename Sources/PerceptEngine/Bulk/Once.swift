import Synchronization

/// Something that is made when it is first asked for, and once.
package final class Once<Value: Sendable>: Sendable {
    private let make: @Sendable () async throws -> Value
    private let task = Mutex<Task<Value, any Error>?>(nil)

    package init(_ make: @escaping @Sendable () async throws -> Value) { self.make = make }

    /// - Throws: what making it threw, each time.
    package var value: Value {
        get async throws {
            let task = task.withLock { task in
                let made = task ?? Task { try await make() }
                task = made
                return made
            }
            return try await task.value
        }
    }
}
