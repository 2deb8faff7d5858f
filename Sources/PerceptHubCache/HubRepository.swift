package import PerceptFiles

/// A name that no repository can have.
package struct InvalidRepositoryName: KnownFault, Hashable {
    package let value: String

    package var kind: FaultKind { .usage }

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
