import Synchronization

/// The models on a device that hold memory which they can do without for now, so that one can help out another.
package final class RoomMakers: Sendable {
    private let makers = Mutex<[ObjectIdentifier: @Sendable () -> Bool]>([:])

    /// Adds a model.
    ///
    /// - Parameter makeRoom: lets go of what is not needed now, and tells whether there was any; called on the device's
    ///   thread.
    package func add(_ owner: ObjectIdentifier, _ makeRoom: @escaping @Sendable () -> Bool) {
        makers.withLock { $0[owner] = makeRoom }
    }

    package func remove(_ owner: ObjectIdentifier) { makers.withLock { _ = $0.removeValue(forKey: owner) } }

    /// Has all but one let go of what they do not need now.
    ///
    /// - Returns: whether there was any.
    package func makeRoom(for owner: ObjectIdentifier) -> Bool {
        let others = makers.withLock { makers in makers.filter { $0.key != owner }.map(\.value) }
        return others.reduce(false) { $1() || $0 }
    }
}
