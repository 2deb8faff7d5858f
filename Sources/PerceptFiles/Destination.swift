#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What the path of an output stands for.
enum Destination {
    /// An open file of this process, as `/dev/stdout` and `/dev/fd/3` name it.
    case descriptor(Int32)
    /// A pipe or a device, which is written as it is.
    case special
    /// A file to make at this path, or to replace: where the links lead. One that is there has these permissions.
    case file(path: String, permissions: mode_t?)

    /// - Throws: where the path is a directory, a file that must not be written to, or links that lead round.
    init(_ path: String) throws(OutputError) {
        var place = path
        for _ in 0..<40 {
            if let number = Self.descriptor(place) {
                self = .descriptor(number)
                return
            }
            guard let status = Files.status(place, followsLinks: false) else {
                guard errno == ENOENT else { throw .unwritable(file: path, FileFault()) }
                self = .file(path: place, permissions: nil)
                return
            }
            switch Files.kind(status) {
            case S_IFLNK:
                guard let target = Files.target(ofLink: place) else { throw .unwritable(file: path, FileFault()) }
                place = FileName.joined(target.utf8.first == UInt8(ascii: "/") ? "" : FileName.folder(place), target)
            case S_IFDIR: throw .unwritable(file: path, FileFault(EISDIR))
            case S_IFREG:
                // A file that its owner has protected is not replaced either, though its directory would allow that.
                guard Files.isWritable(place) else { throw .unwritable(file: path, FileFault()) }
                self = .file(path: place, permissions: status.st_mode & 0o777)
                return
            default:
                self = .special
                return
            }
        }
        throw .unwritable(file: path, FileFault(ELOOP))
    }

    /// The number of an open file of this process, in the names that the system has for it.
    private static func descriptor(_ path: String) -> Int32? {
        switch path {
        case "/dev/stdin": 0
        case "/dev/stdout": 1
        case "/dev/stderr": 2
        default:
            ["/dev/fd/", "/proc/self/fd/"].first(where: path.hasPrefix).flatMap { Int32(path.dropFirst($0.count)) }
        }
    }
}
