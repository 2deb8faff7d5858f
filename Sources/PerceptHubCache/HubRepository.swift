/// A name that no repository can have.
package struct InvalidRepositoryName: Error, Hashable, CustomStringConvertible {
    package let value: String

    package var description: String { "a model on the hub, OWNER/NAME, cannot be '\(value)'" }
}

/// A model's repository on the hub, by its id.
package struct HubRepository: Hashable, Sendable {
    /// `facebook/PE-Core-B16-224`; a few old ones have no owner.
    package let id: String

    /// - Throws: ``InvalidRepositoryName`` for what the hub does not take for an id, and what would be another path in
    ///   a URL or on disk.
    package init(_ id: String) throws(InvalidRepositoryName) {
        let parts = id.split(separator: "/", omittingEmptySubsequences: false)
        let isSound = parts.allSatisfy { part in
            let letters = part.utf8.allSatisfy { byte in
                let scalar = Unicode.Scalar(byte)
                return byte < 128 && (scalar.properties.isAlphabetic || "0123456789-_.".unicodeScalars.contains(scalar))
            }
            return !part.isEmpty && part.utf8.count <= 96 && letters && !part.hasPrefix(".") && !part.hasPrefix("-")
                && !part.contains("..")
        }
        guard isSound, parts.count <= 2, !id.contains("--") else {
            throw InvalidRepositoryName(value: id)
        }
        self.id = id
    }

    /// The id without its owner.
    package var name: String { id.split(separator: "/").last.map(String.init) ?? id }

    /// Its directory in the cache and among the locks.
    package var folderName: String { "models--" + id.split(separator: "/").joined(separator: "--") }
}

/// Names that come from outside and become parts of paths.
package enum SafeName {
    /// True for a relative path that stays where it is put: no empty, `.` or `..` part, no control characters.
    package static func isRelativePath(_ path: String) -> Bool {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        return path.utf8.count <= 1024
            && parts.allSatisfy { part in
                !part.isEmpty && part != "." && part != ".." && part.utf8.count <= 255 && !part.contains("\\")
                    && !part.unicodeScalars.contains { $0.properties.generalCategory == .control }
            }
    }

    /// True for an entity tag that may name a file of the cache.
    package static func isTag(_ tag: String) -> Bool {
        isRelativePath(tag) && !tag.contains("/") && !tag.hasPrefix(".") && tag.utf8.count <= 128
    }

    /// True for a commit's hash in hexadecimal.
    package static func isCommit(_ text: String) -> Bool {
        (40...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }
}
