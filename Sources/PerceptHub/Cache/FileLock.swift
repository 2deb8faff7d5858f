#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A lock between processes: `flock` on a file, as Python's filelock has it, and so huggingface_hub.
///
/// Held until ``release()``, and let go by the system when the process ends. The file stays.
final class FileLock: Sendable {
    private let descriptor: Int32
    /// False where the file system has no locks, or gives them to everybody.
    let isHeld: Bool

    private init(descriptor: Int32, isHeld: Bool) {
        self.descriptor = descriptor
        self.isHeld = isHeld
    }

    /// Waits until nobody else holds the lock on `path`.
    ///
    /// - Parameter onWait: called once, when somebody does.
    /// - Throws: ``HubError/unwritable(path:reason:isPermission:)``, `CancellationError`.
    static func acquire(_ path: String, onWait: () -> Void) async throws -> FileLock {
        var hasWaited = false
        while true {
            let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
            guard descriptor >= 0 else { throw HubError(errno: errno, path: path) }
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 {
                if isCurrent(descriptor, path) { return FileLock(descriptor: descriptor, isHeld: isExclusive(path)) }
                // The holder deleted the file, as newer versions of filelock do: this lock is on nothing.
                close(descriptor)
                continue
            }
            let code = errno
            // File systems without locks: huggingface_hub, too, then does without.
            if [ENOSYS, ENOTSUP, ENOLCK].contains(code) { return FileLock(descriptor: descriptor, isHeld: false) }
            close(descriptor)
            guard code == EWOULDBLOCK || code == EINTR else { throw HubError(errno: code, path: path) }
            if !hasWaited { onWait() }
            hasWaited = true
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    private static func isCurrent(_ descriptor: Int32, _ path: String) -> Bool {
        var (own, named) = (stat(), stat())
        return fstat(descriptor, &own) == 0 && stat(path, &named) == 0 && own.st_ino == named.st_ino
            && own.st_dev == named.st_dev
    }

    /// Whether somebody else, for whom this process plays, does not get the lock that it holds.
    private static func isExclusive(_ path: String) -> Bool {
        let descriptor = open(path, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return flock(descriptor, LOCK_SH | LOCK_NB) != 0
    }

    /// To be called once.
    func release() { close(descriptor) }
}

extension HubError {
    /// What the operating system says about writing at `path`.
    init(errno code: Int32, path: String) {
        if [ENOSPC, EDQUOT].contains(code) {
            self = .noSpace(path: path, needed: nil, free: nil)
        } else {
            self = .unwritable(
                path: path, reason: String(cString: strerror(code)),
                isPermission: [EACCES, EPERM, EROFS].contains(code))
        }
    }
}
