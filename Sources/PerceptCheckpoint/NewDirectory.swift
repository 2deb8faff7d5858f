import Foundation

/// A directory that is filled under a temporary name beside its destination and takes its name when complete, so that
/// nobody ever finds half of it.
package struct NewDirectory: ~Copyable {
    private let path: String
    /// Where its files are to be written.
    package let temporaryPath: String
    private var committed = false

    /// - Throws: ``CheckpointError/exists(file:)`` where something has the name already,
    ///   ``CheckpointError/unwritable(file:reason:)``.
    package init(path: String) throws(CheckpointError) {
        let path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        self.path = path
        temporaryPath = "\(path).\(ProcessInfo.processInfo.processIdentifier).partial"
        try Self.requireFree(path)
        guard mkdir(temporaryPath, 0o777) == 0 else {
            throw .unwritable(file: path, reason: String(cString: strerror(errno)))
        }
    }

    private static func requireFree(_ path: String) throws(CheckpointError) {
        var status = stat()
        guard lstat(path, &status) != 0 else { throw .exists(file: path) }
    }

    /// Gives the directory its name.
    ///
    /// - Throws: as ``init(path:)``. What another has put there meanwhile is left alone, unless it is empty.
    package mutating func commit() throws(CheckpointError) {
        guard rename(temporaryPath, path) == 0 else {
            try Self.requireFree(path)
            throw .unwritable(file: path, reason: String(cString: strerror(errno)))
        }
        committed = true
    }

    deinit {
        if !committed { try? FileManager.default.removeItem(atPath: temporaryPath) }
    }
}
