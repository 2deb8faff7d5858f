#if canImport(Glibc)
    package import Glibc
#elseif canImport(Musl)
    package import Musl
#else
    package import Darwin
#endif

/// Why the system refused something about a file.
package struct FileFault: Error, Hashable, CustomStringConvertible {
    /// As in errno.h.
    package let code: Int32

    package init(_ code: Int32 = errno) { self.code = code }

    package var description: String { String(cString: strerror(code)) }

    /// Whether there is no such file.
    package var isMissing: Bool { code == ENOENT || code == ENOTDIR }
}

extension FileFault: KnownFault {
    package var kind: FaultKind {
        if isMissing { return .missingInput }
        return code == EACCES || code == EPERM ? .noPermission : .internalFault
    }
}

/// What the system does with files, by the names that ``FileName`` carries.
package enum Files {
    /// As open(2); `errno` tells why where the result is negative. The descriptor is not inherited by other programs.
    package static func open(_ path: String, _ flags: Int32, mode: mode_t = 0o666) -> Int32 {
        FileName.withBytes(path) { name in
            while true {
                let descriptor = posixOpen(name, flags | O_CLOEXEC, mode)
                if descriptor >= 0 || errno != EINTR { return descriptor }
            }
        }
    }

    /// What is known of a file, of a link's target unless `followsLinks` is false; nil with `errno` where nothing is.
    package static func status(_ path: String, followsLinks: Bool = true) -> stat? {
        var status = stat()
        let result = FileName.withBytes(path) { followsLinks ? stat($0, &status) : lstat($0, &status) }
        return result == 0 ? status : nil
    }

    package static func exists(_ path: String) -> Bool { status(path) != nil }

    package static func isDirectory(_ path: String) -> Bool { status(path).map { kind($0) == S_IFDIR } ?? false }

    /// The part of a file's mode that says what it is.
    package static func kind(_ status: stat) -> mode_t { status.st_mode & S_IFMT }

    package static func isWritable(_ path: String) -> Bool { FileName.withBytes(path) { access($0, W_OK) } == 0 }

    /// A path from the root on.
    package static func absolute(_ path: String) -> String {
        guard path.utf8.first != UInt8(ascii: "/"), let folder = getcwd(nil, 0) else { return path }
        defer { free(folder) }
        let bytes = UnsafeBufferPointer(start: folder, count: strlen(folder)).map { UInt8(bitPattern: $0) }
        return FileName.joined(FileName.text(bytes), path)
    }

    /// As rename(2).
    package static func rename(_ path: String, to other: String) -> Int32 {
        FileName.withBytes(path) { from in FileName.withBytes(other) { posixRename(from, $0) } }
    }

    /// As unlink(2).
    @discardableResult
    package static func unlink(_ path: String) -> Int32 { FileName.withBytes(path) { posixUnlink($0) } }

    /// As mkdir(2).
    package static func makeDirectory(_ path: String) -> Int32 { FileName.withBytes(path) { mkdir($0, 0o777) } }

    /// Makes a directory and those it is in, where they are not there.
    package static func makeDirectories(_ path: String) throws(FileFault) {
        if isDirectory(path) || makeDirectory(path) == 0 { return }
        let fault = FileFault()
        guard fault.code == ENOENT, FileName.folder(path) != path else { throw fault }
        try makeDirectories(FileName.folder(path))
        guard makeDirectory(path) == 0 || isDirectory(path) else { throw FileFault() }
    }

    /// As rmdir(2).
    @discardableResult
    package static func removeDirectory(_ path: String) -> Int32 { FileName.withBytes(path) { rmdir($0) } }

    /// The names in a directory in the order of their bytes, without `.` and `..`.
    package static func names(in directory: String) throws(FileFault) -> [String] {
        guard let stream = FileName.withBytes(directory, { opendir($0) }) else { throw FileFault() }
        defer { closedir(stream) }
        var names: [[UInt8]] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                guard errno == 0 else { throw FileFault() }
                break
            }
            let place = MemoryLayout<dirent>.offset(of: \.d_name) ?? 0
            let start = UnsafeRawPointer(entry) + place
            let name = Array(
                UnsafeRawBufferPointer(start: start, count: strlen(start.assumingMemoryBound(to: CChar.self))))
            if name != [0x2E] && name != [0x2E, 0x2E] { names.append(name) }
        }
        return names.sorted { $0.lexicographicallyPrecedes($1) }.map { FileName.text($0) }
    }

    /// All bytes of a file; nil where there are more than `limit`.
    package static func contents(_ path: String, limit: Int) throws(FileFault) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY)
        guard descriptor >= 0 else { throw FileFault() }
        defer { close(descriptor) }
        return try readToEnd(descriptor, limit: limit)
    }

    /// All bytes from an open file's place to its end, pipes too.
    ///
    /// - Returns: nil where there are more than `limit`.
    package static func readToEnd(_ descriptor: Int32, limit: Int) throws(FileFault) -> [UInt8]? {
        var bytes: [UInt8] = []
        while bytes.count <= limit {
            let chunk = try readSome(descriptor, atMost: 1 << 16)
            if chunk.isEmpty { return bytes }
            bytes += chunk
        }
        return nil
    }

    /// What there is to read next, after a wait for a pipe that has nothing yet; nothing at the end.
    package static func readSome(_ descriptor: Int32, atMost count: Int) throws(FileFault) -> [UInt8] {
        while true {
            var failure: Int32 = 0
            let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
                let got = read(descriptor, buffer.baseAddress, count)
                if got < 0 { failure = errno }
                filled = max(got, 0)
            }
            switch failure {
            case 0: return bytes
            case EINTR: continue
            // Whoever opened it may not have wanted to wait.
            case EAGAIN: _ = try waitUntilReadable(descriptor, milliseconds: -1)
            default: throw FileFault(failure)
            }
        }
    }

    /// Waits until there is something to read, or the end of it; false where the time passes first. A negative time is
    /// without end.
    package static func waitUntilReadable(_ descriptor: Int32, milliseconds: Int32) throws(FileFault) -> Bool {
        var waited = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        while true {
            let ready = poll(&waited, 1, milliseconds)
            if ready >= 0 { return ready > 0 }
            if errno != EINTR { throw FileFault() }
        }
    }
}

private func posixOpen(_ name: UnsafePointer<CChar>, _ flags: Int32, _ mode: mode_t) -> Int32 {
    open(name, flags, mode)
}
private func posixRename(_ from: UnsafePointer<CChar>, _ to: UnsafePointer<CChar>) -> Int32 { rename(from, to) }
private func posixUnlink(_ name: UnsafePointer<CChar>) -> Int32 { unlink(name) }
