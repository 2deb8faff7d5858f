#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

extension FileFault {
    /// Whoever should read has closed the pipe.
    package var isClosedPipe: Bool { code == EPIPE }
}

/// What writing asks of the system.
extension Files {
    /// Whether two are the same file, whatever it is called.
    static func isSame(_ one: stat?, _ other: stat?) -> Bool {
        guard let one, let other else { return false }
        return one.st_dev == other.st_dev && one.st_ino == other.st_ino
    }

    /// The size and the time of the last change of a regular file.
    package static func stamp(_ path: String) -> (size: Int64, seconds: Int64, nanoseconds: Int64)? {
        guard let status = status(path), kind(status) == S_IFREG else { return nil }
        return (Int64(status.st_size), Int64(status.st_mtim.tv_sec), Int64(status.st_mtim.tv_nsec))
    }

    /// Whether two paths are those of one file, or would be.
    package static func areSame(_ one: String, _ other: String) -> Bool {
        one == other || isSame(status(one), status(other))
    }

    static func status(of descriptor: Int32) -> stat? {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? status : nil
    }

    /// Where a symbolic link leads, in the words of the link.
    static func target(ofLink path: String) -> String? {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = FileName.withBytes(path) { name in
            buffer.withUnsafeMutableBufferPointer { readlink(name, $0.baseAddress!, $0.count) }
        }
        guard count > 0 && count < buffer.count else { return nil }
        return FileName.text(buffer[..<count].lazy.map(UInt8.init(bitPattern:)))
    }

    /// The most bytes of a name in a directory.
    package static func longestName(in directory: String) -> Int {
        let longest = FileName.withBytes(directory) { pathconf($0, Int32(_PC_NAME_MAX)) }
        return longest > 0 ? longest : 255
    }

    /// What came of asking for the lock of a file.
    enum Lock {
        case taken
        /// Somebody who lives has it.
        case held
        /// The file system has no locks.
        case unknown
    }

    /// Asks for the lock that goes when the descriptor is closed, also by the end of the process.
    static func lock(_ descriptor: Int32) -> Lock {
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            if errno == EINTR { continue }
            return errno == EWOULDBLOCK ? .held : .unknown
        }
        return .taken
    }

    /// Writes all bytes.
    ///
    /// - Parameter offset: where; nil behind what was written before.
    package static func write(
        _ bytes: UnsafeRawBufferPointer, to descriptor: Int32, at offset: Int? = nil
    ) throws(FileFault) {
        var rest = bytes
        while let base = rest.baseAddress, !rest.isEmpty {
            let done = bytes.count - rest.count
            let written =
                if let offset {
                    pwrite(descriptor, base, rest.count, off_t(offset + done))
                } else {
                    posixWrite(descriptor, base, rest.count)
                }
            if written > 0 {
                rest = UnsafeRawBufferPointer(rebasing: rest[written...])
            } else if written == 0 {
                throw FileFault(ENOSPC)
            } else if errno == EAGAIN {
                // A pipe or a terminal that others have told not to wait.
                var wanted = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = poll(&wanted, 1, -1)
            } else if errno != EINTR {
                throw FileFault()
            }
        }
    }

    /// Reads bytes; fewer at the end.
    static func readBytes(_ descriptor: Int32, at offset: Int, count: Int) throws(FileFault) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let got = bytes.withUnsafeMutableBytes {
                pread(descriptor, $0.baseAddress! + done, count - done, off_t(offset + done))
            }
            if got < 0 && errno == EINTR { continue }
            guard got >= 0 else { throw FileFault() }
            if got == 0 { break }
            done += got
        }
        bytes.removeLast(count - done)
        return bytes
    }

    /// Brings what was written to the disk, where there is one: some file systems tell of a full disk only then.
    static func synchronise(_ descriptor: Int32) throws(FileFault) {
        while fsync(descriptor) != 0 {
            switch errno {
            case EINTR: continue
            // Pipes, devices and file systems that are programs have nothing to bring.
            case EINVAL, ENOTSUP, ENOSYS, EROFS: return
            default: throw FileFault()
            }
        }
    }

    /// Removes a file, or a directory with all that is in it; links are removed, not followed.
    static func removeTree(_ path: String) {
        if unlink(path) == 0 { return }
        guard let status = status(path, followsLinks: false), kind(status) == S_IFDIR else { return }
        for name in (try? names(in: path)) ?? [] { removeTree(FileName.joined(path, name)) }
        removeDirectory(path)
    }
}

private func posixWrite(_ descriptor: Int32, _ base: UnsafeRawPointer, _ count: Int) -> Int {
    write(descriptor, base, count)
}
