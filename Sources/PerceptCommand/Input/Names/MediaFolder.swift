import Foundation
import Percept
import PerceptFiles
import PerceptMedia

/// The pictures and videos in a folder and the folders in it, by name or by how they begin.
///
/// Links are followed, unless they lead back to where they are. What has a point in front of its name is left out, as are
/// pipes, sockets and devices.
struct MediaFolder {
    /// In the order of their paths' bytes.
    private(set) var files: [String] = []
    /// Of folders: that cannot be read, or that hold nothing.
    private(set) var faults: [PerceptError] = []

    private struct Identity: Hashable {
        let device: UInt64
        let file: UInt64

        init(_ status: stat) { (device, file) = (UInt64(status.st_dev), UInt64(status.st_ino)) }
    }

    /// How often each folder was searched: links may lead to it from many places.
    private var searches: [Identity: Int] = [:]
    /// A dozen folders full of links to each other make more ways than anybody has time for.
    private static let mostSearches = 1000

    init(_ folder: String) {
        if let status = Files.status(folder) { search(folder, within: [Identity(status)]) }
        guard files.isEmpty, faults.isEmpty else { return }
        faults = [PerceptError(.missingInput, "\(folder): holds nothing that looks like a picture or a video")]
    }

    private mutating func search(_ folder: String, within ancestors: Set<Identity>) {
        let names: [String]
        do { names = try Files.names(in: folder) } catch {
            faults.append(PerceptError(.badData, "\(folder): cannot be read: \(error)", cause: error))
            return
        }
        var found: [(path: String, isFolder: Bool, status: stat)] = []
        for name in names where name.utf8.first != UInt8(ascii: ".") {
            let path = FileName.joined(folder, name)
            guard let status = Files.status(path) else {
                // A link to nowhere, say: named like a picture, it is one that is missed.
                if MediaNames.isMedia(path) { found.append((path, false, stat())) }
                continue
            }
            switch Files.kind(status) {
            case S_IFDIR: found.append((path, true, status))
            case S_IFREG: if Self.isWanted(path) { found.append((path, false, status)) }
            default: break
            }
        }
        // As if all paths were sorted: what is in a folder has a slash behind the folder's name.
        let sorted = found.map { (key: Array(($0.isFolder ? $0.path + "/" : $0.path).utf8), entry: $0) }
            .sorted { $0.key.lexicographicallyPrecedes($1.key) }
        for (_, entry) in sorted {
            guard entry.isFolder else {
                files.append(entry.path)
                continue
            }
            let identity = Identity(entry.status)
            guard !ancestors.contains(identity) else { continue }
            searches[identity, default: 0] += 1
            guard searches[identity, default: 0] <= Self.mostSearches else {
                let reason = "is left out: \(Self.mostSearches) links have led there before"
                faults.append(PerceptError(.badData, "\(entry.path): \(reason)"))
                continue
            }
            search(entry.path, within: ancestors.union([identity]))
        }
    }

    private static func isWanted(_ path: String) -> Bool {
        MediaNames.isMedia(path) || (!MediaNames.isOther(path) && MediaSigns.begins(path))
    }
}
