#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A directory that is filled under a temporary name beside its destination and takes its name when complete, so that
/// nobody ever finds half of it.
package struct NewDirectory: ~Copyable {
    private let path: String
    /// Where its files are to be written.
    package let temporaryPath: String
    private let descriptor: Int32
    private let key: Int
    private var isDone = false

    /// - Throws: ``OutputError/exists(file:)`` where something has the name already,
    ///   ``OutputError/unwritable(file:_:)``.
    package init(path: String) throws(OutputError) {
        var name = path
        while name.utf8.count > 1, name.utf8.last == UInt8(ascii: "/") { name.unicodeScalars.removeLast() }
        let destination = name
        try Self.requireFree(destination)
        let (place, key) = try Unfinished.begin { () throws(OutputError) in
            let place: PartialPlace
            do throws(FileFault) { place = try PartialPlace(for: destination, .directory) } catch {
                throw .unwritable(file: destination, error)
            }
            return (place, { Files.removeTree(place.path) })
        }
        self.path = destination
        (temporaryPath, descriptor, self.key) = (place.path, place.descriptor, key)
    }

    private static func requireFree(_ path: String) throws(OutputError) {
        guard Files.status(path, followsLinks: false) == nil else { throw .exists(file: path) }
    }

    /// Gives the directory its name.
    ///
    /// - Throws: as ``init(path:)``. What another has put there meanwhile is left alone, unless it is empty.
    package mutating func commit() throws(OutputError) {
        var fault: FileFault?
        Unfinished.end(key) {
            if Files.rename(temporaryPath, to: path) != 0 { fault = FileFault() }
            return fault == nil
        }
        if let fault {
            try Self.requireFree(path)
            throw .unwritable(file: path, fault)
        }
        isDone = true
    }

    deinit {
        if !isDone {
            Unfinished.end(key) {
                Files.removeTree(temporaryPath)
                return true
            }
        }
        close(descriptor)
    }
}
