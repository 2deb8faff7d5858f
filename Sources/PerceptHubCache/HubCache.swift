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
        if let home = path("HF_HOME", environment) { return home }
        let caches =
            path("XDG_CACHE_HOME", environment)
            ?? FileManager.default.homeDirectoryForCurrentUser.appending(path: ".cache")
        return caches.appending(path: "huggingface")
    }

    /// The path in a variable; nil when it is unset or empty.
    package static func path(_ variable: String, _ environment: [String: String]) -> URL? {
        guard let text = environment[variable], !text.isEmpty else { return nil }
        return URL(filePath: text.hasPrefix("~") ? NSString(string: text).expandingTildeInPath : text)
    }

    /// The directory of a repository.
    package func folder(of repository: HubRepository) -> URL { root.appending(path: repository.folderName) }

    /// The snapshot that a revision names, as last pulled by whichever client.
    ///
    /// - Returns: nil if there is none; a directory that need not be complete otherwise.
    package func snapshot(of repository: HubRepository, revision: String = "main") -> URL? {
        let folder = folder(of: repository)
        guard SafeName.isRelativePath(revision) else { return nil }
        let reference = try? String(contentsOf: folder.appending(path: "refs/\(revision)"), encoding: .utf8)
        let commit = (reference ?? revision).trimmingCharacters(in: .whitespacesAndNewlines)
        guard SafeName.isRelativePath(commit) else { return nil }
        let snapshot = folder.appending(path: "snapshots/\(commit)")
        return FileManager.default.fileExists(atPath: snapshot.path) ? snapshot : nil
    }
}
