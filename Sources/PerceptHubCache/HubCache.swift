package import Foundation

/// The cache of the hub's clients on this machine: `models--OWNER--NAME` with `blobs/TAG`,
/// `snapshots/COMMIT/FILE -> ../../blobs/TAG` and `refs/REVISION`, beside `.locks` (huggingface_hub: "Manage the
/// huggingface_hub cache-system").
package struct HubCache: Hashable, Sendable {
    /// The directory that holds the repositories; it need not exist.
    package let root: URL

    package init(root: URL) { self.root = root }

    /// Where huggingface_hub looks under the same `environment` (its `constants.py`).
    package init(environment: [String: String]) {
        root =
            Self.path("HF_HUB_CACHE", environment) ?? Self.path("HUGGINGFACE_HUB_CACHE", environment)
            ?? Self.home(environment).appending(path: "hub")
    }

    /// The directory that also holds the token.
    package static func home(_ environment: [String: String]) -> URL {
        path("HF_HOME", environment) ?? caches(environment).appending(path: "huggingface")
    }

    /// Where programs keep what they can make anew.
    package static func caches(_ environment: [String: String]) -> URL {
        path("XDG_CACHE_HOME", environment)
            ?? FileManager.default.homeDirectoryForCurrentUser.appending(path: ".cache")
    }

    /// The path in a variable; nil when it is unset or empty. A tilde at its beginning and other variables in it count, as
    /// they do for huggingface_hub: files of settings, which no shell reads, have them.
    package static func path(_ variable: String, _ environment: [String: String]) -> URL? {
        guard let text = environment[variable], !text.isEmpty else { return nil }
        let home = text.hasPrefix("~") ? NSString(string: text).expandingTildeInPath : text
        return URL(filePath: expanded(home, environment))
    }

    /// Replaces `$NAME` and `${NAME}`; what is not set stays as it is.
    private static func expanded(_ text: String, _ environment: [String: String]) -> String {
        var result = ""
        var rest = text[...]
        while let dollar = rest.firstIndex(of: "$") {
            result += rest[..<dollar]
            let behind = rest[rest.index(after: dollar)...]
            let isBraced = behind.first == "{"
            let name = behind.dropFirst(isBraced ? 1 : 0).prefix {
                $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_")
            }
            var end = name.endIndex
            if isBraced, end < rest.endIndex, rest[end] == "}" {
                end = rest.index(after: end)
            } else if isBraced {
                end = dollar
            }
            if end > dollar, let value = environment[String(name)] {
                result += value
                rest = rest[end...]
            } else {
                result += "$"
                rest = behind
            }
        }
        return result + rest
    }

    /// The directory of a repository.
    package func folder(of repository: HubRepository) -> URL { root.appending(path: repository.folderName) }

    /// The snapshot that a revision names, as last pulled by whichever client.
    ///
    /// - Returns: nil if there is none; a directory that need not be complete otherwise.
    package func snapshot(of repository: HubRepository, revision: String = "main") -> URL? {
        let folder = folder(of: repository)
        guard SafeName.isRelativePath(revision) else { return nil }
        let reference = FileManager.default.contents(atPath: folder.appending(path: "refs/\(revision)").path)
        let named = if let reference { Self.commit(reference) } else { Optional(revision) }
        guard let commit = named else { return nil }
        let snapshot = folder.appending(path: "snapshots/\(commit)")
        return FileManager.default.fileExists(atPath: snapshot.path) ? snapshot : nil
    }

    /// What a file under `refs` names, which may have any bytes.
    ///
    /// - Returns: nil for what cannot be the name of a directory under `snapshots`.
    package static func commit(_ reference: some Collection<UInt8>) -> String? {
        let text = String(decoding: reference.prefix(2048), as: UTF8.self).trimmingCharacters(
            in: .whitespacesAndNewlines)
        return SafeName.isRelativePath(text) && SafeName.parts(text).count == 1 ? text : nil
    }

    /// The repository that a path leads into, if it is one of a cache: `…/models--OWNER--NAME/snapshots/COMMIT/…`.
    package static func repository(at path: String) -> HubRepository? {
        let parts = SafeName.parts(path)
        guard let place = parts.lastIndex(where: { $0.hasPrefix("models--") }), place + 1 < parts.count,
            ["snapshots", "blobs"].contains(parts[place + 1])
        else { return nil }
        return try? HubRepository(String(parts[place].dropFirst("models--".count)).replacing("--", with: "/"))
    }
}
