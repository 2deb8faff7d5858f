#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A file that is written under a temporary name beside its destination and takes its name when complete, so that
/// nobody ever finds half of it.
package struct NewFile: ~Copyable {
    private let path: String
    private let temporaryPath: String
    private let descriptor: Int32
    private var committed = false

    package init(path: String) throws(CheckpointError) {
        self.path = path
        temporaryPath = "\(path).\(getpid()).partial"
        descriptor = open(temporaryPath, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw .unwritable(file: path, reason: String(cString: strerror(errno))) }
    }

    /// Appends all of `bytes`.
    package func write(_ bytes: UnsafeRawBufferPointer) throws(CheckpointError) {
        var rest = bytes
        while let base = rest.baseAddress, !rest.isEmpty {
            let written = Self.write(descriptor, base, rest.count)
            if written < 0 {
                if errno == EINTR { continue }
                throw .unwritable(file: path, reason: String(cString: strerror(errno)))
            }
            rest = UnsafeRawBufferPointer(rebasing: rest[written...])
        }
    }

    /// Appends all elements of `array`.
    package func write<Element: BitwiseCopyable>(_ array: [Element]) throws(CheckpointError) {
        let result = array.withUnsafeBytes { bytes in
            Result { () throws(CheckpointError) in try write(bytes) }
        }
        try result.get()
    }

    /// Writes `bytes` over the first ones; what comes next is still appended behind the last.
    package func overwrite(_ bytes: [UInt8]) throws(CheckpointError) {
        var done = 0
        while done < bytes.count {
            let written = bytes.withUnsafeBytes {
                pwrite(descriptor, $0.baseAddress! + done, $0.count - done, off_t(done))
            }
            if written < 0 {
                if errno == EINTR { continue }
                throw .unwritable(file: path, reason: String(cString: strerror(errno)))
            }
            done += written
        }
    }

    /// The C function, which the methods above hide.
    private static func write(_ descriptor: Int32, _ base: UnsafeRawPointer, _ count: Int) -> Int {
        #if canImport(Glibc)
            Glibc.write(descriptor, base, count)
        #elseif canImport(Musl)
            Musl.write(descriptor, base, count)
        #else
            Darwin.write(descriptor, base, count)
        #endif
    }

    /// Gives the file its name, replacing one that is there.
    package mutating func commit() throws(CheckpointError) {
        guard rename(temporaryPath, path) == 0 else {
            throw .unwritable(file: path, reason: String(cString: strerror(errno)))
        }
        committed = true
    }

    deinit {
        close(descriptor)
        if !committed { unlink(temporaryPath) }
    }
}
