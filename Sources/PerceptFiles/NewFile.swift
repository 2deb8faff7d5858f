#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A file that is written under a temporary name beside its destination and takes its name when complete, so that
/// nobody ever finds half of it.
///
/// A link is followed: what it leads to is replaced. A file that is replaced keeps its permissions. A pipe or a device, and
/// `/dev/stdout`, are written as they are, from the beginning.
package struct NewFile: ~Copyable {
    package enum Kind: Sendable {
        /// Worth nothing until it is complete: what a killed process left is removed when the output is made again.
        case whole
        /// A recording, of which each part is worth having: its temporary name is `NAME.partial`, which stays when the
        /// process is killed, and is kept aside as `NAME.partial.1` when the output is made again.
        case recording
        /// Of no use but to the next process that makes the output: that one takes over what a killed one left, where this
        /// one too leaves it when it ends before its time.
        case continued
        /// For the next process, which does without it as well: it replaces whatever has the name, and is not brought to
        /// the disk at once, so that a power cut may leave it empty.
        case cache
    }

    package let path: String
    /// Whether it holds what a killed process left, to go on behind it.
    package let isTakenOver: Bool
    private let kind: Kind
    /// Where the bytes are until then; where they go, for a pipe or a device.
    package let temporaryPath: String
    /// Where a recording that an earlier run did not finish is now, if this one took its name.
    package let keptAside: String?
    private let descriptor: Int32
    /// The file that gets replaced, and the key of what is unfinished; nil for a pipe or a device.
    private let replacement: (path: String, key: Int)?
    private var isDone = false

    package init(path: String, as kind: Kind = .whole) throws(OutputError) {
        let opened: (descriptor: Int32, place: PartialPlace?, replacement: (path: String, key: Int)?)
        switch kind == .cache ? .file(path: path, permissions: nil) : try Destination(path) {
        case .descriptor(let number): opened = (fcntl(number, F_DUPFD_CLOEXEC, 3), nil, nil)
        case .special: opened = (Files.open(path, O_WRONLY), nil, nil)
        case .file(let destination, let permissions):
            let (place, key) = try Self.begin(path, at: destination, kind)
            // Some file systems have no permissions to set.
            if let permissions { _ = fchmod(place.descriptor, permissions) }
            opened = (place.descriptor, place, (destination, key))
        }
        guard opened.descriptor >= 0 else { throw .unwritable(file: path, FileFault()) }
        self.path = path
        self.kind = kind
        (descriptor, replacement) = (opened.descriptor, opened.replacement)
        temporaryPath = opened.place?.path ?? path
        keptAside = opened.place?.aside
        isTakenOver = opened.place?.isTakenOver ?? false
    }

    private static func begin(
        _ path: String, at destination: String, _ kind: Kind
    ) throws(OutputError) -> (made: PartialPlace, key: Int) {
        try Unfinished.begin { () throws(OutputError) in
            do throws(FileFault) {
                let place = try PartialPlace(for: destination, kind.place)
                return (
                    place,
                    {
                        guard !kind.stays, PartialPlace.isNamed(place.path, place.descriptor) else { return }
                        Files.unlink(place.path)
                    }
                )
            } catch {
                throw .unwritable(file: path, error)
            }
        }
    }

    /// Whether it is a file, and no pipe or device: what was written can be overwritten, and other files may stand beside it.
    package var isFile: Bool { replacement != nil }

    /// Whether an output of this path would be a file, and no pipe or device.
    ///
    /// - Throws: ``OutputError`` where nothing can be written there.
    package static func isFile(_ path: String) throws(OutputError) -> Bool {
        if case .file = try Destination(path) { true } else { false }
    }

    /// Appends all of `bytes`.
    package func write(_ bytes: UnsafeRawBufferPointer) throws(OutputError) {
        do throws(FileFault) { try Files.write(bytes, to: descriptor) } catch { throw .unwritable(file: path, error) }
    }

    /// Appends all elements of `array`.
    package func write<Element: BitwiseCopyable>(_ array: [Element]) throws(OutputError) {
        let result = array.withUnsafeBytes { bytes in
            Result { () throws(OutputError) in try write(bytes) }
        }
        try result.get()
    }

    /// Writes `bytes` over those at `offset`; what comes next is still appended behind the last.
    package func overwrite(_ bytes: [UInt8], at offset: Int = 0) throws(OutputError) {
        let result = bytes.withUnsafeBytes { bytes in
            Result { () throws(FileFault) in try Files.write(bytes, to: descriptor, at: offset) }
        }
        do throws(FileFault) { try result.get() } catch { throw .unwritable(file: path, error) }
    }

    /// Reads bytes that were written; fewer at the end.
    package func read(at offset: Int, count: Int) throws(OutputError) -> [UInt8] {
        do throws(FileFault) { return try Files.readBytes(descriptor, at: offset, count: count) } catch {
            throw .unwritable(file: path, error)
        }
    }

    /// Forgets what is behind the first bytes; what is appended next follows them.
    package func truncate(to count: Int) throws(OutputError) {
        guard ftruncate(descriptor, off_t(count)) == 0, lseek(descriptor, off_t(count), SEEK_SET) == off_t(count) else {
            throw .unwritable(file: path, FileFault())
        }
    }

    /// Gives the file its name, replacing one that is there.
    package mutating func commit() throws(OutputError) {
        do throws(FileFault) {
            if kind != .cache { try Files.synchronise(descriptor) }
            guard let replacement else { return }
            var fault: FileFault?
            Unfinished.end(replacement.key) {
                if !PartialPlace.isNamed(temporaryPath, descriptor) {
                    fault = FileFault(ENOENT)
                } else if Files.rename(temporaryPath, to: replacement.path) != 0 {
                    fault = FileFault()
                }
                return fault == nil
            }
            if let fault { throw fault }
            isDone = true
        } catch {
            throw .unwritable(file: path, error)
        }
    }

    /// Leaves what was written under its temporary name.
    package mutating func keep() {
        guard let replacement else { return }
        Unfinished.end(replacement.key) { true }
        isDone = true
    }

    /// Removes what was written, of whatever kind it is.
    package mutating func remove() {
        guard let replacement, !isDone else { return }
        Unfinished.end(replacement.key) {
            if PartialPlace.isNamed(temporaryPath, descriptor) { Files.unlink(temporaryPath) }
            return true
        }
        isDone = true
    }

    /// Makes or replaces a file of `bytes`.
    package static func write(_ bytes: [UInt8], to path: String, as kind: Kind = .whole) throws(OutputError) {
        var file = try NewFile(path: path, as: kind)
        try file.write(bytes)
        try file.commit()
    }

    deinit {
        if let replacement, !isDone {
            Unfinished.end(replacement.key) {
                if kind != .continued, PartialPlace.isNamed(temporaryPath, descriptor) { Files.unlink(temporaryPath) }
                return true
            }
        }
        close(descriptor)
    }
}

extension NewFile.Kind {
    fileprivate var place: PartialPlace.Kind {
        switch self {
        case .whole, .cache: .file
        case .recording: .recording
        case .continued: .continued
        }
    }

    /// Whether it is left where it is by a process that ends before its time.
    fileprivate var stays: Bool { self == .recording || self == .continued }
}
