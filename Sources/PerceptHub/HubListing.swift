import PerceptCheckpoint
import PerceptHubCache
import PerceptJSON

/// What the hub says of one revision of a repository.
struct HubListing: Sendable, Hashable {
    struct File: Sendable, Hashable {
        /// A relative path that stays in its directory.
        let name: String
        /// Bytes; nil where the server does not say.
        let size: Int?
        /// The name of its contents in the cache; nil where the server does not say.
        let tag: String?
    }

    let commit: String
    let files: [File]

    /// Reads the answer of `/api/models/ID/revision/REVISION?blobs=true`.
    ///
    /// - Throws: ``HubError/malformed(what:reason:)``, ``HubError/unsafeName(id:file:)``.
    init(_ bytes: UnsafeRawBufferPointer, id: String) throws(HubError) {
        let what = "the hub's description of \(id)"
        let json: JSON
        do { json = try JSON(bytes, file: what) } catch {
            guard case .malformed(_, let reason) = error else { throw .malformed(what: what, reason: "\(error)") }
            throw .malformed(what: what, reason: reason)
        }
        guard let commit = json["sha"]?.string, SafeName.isCommit(commit) else {
            throw .malformed(what: what, reason: "has no commit")
        }
        guard let siblings = json["siblings"]?.array else {
            throw .malformed(what: what, reason: "has no list of files")
        }
        var files: [File] = []
        var names: Set<String> = []
        for sibling in siblings {
            guard let name = sibling["rfilename"]?.string else {
                throw .malformed(what: what, reason: "has a file without a name")
            }
            guard SafeName.isRelativePath(name), names.insert(name).inserted else {
                throw .unsafeName(id: id, file: name)
            }
            let large = sibling["lfs"]
            let size = large?["size"]?.integer ?? sibling["size"]?.integer
            let tag = large == nil ? sibling["blobId"]?.string : large?["sha256"]?.string ?? large?["oid"]?.string
            guard size ?? 0 >= 0, tag.map(SafeName.isTag) ?? true else {
                throw .malformed(what: what, reason: "gives \(name) an impossible size or hash")
            }
            files.append(File(name: name, size: size, tag: tag))
        }
        self.commit = commit
        self.files = files
    }
}
