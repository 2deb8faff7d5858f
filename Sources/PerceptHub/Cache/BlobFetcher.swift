import Foundation
import PerceptHubCache

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Brings blobs into the cache, each under a lock between processes.
struct BlobFetcher: Sendable {
    struct Result: Sendable {
        /// Bytes that came over the network.
        let transferred: Int
        /// It was not there before.
        let isNew: Bool
        /// Its hash was compared.
        let isVerified: Bool
    }

    let client: HubClient
    let commit: String
    /// The repository's directory.
    let folder: URL
    let locks: URL
    let writer: SnapshotWriter
    let notes: VerifiedFiles
    let present: PresentFiles
    let onEvent: @Sendable (HubEvent) -> Void
    /// Takes the bytes that are there of a file.
    let onProgress: @Sendable (String, Int) -> Void

    private func blob(_ tag: String) -> String { folder.appending(path: "blobs/\(tag)").path }

    func fetch(_ item: HubItem) async throws -> Result {
        let lock = try await FileLock.acquire(locks.appending(path: "\(item.tag).lock").path) {
            onEvent(.waiting(file: item.name))
        }
        defer { lock.release() }
        let hash = ContentHash(tag: item.tag)
        // It may be there: from another snapshot, or because somebody else has fetched it meanwhile.
        let path = blob(item.tag)
        if present != .replaced, let stamp = FileStamp(path: path), stamp.size == item.size {
            if try isSound(path, stamp, hash, item) {
                return Result(transferred: 0, isNew: false, isVerified: hash != nil)
            }
        } else if present != .replaced, let hash, try borrow(item, hash) {
            return Result(transferred: 0, isNew: true, isVerified: true)
        }
        let transferred = try await transfer(item, lock.isHeld)
        return Result(transferred: transferred, isNew: true, isVerified: hash != nil)
    }

    private func isSound(_ path: String, _ stamp: FileStamp, _ hash: ContentHash?, _ item: HubItem) throws -> Bool {
        guard let hash else { return true }
        if present == .verifiedOnce, notes.contains(hash, stamp) { return true }
        if notes.contradicts(hash, stamp) { return false }
        return try hash.isHash(of: path) { onProgress(item.name, $0) }
    }

    /// Takes the file from another snapshot that has it, where no blob keeps it.
    private func borrow(_ item: HubItem, _ hash: ContentHash) throws -> Bool {
        for path in writer.elsewhere(item.name) {
            guard let stamp = FileStamp(path: path), stamp.size == item.size, try isSound(path, stamp, hash, item)
            else {
                continue
            }
            let temporary = SnapshotWriter.temporary(blob(item.tag)) + ".link"
            defer { unlink(temporary) }
            try SnapshotWriter.copy(path, to: temporary)
            guard rename(temporary, blob(item.tag)) == 0 else { throw HubError(errno: errno, path: blob(item.tag)) }
            return true
        }
        return false
    }

    /// Where a complete file goes. A blob may be a link to the store that huggingface_hub has for all repositories of a
    /// cache: mended there, it is mended for all.
    private func destination(_ tag: String) -> String {
        let path = blob(tag)
        guard let target = SnapshotWriter.resolved(path),
            let root = SnapshotWriter.resolved(client.settings.cache.root.path)
        else { return path }
        let isInCache = target.hasPrefix(root + "/")
        let parent = target.split(separator: "/").dropLast().joined(separator: "/")
        return isInCache && access("/" + parent, W_OK) == 0 ? target : path
    }

    private func transfer(_ item: HubItem, _ isLocked: Bool) async throws -> Int {
        var transferred = 0
        while true {
            // Without a lock two processes would write to one file.
            let name = isLocked ? item.tag : "\(item.tag).\(getpid()).\(UInt32.random(in: 0...UInt32.max))"
            let partial = try PartialFile(
                path: blob(name) + ".incomplete", name: item.name, size: item.size,
                expected: ContentHash(tag: item.tag))
            defer { if !isLocked { partial.discard() } }
            let hadBytes = partial.count > 0
            transferred += try await transfer(item, partial)
            let destination = destination(item.tag)
            guard try partial.commit(to: destination, orRestart: hadBytes) else { continue }
            if let hash = ContentHash(tag: item.tag), let stamp = FileStamp(path: destination) {
                notes.add(hash, stamp)
            }
            return transferred
        }
    }

