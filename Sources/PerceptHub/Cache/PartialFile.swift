import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The first bytes of a file that is being fetched, `TAG.incomplete`, with their hash so far.
///
/// Used by one transfer at a time, whose callbacks come from a thread of their own.
final class PartialFile: Sendable {
    private struct State {
        var count = 0
        var hash: RunningHash?
    }

    private let path: String
    /// What the hub calls the file, for messages.
    private let name: String
    private let size: Int
    private let expected: ContentHash?
    private let descriptor: Int32
    private let state: Mutex<State>

    /// Opens what an earlier attempt has left, or nothing.
    ///
    /// - Parameters:
    ///   - size: bytes of the complete file.
    ///   - expected: the hash of the complete file; nil if nobody knows it.
    init(path: String, name: String, size: Int, expected: ContentHash?) throws(HubError) {
        (self.path, self.name, self.size, self.expected) = (path, name, size, expected)
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw HubError(errno: errno, path: path) }
        state = Mutex(State())
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw HubError(errno: errno, path: path) }
        if Int(status.st_size) > size {
            try restart()
        } else {
            try readBack(Int(status.st_size))
        }
    }

    /// Bytes so far.
    var count: Int { state.withLock { $0.count } }

    /// Forgets all bytes.
    func restart() throws(HubError) {
        guard ftruncate(descriptor, 0) == 0 || count == 0 else { throw HubError(errno: errno, path: path) }
        try readBack(0)
    }

    /// Hashes the first `count` bytes.
    private func readBack(_ count: Int) throws(HubError) {
        try state.withLock { state throws(HubError) in
            state = State(count: 0, hash: expected.flatMap { RunningHash($0, size: size) })
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
            defer { buffer.deallocate() }
            while state.count < count {
                let got = pread(descriptor, buffer.baseAddress, min(buffer.count, count - state.count), state.count)
                if got < 0 && errno == EINTR { continue }
                guard got > 0 else {
                    throw HubError(errno: got < 0 ? errno : EIO, path: path)
                }
                state.hash?.update(UnsafeRawBufferPointer(rebasing: buffer[..<got]))
                state.count += got
            }
        }
    }

    /// Adds bytes at the end.
    ///
    /// - Throws: ``HubError/wrongSize(file:expected:found:)`` when they are too many, ``HubError/noSpace(path:needed:free:)``,
    ///   ``HubError/unwritable(path:reason:isPermission:)``.
    func append(_ bytes: UnsafeRawBufferPointer) throws(HubError) {
        try state.withLock { state throws(HubError) in
            guard bytes.count <= size - state.count else {
                throw .wrongSize(file: name, expected: size, found: state.count + bytes.count)
            }
            var rest = bytes
            while let base = rest.baseAddress, !rest.isEmpty {
                let written = pwrite(descriptor, base, rest.count, state.count)
                if written < 0 && errno == EINTR { continue }
                guard written > 0 else {
                    throw HubError(errno: written < 0 ? errno : ENOSPC, path: path)
                }
                state.hash?.update(UnsafeRawBufferPointer(rebasing: rest[..<written]))
                state.count += written
                rest = UnsafeRawBufferPointer(rebasing: rest[written...])
            }
        }
    }

    /// Checks the hash of the complete file and gives it its name.
    ///
    /// - Parameter mayRestart: some bytes were there from before. They may be what is damaged, so one more attempt
    ///   without them makes sense.
    /// - Returns: false after a wrong hash if `mayRestart`; the file is deleted.
    /// - Throws: ``HubError/foreign(what:content:)`` or ``HubError/wrongHash(file:expected:found:)`` after deleting the file.
    func commit(to destination: String, orRestart mayRestart: Bool) throws(HubError) -> Bool {
        // Also of the right hash: a server may know no better.
        if let foreignContent {
            unlink(path)
            if mayRestart { return false }
            throw .foreign(what: name, content: foreignContent)
        }
        let found = state.withLock { $0.hash?.finish() }
        if let expected, found != expected.text {
            unlink(path)
            if mayRestart { return false }
            throw .wrongHash(file: name, expected: expected.text, found: found ?? "unknown")
        }
        // On disk before the name is: a name in blobs promises all the bytes, after a power cut as well.
        guard fsync(descriptor) == 0, rename(path, destination) == 0 else { throw HubError(errno: errno, path: path) }
        return true
    }

    /// What it is instead of a model's file, by its first bytes.
    var foreignContent: ForeignContent? {
        let prefix = [UInt8](unsafeUninitializedCapacity: ForeignContent.prefixLength) { buffer, count in
            count = max(0, pread(descriptor, buffer.baseAddress, buffer.count, 0))
        }
        return ForeignContent(prefix, file: name)
    }

    /// Deletes it.
    func discard() { unlink(path) }

    deinit { close(descriptor) }
}
