import PerceptFiles

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The bytes of a whole file, mapped read-only, or of a resource that lies in the executable.
///
/// All tables that point into the bytes are checked against `count`, the size when the file was mapped. Touching
/// pages that vanished since would kill the process, so bulk reads first call ``requireIntact()``, which compares the
/// size again and throws. A file that shrinks during the microseconds between that check and the copy is the one
/// case left; replacing a file by renaming another over it is always safe, since the mapping keeps the old one.
///
/// `@unchecked` because of the raw pointer: the mapping is never written and lives as long as the object.
package final class MappedFile: @unchecked Sendable {
    /// The path, or the name of the resource, for messages.
    package let path: String
    package let bytes: UnsafeRawBufferPointer
    /// Open while mapped from a file; nil for a resource.
    private let descriptor: Int32?

    package var count: Int { bytes.count }

    /// Maps the file at `path`.
    ///
    /// - Throws: ``CheckpointError/absent(file:detail:)``, and ``CheckpointError/unreadable(file:reason:)`` when it is not a
    ///   regular file or not permitted.
    package init(path: String) throws(CheckpointError) {
        // Without O_NONBLOCK, opening a FIFO that nobody writes to would wait for ever.
        let descriptor = Files.open(path, O_RDONLY | O_NONBLOCK)
        guard descriptor >= 0 else {
            let fault = FileFault()
            throw fault.isMissing
                ? .absent(file: path, detail: nil) : .unreadable(file: path, reason: fault.description)
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            let reason = String(cString: strerror(errno))
            close(descriptor)
            throw .unreadable(file: path, reason: reason)
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw .unreadable(file: path, reason: "not a regular file, and models are not read from pipes or devices")
        }
        let count = Int(status.st_size)
        guard count > 0 else {
            close(descriptor)
            throw .malformed(file: path, reason: "the file is empty; fetch or write it again")
        }
        guard let base = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0), base != MAP_FAILED else {
            let reason = String(cString: strerror(errno))
            close(descriptor)
            throw .unreadable(file: path, reason: reason)
        }
        self.path = path
        self.bytes = UnsafeRawBufferPointer(start: base, count: count)
        self.descriptor = descriptor
    }

    /// Wraps bytes that stay valid for the life of the process, such as data linked into the executable.
    package init(resource name: String, bytes: UnsafeRawBufferPointer) {
        self.path = name
        self.bytes = bytes
        self.descriptor = nil
    }

    deinit {
        guard let descriptor else { return }
        munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count)
        close(descriptor)
    }

    /// Checks that the file is still at least as long as when it was mapped.
    package func requireIntact() throws(CheckpointError) {
        guard let descriptor else { return }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw .unreadable(file: path, reason: String(cString: strerror(errno)))
        }
        guard Int(status.st_size) >= count else {
            throw .truncated(file: path, needed: count, found: Int(status.st_size))
        }
    }
}
