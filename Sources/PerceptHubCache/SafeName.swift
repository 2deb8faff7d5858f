/// Names that come from outside and become parts of paths.
///
/// Looked at as bytes: to a string, a slash before a combining mark is another letter, and to a file system it is a slash.
package enum SafeName {
    /// True for a relative path that stays where it is put: no empty, `.` or `..` part, no control characters.
    package static func isRelativePath(_ path: String) -> Bool {
        guard path.utf8.count <= 1024, !path.utf8.contains(UInt8(ascii: "\\")),
            !path.unicodeScalars.contains(where: { $0.properties.generalCategory == .control })
        else { return false }
        return parts(path).allSatisfy { part in
            !part.isEmpty && part.utf8.count <= 255 && !part.utf8.elementsEqual(".".utf8)
                && !part.utf8.elementsEqual("..".utf8)
        }
    }

    /// The parts of a path between its slashes.
    package static func parts(_ path: String) -> [Substring] {
        path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map { Substring($0) }
    }

    /// True for an entity tag that may name a file of the cache.
    package static func isTag(_ tag: String) -> Bool {
        isRelativePath(tag) && !tag.utf8.contains(UInt8(ascii: "/")) && tag.utf8.first != UInt8(ascii: ".")
            && tag.utf8.count <= 128
    }

    /// True for a commit's hash in hexadecimal.
    package static func isCommit(_ text: String) -> Bool {
        (40...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }
}
