package import Foundation
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
    /// Bytes read of files that are there already, to compare their hashes.
    case verifying(done: Int, total: Int)
    /// What was there of `file` is not what the hub has; it is fetched anew.
    case damaged(file: String)
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

/// What becomes of files that are in the cache already.
package enum PresentFiles: Sendable, Hashable {
    /// Those that changed since their hash was last compared are hashed.
    case verifiedOnce
    /// All are hashed.
    case verified
    /// All are fetched anew.
    case replaced
}

/// Fetches a model into the cache.
///
/// Bytes go into `blobs/TAG.incomplete` under a lock between processes and get their name when their hash is right; a
/// snapshot gets its links, and the revision its entry under `refs`, only when all files are there.
package struct HubPull: Sendable {
    let client: HubClient
    private let revision: String
    private let original: Bool
    private let present: PresentFiles
    let onEvent: @Sendable (HubEvent) -> Void
    private let notes: VerifiedFiles

    /// - Parameters:
    ///   - revision: a branch, a tag or a commit.
    ///   - original: take the directory `original`, where Meta keeps the files of its own code, instead of the top.
    ///   - onEvent: called from any thread.
    /// - Throws: ``HubError/invalid(what:value:)``.
    package init(
        _ repository: HubRepository, revision: String = "main", original: Bool = false,
        present: PresentFiles = .verifiedOnce, settings: HubSettings,
        onEvent: @escaping @Sendable (HubEvent) -> Void = { _ in }
    ) throws(HubError) {
        guard SafeName.isRelativePath(revision) else { throw .invalid(what: "a revision", value: revision) }
        client = HubClient(settings: settings, repository: repository)
        self.revision = revision
        self.original = original
        self.present = present
        self.onEvent = onEvent
        notes = VerifiedFiles(in: settings.notes, repository: repository.folderName)
    }

    private var cache: HubCache { client.settings.cache }
    private var folder: URL { cache.folder(of: client.repository) }
    private var locks: URL { cache.root.appending(path: ".locks/\(client.repository.folderName)") }

    /// Fetches what is not there, or is there and damaged.
    ///
    /// - Throws: ``HubError``, `CancellationError`. What was fetched stays, for the next attempt.
    package func run() async throws -> HubSnapshot {
        do {
            let snapshot = try await pull()
            await notes.save()
            return snapshot
        } catch {
            // What was hashed need not be hashed again for it.
            await notes.save()
            throw error
        }
    }

    private func pull() async throws -> HubSnapshot {
        if let variable = client.settings.offlineVariable { return try await local(variable) }
        let listing = try await client.listing(revision: revision, onEvent)
        let names = select(listing.files.map(\.name))
        guard !names.isEmpty else {
            throw HubError.noWeights(id: client.repository.id, files: listing.files.map(\.name))
        }
        let snapshot = folder.appending(path: "snapshots/\(listing.commit)")
        let wanted = listing.files.filter { names.contains($0.name) }
        let sound = present == .replaced ? [:] : try await self.sound(wanted, in: snapshot)
        var files = sound.map { HubSnapshot.File(name: $0.key, bytes: $0.value, transferred: 0) }
        let missing = wanted.filter { sound[$0.name] == nil }
        if !missing.isEmpty { files += try await fetch(missing, besides: files, of: wanted, listing.commit, snapshot) }
        do { try refer(to: listing.commit) } catch {
            // Where nothing was missing, the cache may be one that cannot be written to.
            if !missing.isEmpty { throw error }
        }
        return HubSnapshot(
            repository: client.repository, commit: listing.commit, folder: snapshot,
            files: files.sorted { $0.name < $1.name })
    }

    private func select(_ names: [String]) -> [String] {
        FileSelection.files(names, repository: client.repository.name, folder: original ? "original/" : "")
    }

    /// What is in the cache, if that is all of it: without the network nobody can say what else there is.
    private func local(_ variable: String) async throws -> HubSnapshot {
        guard let snapshot = cache.snapshot(of: client.repository, revision: revision), present != .replaced else {
            throw HubError.offline(variable: variable)
        }
        let place = original ? snapshot.appending(path: "original") : snapshot
        let there = (try? FileManager.default.contentsOfDirectory(atPath: place.path)) ?? []
        let names = select(there.map { original ? "original/\($0)" : $0 })
        let sound = try await self.sound(names.map { HubListing.File(name: $0, size: nil, tag: nil) }, in: snapshot)
        guard FileSelection.isComplete(names), sound.count == names.count else {
            throw HubError.offline(variable: variable)
        }
        return HubSnapshot(
            repository: client.repository, commit: snapshot.lastPathComponent, folder: snapshot,
            files: names.sorted().map { HubSnapshot.File(name: $0, bytes: sound[$0] ?? 0, transferred: 0) })
    }

    // MARK: What is there

    /// The sizes of those of `files` that are in the snapshot and have the contents that their tags say, by name.
    private func sound(_ files: [HubListing.File], in snapshot: URL) async throws -> [String: Int] {
        let there = files.compactMap { file -> (file: HubListing.File, path: String, stamp: FileStamp)? in
            let path = snapshot.appending(path: file.name).path
            guard let stamp = FileStamp(path: path), file.size == nil || file.size == stamp.size else { return nil }
            return (file, path, stamp)
        }
        let progress = PullProgress()
        let unknown = there.filter { !isNoted(hash($0.file, $0.path), $0.stamp) }
        progress.expect(unknown.reduce(0) { $0 + $1.stamp.size })
        let unsound = try await inParallel(unknown, client.settings.parallelFiles) { entry -> String? in
            guard let hash = hash(entry.file, entry.path) else { return nil }
            let isSound = try hash.isHash(of: entry.path) { count in
                let (done, total) = progress.set(entry.file.name, count)
                onEvent(.verifying(done: done, total: total))
            }
            if isSound { notes.add(hash, entry.stamp) } else { onEvent(.damaged(file: entry.file.name)) }
            return isSound ? nil : entry.file.name
        }
        let names = Set(unsound.compactMap { $0 })
        return there.filter { !names.contains($0.file.name) }.reduce(into: [:]) { $0[$1.file.name] = $1.stamp.size }
    }

    /// The hash that a file of the snapshot should have: the hub says it, or the name of the blob that it is a link to.
    private func hash(_ file: HubListing.File, _ path: String) -> ContentHash? {
        let target = try? FileManager.default.destinationOfSymbolicLink(atPath: path)
        return (file.tag ?? target?.split(separator: "/").last.map(String.init)).flatMap { ContentHash(tag: $0) }
    }

    private func isNoted(_ hash: ContentHash?, _ stamp: FileStamp) -> Bool {
        guard let hash else { return true }
        return present == .verifiedOnce && notes.contains(hash, stamp)
    }

    // MARK: What is not

    private func fetch(
        _ missing: [HubListing.File], besides present: [HubSnapshot.File], of wanted: [HubListing.File],
        _ commit: String, _ snapshot: URL
    ) async throws -> [HubSnapshot.File] {
        for directory in [folder.appending(path: "blobs"), locks] { try Self.makeDirectory(directory) }
        let writer = try SnapshotWriter(
            folder: folder, snapshot: snapshot, usesLinks: client.settings.usesLinks)
        try writer.check(wanted.map(\.name))
        let items = try await inParallel(missing, client.settings.parallelFiles) {
            try await client.identify($0, commit, onEvent)
        }
        let progress = PullProgress()
        progress.expect(items.reduce(0) { $0 + $1.size } + present.reduce(0) { $0 + $1.bytes })
        for file in present { report(progress, file.name, file.bytes) }
        let fetcher = BlobFetcher(
            client: client, commit: commit, folder: folder, locks: locks, writer: writer, notes: notes,
            present: self.present, onEvent: onEvent
        ) { report(progress, $0, $1) }
        try fetcher.requireSpace(items)
        // Large files first, so that none is left alone at the end.
        let fetched = try await inParallel(items.sorted { $0.size > $1.size }, client.settings.parallelFiles) {
            ($0, try await fetcher.fetch($0))
        }
        for (index, (item, result)) in fetched.enumerated() {
            let isNeeded = fetched[(index + 1)...].contains { $0.0.tag == item.tag }
            try writer.place(item.name, item.tag, mayMove: result.isNew && !isNeeded)
            if let hash = ContentHash(tag: item.tag), result.isVerified,
                let stamp = FileStamp(path: snapshot.appending(path: item.name).path)
            {
                notes.add(hash, stamp)
            }
        }
        return fetched.map { HubSnapshot.File(name: $0.0.name, bytes: $0.0.size, transferred: $0.1.transferred) }
    }

    private func report(_ progress: PullProgress, _ file: String, _ bytes: Int) {
        let (done, total) = progress.set(file, bytes)
        onEvent(.progress(done: done, total: total))
    }

    /// Lets the revision's name stand for the commit.
    private func refer(to commit: String) throws(HubError) {
        guard revision != commit else { return }
        let place = folder.appending(path: "refs/\(revision)")
        guard FileManager.default.contents(atPath: place.path) != Data(commit.utf8) else { return }
        try Self.makeDirectory(place.deletingLastPathComponent())
        do { try Data(commit.utf8).write(to: place, options: .atomic) } catch {
            throw HubError(place.path, error)
        }
    }

    static func makeDirectory(_ url: URL) throws(HubError) {
        do { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) } catch {
            throw HubError(url.path, error)
        }
    }
}

/// Sums the bytes of files that are worked on at the same time.
final class PullProgress: Sendable {
    private let state = Mutex((total: 0, done: [String: Int]()))

    func expect(_ total: Int) { state.withLock { $0.total = total } }

    /// - Returns: the sum of all files and what it will be.
    func set(_ file: String, _ bytes: Int) -> (done: Int, total: Int) {
        state.withLock { state in
            state.done[file] = bytes
            return (state.done.values.reduce(0, +), state.total)
        }
    }
}

/// Results in the order of `elements`, of which up to `width` are worked on at the same time. The first failure ends the
/// others.
func inParallel<Element: Sendable, Value: Sendable>(
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

extension HubError {
    /// What Foundation says about writing at `path`.
    init(_ path: String, _ error: any Error) {
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
