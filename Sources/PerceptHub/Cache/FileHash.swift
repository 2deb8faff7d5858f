#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

extension ContentHash {
    /// Whether a file has the contents that this names.
    ///
    /// - Parameter onBytes: called with the number of bytes read so far.
    /// - Returns: false also for a file that is not there or cannot be read to its end.
    /// - Throws: `CancellationError`.
    func isHash(of path: String, onBytes: (Int) -> Void) throws(CancellationError) -> Bool {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
            let hash = RunningHash(self, size: Int(status.st_size))
        else { return false }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
        defer { buffer.deallocate() }
        var count = 0
        while true {
            if Task.isCancelled { throw CancellationError() }
            let got = read(descriptor, buffer.baseAddress, buffer.count)
            if got < 0 && errno == EINTR { continue }
            if got < 0 { return false }
            if got == 0 { break }
            hash.update(UnsafeRawBufferPointer(rebasing: buffer[..<got]))
            count += got
            onBytes(count)
        }
        return hash.finish() == text
    }
}
