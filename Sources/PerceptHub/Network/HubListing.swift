import PerceptHubCache
import PerceptJSON

/// What the hub says of one revision of a repository.
package struct HubListing: Sendable, Hashable {
    package struct File: Sendable, Hashable {
        /// A relative path that stays in its directory.
        package let name: String
        /// Bytes; nil where the server does not say.
        package let size: Int?
        /// The name of its contents in the cache; nil where the server does not say.
        package let tag: String?
    }

    package let commit: String
    package private(set) var files: [File]

    /// Reads the answer of `/api/models/ID/revision/REVISION?blobs=true`, which may be any bytes.
    ///
    /// - Throws: ``HubError/foreign(what:content:)``, ``HubError/malformed(what:reason:)``,
    ///   ``HubError/unsafeName(id:file:)``.
    package init(_ bytes: UnsafeRawBufferPointer, id: String) throws(HubError) {
        let what = "the hub's description of \(id)"
        let json: JSON
        do { json = try JSON(document: bytes) } catch {
            if let content = ForeignContent(bytes, file: "") { throw .foreign(what: what, content: content) }
            throw .malformed(what: what, reason: error.description)
        }
        guard let commit = json["sha"]?.string, SafeName.isCommit(commit) else {
            throw .malformed(what: what, reason: "has no commit")
        }
        guard let siblings = json["siblings"]?.array else {
            throw .malformed(what: what, reason: "has no list of files")
        }
        self.commit = commit
        files = []
        // By bytes: names that are the same text and other bytes are two files.
        var known: [[UInt8]: File] = [:]
        for sibling in siblings {
            guard let name = sibling["rfilename"]?.string else {
                throw .malformed(what: what, reason: "has a file without a name")
            }
            guard SafeName.isRelativePath(name) else { throw .unsafeName(id: id, file: name) }
            let large = sibling["lfs"]
            let size = Self.size(large?["size"]) ?? Self.size(sibling["size"])
            let tag = large == nil ? sibling["blobId"]?.string : large?["sha256"]?.string ?? large?["oid"]?.string
            guard size ?? 0 >= 0, tag.map(SafeName.isTag) ?? true else {
                throw .malformed(what: what, reason: "gives \(name.debugDescription) an impossible size or hash")
            }
            try add(File(name: name, size: size, tag: tag), to: &known, what)
        }
    }

    /// Adds the files of the next page of the same description.
    package mutating func append(_ page: HubListing, id: String) throws(HubError) {
        let what = "the hub's description of \(id)"
        guard page.commit == commit else { throw .malformed(what: what, reason: "changed while it was read") }
        var known = Dictionary(files.map { (Array($0.name.utf8), $0) }, uniquingKeysWith: { first, _ in first })
        for file in page.files { try add(file, to: &known, what) }
    }

    private mutating func add(_ file: File, to known: inout [[UInt8]: File], _ what: String) throws(HubError) {
        guard let other = known.updateValue(file, forKey: Array(file.name.utf8)) else {
            files.append(file)
            return
        }
        guard other == file else {
            throw .malformed(what: what, reason: "has \(file.name.debugDescription) twice, and not the same")
        }
    }

    /// A number of bytes, which some mirrors write as text.
    private static func size(_ value: JSON?) -> Int? {
        if let text = value?.string, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) { return Int(text) }
        return value?.integer
    }
}
