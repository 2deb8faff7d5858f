#if Media
    public import Foundation
    import PerceptFiles
    import PerceptMedia

    /// The pictures and videos in a folder and the folders in it, by name or by how they begin.
    ///
    /// Links are followed, unless they lead back to where they are. What has a point in front of its name is left out, as are
    /// pipes, sockets and devices. Whether a file can be decoded is seen when that is tried.
    public struct MediaFolder: Sendable {
        /// As `FileName` carries them, in the order of their paths' bytes.
        package private(set) var paths: [String] = []
        /// What is wrong with the folder, or with folders in it: that they cannot be read, or that nothing was found at all. What
        /// was found elsewhere is there nevertheless.
        public private(set) var faults: [PerceptError] = []

        /// The files that were found, in the order of their paths' bytes.
        public var files: [URL] { paths.map { URL(path: $0) } }

        private struct Identity: Hashable {
            let device: UInt64
            let file: UInt64

            init(_ status: stat) { (device, file) = (UInt64(status.st_dev), UInt64(status.st_ino)) }
        }

        /// How often each folder was searched: links may lead to it from many places.
        private var searches: [Identity: Int] = [:]
        /// A dozen folders full of links to each other make more ways than anybody has time for.
        private static let mostSearches = 1000

        /// Searches a folder, which takes a look at the first bytes of files whose names do not tell.
        ///
        /// - Throws: ``PerceptError`` with ``PerceptError/Code/usage`` for an address that is not of a file.
        public init(_ folder: URL) throws(PerceptError) { self.init(path: try PerceptError.path(folder)) }

        /// - Parameter folder: as `FileName` carries it.
        package init(path folder: String) {
            if let status = Files.status(folder) { search(folder, within: [Identity(status)]) }
            guard paths.isEmpty, faults.isEmpty else { return }
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
                    paths.append(entry.path)
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
#endif
