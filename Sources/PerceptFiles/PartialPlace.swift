#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A file or a directory under its temporary name, locked as long as its writer lives.
///
/// The lock tells a writer at work from one that was killed. What the latter left is removed, or kept aside if it is a
/// recording. Where the file system has no locks nothing is known, so nothing is removed and the next free name is taken.
struct PartialPlace: Sendable {
    let path: String
    let descriptor: Int32
    /// Where a recording of an earlier run was put that had this one's name.
    private(set) var aside: String?

    /// Whether it holds what a killed writer left, to go on behind it.
    private(set) var isTakenOver = false

    enum Kind {
        case file, recording, directory
        /// A file in which the work of a killed writer goes on.
        case continued
    }

    /// More are never in use.
    private static let mostNames = 1000

    /// Makes the file or directory for a destination.
    init(for destination: String, _ kind: Kind) throws(FileFault) {
        let names = PartialName(of: destination, isRecording: kind == .recording)
        var number = 0
        while number < Self.mostNames {
            let candidate = names.partial(number)
            let descriptor = Self.make(candidate, kind)
            if descriptor >= 0 {
                // Between the two steps somebody may have taken it for a dead writer's.
                let isHeld = Files.lock(descriptor) == .held
                if !isHeld && Self.isNamed(candidate, descriptor) {
                    (path, self.descriptor) = (candidate, descriptor)
                    return
                }
                close(descriptor)
            } else if errno != EEXIST {
                throw FileFault()
            } else if kind == .continued, let descriptor = Self.takeOver(candidate) {
                (path, self.descriptor, isTakenOver) = (candidate, descriptor, true)
                return
            } else if let aside = Self.clear(candidate, kind, names, isFirst: number == 0) {
                if !aside.isEmpty { self.aside = aside }
            } else {
                number += 1
            }
        }
        throw FileFault(EEXIST)
    }

    /// Whether the name is still that of the open file.
    static func isNamed(_ path: String, _ descriptor: Int32) -> Bool {
        Files.isSame(Files.status(path, followsLinks: false), Files.status(of: descriptor))
    }

    /// - Returns: a descriptor, or a negative number with `errno`.
    private static func make(_ path: String, _ kind: Kind) -> Int32 {
        guard kind == .directory else { return Files.open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW) }
        guard Files.makeDirectory(path) == 0 else { return -1 }
        return Files.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    }

    /// - Returns: the open file, locked; nil where its writer lives, or nothing is known of it.
    private static func takeOver(_ path: String) -> Int32? {
        let descriptor = Files.open(path, O_RDWR | O_NONBLOCK | O_NOFOLLOW)
        guard descriptor >= 0 else { return nil }
        if let status = Files.status(of: descriptor), Files.kind(status) == S_IFREG, Files.lock(descriptor) == .taken,
            isNamed(path, descriptor)
        {
            return descriptor
        }
        close(descriptor)
        return nil
    }

    /// Makes the name free if its writer is dead.
    ///
    /// - Returns: nil where it is in use; else where what had it is now, empty if nowhere.
    private static func clear(_ path: String, _ kind: Kind, _ names: PartialName, isFirst: Bool) -> String? {
        let flags = kind == .directory ? O_RDONLY | O_DIRECTORY : O_RDWR
        let descriptor = Files.open(path, flags | O_NONBLOCK | O_NOFOLLOW)
        guard descriptor >= 0 else { return errno == ENOENT ? "" : nil }
        defer { close(descriptor) }
        guard let status = Files.status(of: descriptor), Files.kind(status) == (kind == .directory ? S_IFDIR : S_IFREG),
            Files.lock(descriptor) == .taken
        else { return nil }
        // Its writer may just have given it its name.
        guard isNamed(path, descriptor) else { return "" }
        switch kind {
        case .directory: Files.removeTree(path)
        case .recording where status.st_size > 0:
            guard isFirst,
                let aside = (1..<mostNames).lazy.map(names.aside).first(where: {
                    Files.status($0, followsLinks: false) == nil
                }), Files.rename(path, to: aside) == 0
            else { return nil }
            return aside
        case .file, .recording, .continued: guard Files.unlink(path) == 0 else { return nil }
        }
        return ""
    }
}
