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

    /// As rename(2).
    package static func rename(_ path: String, to other: String) -> Int32 {
        FileName.withBytes(path) { from in FileName.withBytes(other) { posixRename(from, $0) } }
    }

    /// As unlink(2).
    @discardableResult
    package static func unlink(_ path: String) -> Int32 { FileName.withBytes(path) { posixUnlink($0) } }

    /// As mkdir(2).
    package static func makeDirectory(_ path: String) -> Int32 { FileName.withBytes(path) { mkdir($0, 0o777) } }

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

    /// All bytes from an open file's place to its end, pipes too.
    ///
    /// - Returns: nil where there are more than `limit`.
    package static func readToEnd(_ descriptor: Int32, limit: Int) throws(FileFault) -> [UInt8]? {
        var bytes: [UInt8] = []
        let chunk = 1 << 16
        while bytes.count <= limit {
            let before = bytes.count
            var result = 0
            bytes.append(contentsOf: repeatElement(0, count: chunk))
            repeat {
                result = bytes.withUnsafeMutableBytes { read(descriptor, $0.baseAddress! + before, chunk) }
            } while result < 0 && errno == EINTR
            let failure = errno
            bytes.removeLast(chunk - max(result, 0))
            guard result >= 0 else { throw FileFault(failure) }
            if result == 0 { return bytes }
        }
        return nil
    }
}

private func posixOpen(_ name: UnsafePointer<CChar>, _ flags: Int32, _ mode: mode_t) -> Int32 {
    open(name, flags, mode)
}
private func posixRename(_ from: UnsafePointer<CChar>, _ to: UnsafePointer<CChar>) -> Int32 { rename(from, to) }
private func posixUnlink(_ name: UnsafePointer<CChar>) -> Int32 { unlink(name) }