    /// Completes `partial`.
    private func transfer(_ item: HubItem, _ partial: PartialFile) async throws -> Int {
        let transferred = Shared(0)
        let url = try client.fileURL(item.name, commit: commit)
        onProgress(item.name, partial.count)
        let onRetry = { reason, delay in onEvent(.retry(what: item.name, reason: reason, delay: delay)) }
        while partial.count < item.size {
            try await client.retrying(item.name, received: { partial.count }, onRetry: onRetry) {
                let offset = partial.count
                // The beginning of what is of another size, and that size.
                let other = Shared((size: Int?.none, prefix: [UInt8]()))
                do {
                    _ = try await client.named(item.name) {
                        try await client.send(
                            "GET", url, what: item.name, from: offset,
                            accept: { answer in
                                let size = try size(answer, item, offset)
                                other.change { $0 = (size == item.size ? nil : size, []) }
                                if other.value.size == nil, answer.status != 206 { try partial.restart() }
                                return true
                            },
                            receive: { bytes in
                                if let size = other.value.size {
                                    other.change { $0.prefix += bytes }
                                    guard other.value.prefix.count < ForeignContent.prefixLength else {
                                        throw Self.refusal(item, size, other.value.prefix)
                                    }
                                    return
                                }
                                try partial.append(bytes)
                                transferred.change { $0 += bytes.count }
                                onProgress(item.name, partial.count)
                            })
                    }
                    if let size = other.value.size { throw Self.refusal(item, size, other.value.prefix) }
                } catch HubError.unexpectedStatus(_, 416) where offset > 0 {
                    try partial.restart()
                    return
                } catch HubError.foreign(let what, let content) {
                    // What came before the page is none the worse for it.
                    if partial.count == 0 { partial.discard() }
                    throw HubError.foreign(what: what, content: content)
                } catch HubError.wrongSize(let file, let expected, let found) {
                    defer { partial.discard() }
                    throw partial.foreignContent.map { .foreign(what: file, content: $0) }
                        ?? HubError.wrongSize(file: file, expected: expected, found: found)
                }
                // Where there was no length, an early end looks like the end.
                guard partial.count == item.size else {
                    throw TransferFault.cut(reason: "the connection ended at \(partial.count) of \(item.size) bytes")
                }
            }
        }
        return transferred.value
    }

    /// The size of the whole file by the head of an answer; nil where it is not said.
    ///
    /// - Throws: ``HubError/malformed(what:reason:)`` for an answer that cannot be what was asked for.
    private func size(_ answer: HTTPAnswer, _ item: HubItem, _ offset: Int) throws(HubError) -> Int? {
        if let found = answer["X-Repo-Commit"], found != commit {
            throw .malformed(what: item.name, reason: "the hub sends it from commit \(found), not \(commit)")
        }
        // Contents without a hash can only be told by their tag; where the hub redirects to, there are other tags.
        if ContentHash(tag: item.tag) == nil, HubClient.isSameOrigin(answer.url, client.settings.endpoint),
            let tag = (answer["X-Linked-Etag"] ?? answer["ETag"]).flatMap(HubHeaders.tag), tag != item.tag
        {
            throw .malformed(what: item.name, reason: "changed on the hub while it was fetched")
        }
        if answer.status == 206 {
            guard let range = answer["Content-Range"].flatMap(HubHeaders.range), range.first == offset else {
                throw .malformed(what: item.name, reason: "asked for bytes from \(offset), the server sends others")
            }
            return range.size
        }
        return answer["Content-Encoding"] ?? "identity" == "identity" ? answer.bytes("Content-Length") : nil
    }

    /// Why contents of another size are refused: what they are, if their beginning tells.
    private static func refusal(_ item: HubItem, _ size: Int, _ prefix: [UInt8]) -> HubError {
        ForeignContent(prefix, file: item.name).map { .foreign(what: item.name, content: $0) }
            ?? .wrongSize(file: item.name, expected: item.size, found: size)
    }

    /// Refuses more than the disk holds.
    func requireSpace(_ items: [HubItem]) throws(HubError) {
        let needed = items.reduce(0) { sum, item in
            let path = blob(item.tag)
            let isThere = present != .replaced && FileStamp(path: path)?.size == item.size
            let there = isThere ? item.size : FileStamp(path: path + ".incomplete")?.size ?? 0
            return sum + max(0, item.size - there)
        }
        var status = statvfs()
        guard statvfs(folder.path, &status) == 0 else { return }
        let free = Int(
            clamping: UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize)).partialValue)
        if needed > free { throw .noSpace(path: folder.path, needed: needed, free: free) }
    }
}
