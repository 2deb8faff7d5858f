import Foundation
import PerceptHubCache

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Puts files into a snapshot of the cache: links to blobs, or the files themselves where there are no links.
///
/// On such file systems (FAT, some shares and mounts of containers) huggingface_hub moves a blob that it has fetched into
/// the snapshot, and copies one that was there before. So does this, with a hard link for a copy where that goes.
struct SnapshotWriter: Sendable {
    /// The directory of the repository.
    let folder: URL
    let snapshot: URL
    /// Whether the file system has symbolic links, and they are wanted.
    let usesLinks: Bool
    /// Whether capital and small letters are the same to the file system.
    let foldsCase: Bool

    /// Tries what will be needed where the cache is, before anything is fetched.
    ///
    /// - Throws: ``HubError/unwritable(path:reason:isPermission:)``, ``HubError/noSpace(path:needed:free:)``.
    init(folder: URL, snapshot: URL, usesLinks: Bool) throws(HubError) {
        (self.folder, self.snapshot) = (folder, snapshot)
        let probe = Self.temporary(folder.appending(path: "blobs/probe").path)
        let descriptor = open(probe, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw HubError(errno: errno, path: folder.appending(path: "blobs").path) }
        close(descriptor)
        defer { unlink(probe) }
        foldsCase = access(folder.appending(path: "blobs").path + "/" + Self.upper(probe), F_OK) == 0
        let link = probe + ".link"
        let hasLinks = usesLinks && symlink("probe", link) == 0
        if hasLinks { unlink(link) }
        self.usesLinks = hasLinks
    }

    private static func upper(_ path: String) -> String { (path.split(separator: "/").last ?? "").uppercased() }

    /// A name that nobody else has, in the same directory.
    static func temporary(_ path: String) -> String {
        "\(path).\(getpid()).\(UInt32.random(in: 0...UInt32.max))"
    }

    private func blob(_ tag: String) -> String { folder.appending(path: "blobs/\(tag)").path }

    /// Refuses names that cannot stand beside each other, and paths that are too long.
    func check(_ names: [String]) throws(HubError) {
        for name in names {
            let place = snapshot.appending(path: name).path
            // Some room for temporary names.
            if place.utf8.count + 64 > Int(PATH_MAX) { throw HubError(errno: ENAMETOOLONG, path: place) }
        }
        guard foldsCase else { return }
        var known: [String: String] = [:]
        for name in names {
            if let other = known.updateValue(name, forKey: name.lowercased()) {
                throw .sameName(file: name, other: other)
            }
        }
    }

    /// Makes `name` of the snapshot the blob `tag`.
    ///
    /// - Parameter mayMove: nobody else needs the blob under its own name, which is so of one just fetched, and where there
    ///   are no links.
    func place(_ name: String, _ tag: String, mayMove: Bool) throws(HubError) {
        let place = snapshot.appending(path: name)
        try HubPull.makeDirectory(place.deletingLastPathComponent())
        let temporary = Self.temporary(blob(tag)) + ".link"
        if usesLinks {
            let target = String(repeating: "../", count: SafeName.parts(name).count + 1) + "blobs/\(tag)"
            guard symlink(target, temporary) == 0 else { throw HubError(errno: errno, path: temporary) }
        } else if mayMove {
            guard rename(blob(tag), place.path) == 0 else { throw HubError(errno: errno, path: place.path) }
            return
        } else {
            try Self.copy(blob(tag), to: temporary)
        }
        // Made elsewhere and moved: no moment without a file where there was one.
        defer { unlink(temporary) }
        guard rename(temporary, place.path) == 0 else { throw HubError(errno: errno, path: place.path) }
    }

    /// The path without links; nil if nothing is there.
    static func resolved(_ path: String) -> String? {
        guard let text = realpath(path, nil) else { return nil }
        defer { free(text) }
        return String(cString: text)
    }

    /// Makes a file anew under a second name, without a second set of bytes where the file system can do that.
    static func copy(_ source: String, to destination: String) throws(HubError) {
        // A link to a link would lead elsewhere from another directory.
        let path = resolved(source) ?? source
        if link(path, destination) == 0 { return }
        do {
            try FileManager.default.copyItem(atPath: path, toPath: destination)
        } catch {
            unlink(destination)
            throw HubError(destination, error)
        }
        let descriptor = open(destination, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw HubError(errno: errno, path: destination) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw HubError(errno: errno, path: destination) }
    }

    /// Files, not links, of other snapshots under the same name, the newest first.
    func elsewhere(_ name: String) -> [String] {
        let snapshots = snapshot.deletingLastPathComponent()
        let others = (try? FileManager.default.contentsOfDirectory(atPath: snapshots.path)) ?? []
        let files = others.filter { $0 != snapshot.lastPathComponent }.map { other in
            snapshots.appending(path: "\(other)/\(name)").path
        }
        let stamped = files.compactMap { path -> (path: String, modified: Int)? in
            var status = stat()
            guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
            return FileStamp(path: path).map { (path, $0.modified) }
        }
        return stamped.sorted { $0.modified > $1.modified }.map(\.path)
    }
}
