import PerceptFiles

/// Which file an embedding is of.
struct InputOrigin: Sendable, Hashable {
    /// As the user named it; its bytes are carried by ``FileName``.
    let name: String
    /// What it was like; nil where there was none, and for a pipe.
    let stamp: FileStamp?

    /// For people and for JSON.
    var shown: String { FileName.shown(name) }

    init(_ file: InputFile) { (name, stamp) = (file.name, file.stamp) }

    /// A file that was not opened.
    init(lost name: String) { (self.name, stamp) = (name, FileStamp(name)) }

    init(name: String, stamp: FileStamp?) { (self.name, self.stamp) = (name, stamp) }
}

/// What a file that was changed or replaced has otherwise.
struct FileStamp: Sendable, Hashable {
    let size: Int64
    let seconds: Int64
    let nanoseconds: Int64

    /// - Returns: nil for what is no regular file.
    init?(_ name: String) {
        guard let stamp = Files.stamp(name) else { return nil }
        (size, seconds, nanoseconds) = stamp
    }

    init(size: Int64, seconds: Int64, nanoseconds: Int64) {
        (self.size, self.seconds, self.nanoseconds) = (size, seconds, nanoseconds)
    }
}
