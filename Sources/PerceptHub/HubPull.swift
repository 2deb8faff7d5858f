package import Foundation
import PerceptCheckpoint
package import PerceptHubCache
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Something that happens during a pull.
package enum HubEvent: Sendable, Hashable {
    /// Bytes that are there, of all there will be; those of earlier pulls count.
    case progress(done: Int, total: Int)
    /// Another process is fetching `file`.
    case waiting(file: String)
    /// An attempt failed; the next is in `delay`.
    case retry(what: String, reason: String, delay: Duration)
}

/// A model in the cache.
package struct HubSnapshot: Sendable, Hashable {
    package struct File: Sendable, Hashable {
        /// Relative to the snapshot.
        package let name: String
        package let bytes: Int
        /// Bytes that this pull brought over the network.
        package let transferred: Int
    }

    package let repository: HubRepository
    package let commit: String
    package let folder: URL
    package let files: [File]
}

/// Fetches a model into the cache.
///
/// Bytes go into `blobs/TAG.incomplete` under a lock between processes and get their name when their hash is right; a
/// snapshot gets its links, and the revision its entry under `refs`, only when all files are there.
package struct HubPull: Sendable {
    private let client: HubClient
    private let revision: String
    private let original: Bool
    private let onEvent: @Sendable (HubEvent) -> Void
    private let progress: Progress

    /// A file with what has to be known before it can be fetched.
    fileprivate struct Item: Sendable {
        let name: String
        let tag: String
        let size: Int
    }

    /// Sums the bytes of files that are fetched at the same time.
    private final class Progress: Sendable {
        private let state = Mutex((total: 0, done: [String: Int]()))

        func expect(_ total: Int) { state.withLock { $0.total = total } }

        /// - Returns: the sum of all files and what it will be.
        func set(_ file: String, _ bytes: Int) -> HubEvent {
            state.withLock { state in
                state.done[file] = bytes
                return .progress(done: state.done.values.reduce(0, +), total: state.total)
            }
        }
    }

    /// - Parameters:
    ///   - revision: a branch, a tag or a commit.
    ///   - original: take the directory `original`, where Meta keeps the files of its own code, instead of the top.
    ///   - onEvent: called from any thread.
    /// - Throws: ``HubError/invalid(what:value:)``, ``HubError/offline(variable:)``.
    package init(
        _ repository: HubRepository, revision: String = "main", original: Bool = false, settings: HubSettings,
        onEvent: @escaping @Sendable (HubEvent) -> Void = { _ in }
    ) throws(HubError) {
        guard SafeName.isRelativePath(revision) else { throw .invalid(what: "a revision", value: revision) }
        if let variable = settings.offlineVariable { throw .offline(variable: variable) }
        client = HubClient(settings: settings, repository: repository)
        self.revision = revision
        self.original = original
        self.onEvent = onEvent
        progress = Progress()
    }

    private var root: URL { client.settings.cache.root }
    private var folder: URL { client.settings.cache.folder(of: client.repository) }
    private var locks: URL { root.appending(path: ".locks/\(client.repository.folderName)") }
    private func blob(_ tag: String) -> String { folder.appending(path: "blobs/\(tag)").path }

    /// Fetches what is not there.
    ///
    /// - Throws: ``HubError``, `CancellationError`. What was fetched stays, for the next attempt.
    package func run() async throws -> HubSnapshot {
        let listing = try await listing()
        let names = FileSelection.files(
            listing.files.map(\.name), repository: client.repository.name, folder: original ? "original/" : "")
        guard !names.isEmpty else {
            throw HubError.noWeights(id: client.repository.id, files: listing.files.map(\.name))
        }
        let snapshot = folder.appending(path: "snapshots/\(listing.commit)")
        let wanted = listing.files.filter { names.contains($0.name) }
        let present = wanted.filter { file in
            guard let size = Self.size(snapshot.appending(path: file.name).path) else { return false }
            return file.size == nil || size == file.size
        }
        var files = present.map { file in
            let bytes = Self.size(snapshot.appending(path: file.name).path) ?? 0
            return HubSnapshot.File(name: file.name, bytes: bytes, transferred: 0)
        }
        let missing = wanted.filter { !present.contains($0) }
        if !missing.isEmpty { files += try await fetch(missing, files, listing.commit, snapshot) }
        try link(listing.commit)
        return HubSnapshot(
            repository: client.repository, commit: listing.commit, folder: snapshot,
            files: files.sorted { $0.name < $1.name })
    }

    private func fetch(
        _ missing: [HubListing.File], _ present: [HubSnapshot.File], _ commit: String, _ snapshot: URL
    ) async throws -> [HubSnapshot.File] {
        for directory in [folder.appending(path: "blobs"), locks] { try Self.makeDirectory(directory) }
        let items = try await Self.inParallel(missing, client.settings.parallelFiles) { try await identify($0, commit) }
        progress.expect(items.reduce(0) { $0 + $1.size } + present.reduce(0) { $0 + $1.bytes })
        for file in present { onEvent(progress.set(file.name, file.bytes)) }
        try requireSpace(items)
        // Large files first, so that none is left alone at the end.
        let files = try await Self.inParallel(items.sorted { $0.size > $1.size }, client.settings.parallelFiles) {
            HubSnapshot.File(name: $0.name, bytes: $0.size, transferred: try await fetch($0, commit))
        }
        for item in items { try link(item, snapshot) }
        return files
    }

    // MARK: What there is

    private func listing() async throws -> HubListing {
        let id = client.repository.id
        let url = try client.descriptionURL(revision: revision)
        // Real ones have some kilobytes; a hundred thousand files would fit.
        let most = 16 << 20
        return try await client.retrying(id, onRetry: onRetry(id)) {
            let body = Shared([UInt8]())
            do {
                _ = try await client.send(
                    "GET", url, what: id,
                    accept: { _ in
                        body.change { $0 = [] }
                        return true
                    },
                    receive: { bytes in
                        try body.change { body throws(HubError) in
                            guard body.count + bytes.count <= most else {
                                throw HubError.malformed(
                                    what: "the hub's description of \(id)", reason: "has more than \(most) bytes")
                            }
                            body.append(contentsOf: bytes)
                        }
                    })
            } catch HubError.unexpectedStatus(_, 404) {
                throw HubError.repositoryMissing(id: id, hasToken: client.settings.token != nil)
            } catch HubError.revisionMissing {
                throw HubError.revisionMissing(id: id, revision: revision)
            }
            return try body.value.withUnsafeBytes { bytes throws(HubError) in try HubListing(bytes, id: id) }
        }
    }

    /// Asks for the size and the tag of a file where the listing does not have them.
    private func identify(_ file: HubListing.File, _ commit: String) async throws -> Item {
        if let tag = file.tag, let size = file.size { return Item(name: file.name, tag: tag, size: size) }
        let url = try client.fileURL(file.name, commit: commit)
        let answer = try await client.retrying(file.name, onRetry: onRetry(file.name)) {
            try await named(file.name) {
                try await client.send("HEAD", url, what: file.name, stop: "X-Linked-Etag")
            }
        }
        var tag = file.tag ?? answer["X-Linked-Etag"] ?? answer["ETag"] ?? ""
        if tag.hasPrefix("W/") { tag.removeFirst(2) }
        tag = tag.trimmingCharacters(in: ["\""])
        guard SafeName.isTag(tag) else {
            throw HubError.malformed(what: file.name, reason: "the hub names no tag for its contents")
        }
        // The length of a redirect is not that of the file.
        let length = answer.isRedirect ? nil : answer["Content-Length"]
        guard let size = file.size ?? (answer["X-Linked-Size"] ?? length).flatMap({ Int($0) }), size >= 0 else {
            throw HubError.malformed(what: file.name, reason: "the hub does not say its size")
        }
        return Item(name: file.name, tag: tag, size: size)
    }

    /// Missing files are missing by their own name.
    private func named<T>(_ file: String, _ body: () async throws -> T) async throws -> T {
        do { return try await body() } catch HubError.unexpectedStatus(_, 404) {
            throw HubError.fileMissing(id: client.repository.id, file: file)
        }
    }

    private func onRetry(_ what: String) -> (String, Duration) -> Void {
        { reason, delay in onEvent(.retry(what: what, reason: reason, delay: delay)) }
    }

    // MARK: One file

    /// - Returns: bytes transferred.
    private func fetch(_ item: Item, _ commit: String) async throws -> Int {
        let lock = try await FileLock.acquire(locks.appending(path: "\(item.tag).lock").path) {
            onEvent(.waiting(file: item.name))
        }
        defer { lock.release() }
        // It may be there: from another snapshot, or because somebody else has fetched it meanwhile.
        if Self.size(blob(item.tag)) == item.size {
            onEvent(progress.set(item.name, item.size))
            return 0
        }
        return try await fetchLocked(item, commit)
    }

    private func fetchLocked(_ item: Item, _ commit: String) async throws -> Int {
        var transferred = 0
        while true {
            let partial = try PartialFile(item, path: blob(item.tag) + ".incomplete")
            let hadBytes = partial.count > 0
            transferred += try await transfer(item, partial, commit)
            if try partial.commit(to: blob(item.tag), orRestart: hadBytes) { return transferred }
        }
    }

    /// Completes `partial`.
    private func transfer(_ item: Item, _ partial: PartialFile, _ commit: String) async throws -> Int {
        let transferred = Shared(0)
        let url = try client.fileURL(item.name, commit: commit)
        onEvent(progress.set(item.name, partial.count))
        while partial.count < item.size {
            try await client.retrying(item.name, received: { partial.count }, onRetry: onRetry(item.name)) {
                let offset = partial.count
                do {
                    _ = try await named(item.name) {
                        try await client.send(
                            "GET", url, what: item.name, from: offset,
                            accept: { answer in
                                try Self.check(answer, item, commit, offset)
                                if answer.status != 206 { try partial.restart() }
                                return true
                            },
                            receive: { bytes in
                                try partial.append(bytes)
                                transferred.change { $0 += bytes.count }
                                onEvent(progress.set(item.name, partial.count))
                            })
                    }
                } catch HubError.unexpectedStatus(_, 416) where offset > 0 {
                    try partial.restart()
                    return
                } catch let error as HubError {
                    if case .wrongSize = error { partial.discard() }
                    throw error
                }
                // Where there was no length, an early end looks like the end.
                guard partial.count == item.size else {
                    throw TransferFault.cut(reason: "the connection ended at \(partial.count) of \(item.size) bytes")
                }
            }
        }
        return transferred.value
    }

    /// Refuses an answer that cannot be what was asked for, before any of it is written.
    private static func check(_ answer: HTTPAnswer, _ item: Item, _ commit: String, _ offset: Int) throws(HubError) {
        if let found = answer["X-Repo-Commit"], found != commit {
            throw .malformed(what: item.name, reason: "the hub sends it from commit \(found), not \(commit)")
        }
        var size: Int?
        if answer.status == 206 {
            // "bytes 100-199/200"
            let range = (answer["Content-Range"] ?? "").split(whereSeparator: { " -/".contains($0) })
            guard range.count == 4, Int(range[1]) == offset else {
                throw .malformed(what: item.name, reason: "asked for bytes from \(offset), the server sends others")
            }
            size = Int(range[3])
        } else if answer["Content-Encoding"] ?? "identity" == "identity" {
            size = answer["Content-Length"].flatMap { Int($0) }
        }
        if let size, size != item.size { throw .wrongSize(file: item.name, expected: item.size, found: size) }
    }

    // MARK: The cache

    private func link(_ item: Item, _ snapshot: URL) throws(HubError) {
        let place = snapshot.appending(path: item.name)
        try Self.makeDirectory(place.deletingLastPathComponent())
        let depth = item.name.count { $0 == "/" } + 2
        let target = String(repeating: "../", count: depth) + "blobs/\(item.tag)"
        // Made elsewhere and moved: no moment without a link where there was one.
        let temporary = blob("\(item.tag).\(getpid()).\(UInt32.random(in: 0...UInt32.max)).link")
        guard symlink(target, temporary) == 0 else { throw HubError(errno: errno, path: temporary) }
        guard rename(temporary, place.path) == 0 else {
            let code = errno
            unlink(temporary)
            throw HubError(errno: code, path: place.path)
        }
    }

    /// Lets the revision's name stand for the commit.
    private func link(_ commit: String) throws(HubError) {
        guard revision != commit else { return }
        let place = folder.appending(path: "refs/\(revision)")
        guard (try? String(contentsOf: place, encoding: .utf8)) != commit else { return }
        try Self.makeDirectory(place.deletingLastPathComponent())
        do { try Data(commit.utf8).write(to: place, options: .atomic) } catch {
            throw HubError(place.path, error)
        }
    }

    private func requireSpace(_ items: [Item]) throws(HubError) {
        let needed = items.reduce(0) { sum, item in
            let there =
                Self.size(blob(item.tag)) == item.size ? item.size : Self.size(blob(item.tag) + ".incomplete") ?? 0
            return sum + max(0, item.size - there)
        }
        var status = statvfs()
        guard statvfs(folder.path, &status) == 0 else { return }
        let free = Int(
            clamping: UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize)).partialValue)
        if needed > free { throw .noSpace(path: folder.path, needed: needed, free: free) }
    }

    /// Bytes of the regular file that a path leads to.
    private static func size(_ path: String) -> Int? {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG ? Int(status.st_size) : nil
    }

    private static func makeDirectory(_ url: URL) throws(HubError) {
        do { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) } catch {
            throw HubError(url.path, error)
        }
    }

    /// Results in the order of `elements`, of which up to `width` are worked on at the same time. The first failure
    /// ends the others.
    private static func inParallel<Element: Sendable, Value: Sendable>(
        _ elements: [Element], _ width: Int, _ body: @escaping @Sendable (Element) async throws -> Value
    ) async throws -> [Value] {
        try await withThrowingTaskGroup(of: (Int, Value).self) { group in
            var values = [Value?](repeating: nil, count: elements.count)
            for (index, element) in elements.enumerated() {
                if index >= width, let (done, value) = try await group.next() { values[done] = value }
                group.addTask { (index, try await body(element)) }
            }
            while let (done, value) = try await group.next() { values[done] = value }
            return values.compactMap { $0 }
        }
    }
}

extension PartialFile {
    fileprivate convenience init(_ item: HubPull.Item, path: String) throws(HubError) {
        try self.init(path: path, name: item.name, size: item.size, expected: ContentHash(tag: item.tag))
    }
}

extension HubError {
    /// What Foundation says about writing at `path`.
    fileprivate init(_ path: String, _ error: any Error) {
        let error = error as NSError
        let posix = error.userInfo[NSUnderlyingErrorKey] as? NSError
        if let posix, posix.domain == NSPOSIXErrorDomain {
            self = HubError(errno: Int32(posix.code), path: path)
            return
        }
        switch CocoaError.Code(rawValue: error.code) {
        case .fileWriteOutOfSpace: self = .noSpace(path: path, needed: nil, free: nil)
        case .fileWriteNoPermission, .fileWriteVolumeReadOnly:
            self = .unwritable(path: path, reason: "permission denied", isPermission: true)
        default: self = .unwritable(path: path, reason: error.localizedDescription, isPermission: false)
        }
    }
}
