#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What a file system says of a file's contents without reading them: whoever writes to it changes one of these.
struct FileStamp: Hashable, Sendable {
    let size: Int
    let inode: UInt64
    /// Nanoseconds since 1970. The second one no program can choose.
    let modified, changed: Int

    /// Of the regular file that a path leads to.
    ///
    /// - Returns: nil if there is none.
    init?(path: String) {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        #if canImport(Darwin)
            let (modified, changed) = (status.st_mtimespec, status.st_ctimespec)
        #else
            let (modified, changed) = (status.st_mtim, status.st_ctim)
        #endif
        func nanoseconds(_ time: timespec) -> Int { Int(time.tv_sec) &* 1_000_000_000 &+ Int(time.tv_nsec) }
        size = Int(status.st_size)
        inode = UInt64(status.st_ino)
        self.modified = nanoseconds(modified)
        self.changed = nanoseconds(changed)
    }

    /// Reads what `text` writes.
    init?(text: some StringProtocol) {
        let words = text.split(separator: " ")
        guard words.count == 4, let size = Int(words[0]), let inode = UInt64(words[1]), let modified = Int(words[2]),
            let changed = Int(words[3])
        else { return nil }
        (self.size, self.inode, self.modified, self.changed) = (size, inode, modified, changed)
    }

    var text: String { "\(size) \(inode) \(modified) \(changed)" }
}
