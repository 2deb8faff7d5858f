package import Foundation
package import PerceptHubCache

/// How the hub is talked to.
package struct HubSettings: Sendable {
    /// Scheme, host and perhaps a path, without a slash at the end.
    package var endpoint: URL
    /// Who asks; nil for anonymous. Goes to the endpoint's own host only.
    package var token: String?
    package var cache: HubCache
    /// Whose certificates the hub, and what it redirects to, may show.
    package var authorities = TrustedAuthorities.system
    /// The directory in which Percept notes which files it has verified; nil for no notes.
    package var notes: URL?
    /// The variable that forbids the network, if one does.
    package var offlineVariable: String?
    /// A transfer that brings nothing for so long is broken off, and begun anew from where it was.
    package var stallTimeout = Duration.seconds(30)
    /// How often in a row a request may fail without bringing anything.
    package var attempts = 6
    /// The wait after the first failure; it doubles each time.
    package var firstDelay = Duration.milliseconds(500)
    /// The longest wait that a hub may ask for.
    package var longestWait = Duration.seconds(120)
    /// Whether the cache may hold symbolic links, where its file system can.
    package var usesLinks = true
    /// Files fetched at the same time.
    package var parallelFiles = 4

    package init(endpoint: URL, token: String?, cache: HubCache) {
        self.endpoint = endpoint
        self.token = token
        self.cache = cache
    }

    /// Reads the variables that huggingface_hub reads: `HF_ENDPOINT`, `HF_TOKEN`, `HF_TOKEN_PATH`, `HF_HUB_OFFLINE`,
    /// `HF_HUB_DOWNLOAD_TIMEOUT`, `HF_HUB_DISABLE_SYMLINKS`, those of ``HubCache`` and of ``TrustedAuthorities``.
    ///
    /// - Throws: ``HubError/invalid(what:value:)``.
    package init(environment: [String: String]) throws(HubError) {
        var text = environment["HF_ENDPOINT"] ?? ""
        while text.last == "/" { text.removeLast() }
        if text.isEmpty { text = "https://huggingface.co" }
        guard let endpoint = URL(string: text), ["http", "https"].contains(endpoint.scheme ?? ""),
            endpoint.host()?.isEmpty == false, endpoint.query() == nil
        else { throw .invalid(what: "HF_ENDPOINT", value: HubHeaders.shown(text)) }
        self.init(
            endpoint: endpoint, token: try Self.token(environment), cache: HubCache(environment: environment))
        authorities = try TrustedAuthorities(environment: environment)
        usesLinks = !Self.isTrue(environment["HF_HUB_DISABLE_SYMLINKS"])
        notes = HubCache.caches(environment).appending(path: "percept")
        offlineVariable = ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"].first { Self.isTrue(environment[$0]) }
        if let text = environment["HF_HUB_DOWNLOAD_TIMEOUT"], !text.isEmpty {
            guard let seconds = Int(text), (1...86400).contains(seconds) else {
                throw .invalid(what: "HF_HUB_DOWNLOAD_TIMEOUT", value: text)
            }
            stallTimeout = .seconds(seconds)
        }
    }

    private static func token(_ environment: [String: String]) throws(HubError) -> String? {
        let file =
            HubCache.path("HF_TOKEN_PATH", environment) ?? HubCache.home(environment).appending(path: "token")
        var candidates = [environment["HF_TOKEN"], environment["HUGGING_FACE_HUB_TOKEN"]]
        if !isTrue(environment["HF_HUB_DISABLE_IMPLICIT_TOKEN"]) {
            candidates.append(try? String(contentsOf: file, encoding: .utf8))
        }
        let tokens = candidates.compactMap { $0?.trimmingCharacters(in: .whitespacesAndNewlines) }
        guard let token = tokens.first(where: { !$0.isEmpty }) else { return nil }
        // A line break would begin another header. The value is not repeated: it is a secret.
        guard token.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw .invalid(what: "HF_TOKEN", value: "text with spaces or unprintable characters")
        }
        return token
    }

    private static func isTrue(_ value: String?) -> Bool {
        ["1", "ON", "YES", "TRUE"].contains((value ?? "").uppercased())
    }
}
