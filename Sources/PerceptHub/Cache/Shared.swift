import Synchronization

/// A value that closures on several threads change: a mutex that can be captured.
final class Shared<Value: Sendable>: Sendable {
    private let mutex: Mutex<Value>

    init(_ value: Value) { mutex = Mutex(value) }

    var value: Value { mutex.withLock { $0 } }

    func change<Failure: Error>(_ body: (inout Value) throws(Failure) -> Void) throws(Failure) {
        try mutex.withLock { value throws(Failure) in try body(&value) }
    }
}
