import Foundation
import PerceptHubCache

/// Requests to the hub: the token, redirects, and what its statuses mean.
struct HubClient: Sendable {
    let settings: HubSettings
    let repository: HubRepository

    /// The hub's description of a revision: its commit and files, with sizes and hashes.
    func descriptionURL(revision: String) throws(HubError) -> URL {
        try url("/api/models/\(repository.id)/revision/\(Self.escaped(revision))?blobs=true")
    }

    /// A file of a commit.
    func fileURL(_ file: String, commit: String) throws(HubError) -> URL {
        let path = SafeName.parts(file).map { Self.escaped(String($0)) }.joined(separator: "/")
        return try url("/\(repository.id)/resolve/\(commit)/\(path)")
    }

    private func url(_ path: String) throws(HubError) -> URL {
        guard let url = URL(string: settings.endpoint.absoluteString + path) else {
            throw .invalid(what: "an address on the hub", value: path)
        }
        return url
    }

    private static func escaped(_ text: String) -> String {
        var allowed = CharacterSet.alphanumerics
        allowed.insert(charactersIn: "-._~")
        // Letters outside of ASCII count as alphanumeric and have to be escaped all the same.
        allowed.formIntersection(CharacterSet(charactersIn: Unicode.Scalar(0x20)...Unicode.Scalar(0x7E)))
        return text.addingPercentEncoding(withAllowedCharacters: allowed) ?? text
    }

    /// Sends a request and follows redirects.
    ///
    /// - Parameters:
    ///   - offset: the byte to begin at; a server may begin at 0 all the same.
    ///   - stop: redirects with this header are not followed: they already say what was asked.
    ///   - accept: sees the head of an answer with status 200 or 206.
    /// - Throws: ``HubError``; ``TransferFault`` where another attempt may do; what the closures throw.
    func send(
        _ method: String, _ url: URL, what: String, from offset: Int = 0, stop: String? = nil,
        accept: @escaping HTTPTransfer.Accept = { _ in false }, receive: @escaping HTTPTransfer.Receive = { _ in }
    ) async throws -> HTTPAnswer {
        var target = url
        for _ in 0..<8 {
            var request = HTTPRequest(method: method, url: target, headers: [("User-Agent", "percept")])
            if offset > 0 { request.headers.append(("Range", "bytes=\(offset)-")) }
            if let token = settings.token, Self.isSameOrigin(target, settings.endpoint) {
                request.headers.append(("Authorization", "Bearer \(token)"))
            }
            let answer = try await HTTPTransfer.run(
                request, trusting: settings.authorities, stallTimeout: settings.stallTimeout
            ) { answer in
                [200, 206].contains(answer.status) ? try accept(answer) : false
            } receive: {
                try receive($0)
            }
            if answer.isRedirect, stop.flatMap({ answer[$0] }) == nil {
                target = try HubHeaders.redirect(answer["Location"] ?? "", from: target, what: what)
                continue
            }
            try check(answer, what)
            return answer
        }
        throw HubError.badRedirect(what: what, target: "another redirect, again and again")
    }

    /// Scheme, host and port: a token goes nowhere else.
    static func isSameOrigin(_ one: URL, _ other: URL) -> Bool {
        func port(_ url: URL) -> Int { url.port ?? (url.scheme == "https" ? 443 : 80) }
        return one.scheme == other.scheme && one.host()?.lowercased() == other.host()?.lowercased()
            && port(one) == port(other)
    }

    /// What the statuses of the hub and of what stands behind it mean (huggingface_hub: `hf_raise_for_status`).
    private func check(_ answer: HTTPAnswer, _ what: String) throws {
        let id = repository.id
        let hasToken = settings.token != nil
        switch (answer.status, answer["X-Error-Code"]) {
        case (200, _), (206, _), (300..<400, _): return
        // A network that wants a login will not stop to within minutes.
        case (511, _): throw HubError.unexpectedStatus(what: what, status: 511)
        case (408, _), (425, _), (429, _), (500..<600, _):
            throw TransferFault.status(answer.status, wait: HubHeaders.wait(answer))
        // Without a token the hub answers 401 for repositories that do not exist, not to tell which are private.
        case (_, "RepoNotFound"?): throw HubError.repositoryMissing(id: id, hasToken: hasToken)
        case (_, "RevisionNotFound"?): throw HubError.revisionMissing(id: id, revision: what)
        case (_, "GatedRepo"?):
            throw HubError.gated(
                id: id, page: HubHeaders.shown("\(settings.endpoint.absoluteString)/\(id)"), hasToken: hasToken)
        case (403, _) where Self.isSameOrigin(answer.url, settings.endpoint):
            throw HubError.gated(
                id: id, page: HubHeaders.shown("\(settings.endpoint.absoluteString)/\(id)"), hasToken: hasToken)
        case (401, _) where Self.isSameOrigin(answer.url, settings.endpoint):
            throw HubError.unauthorized(id: id, hasToken: hasToken)
        // Where files are kept, the address has run out: asked anew, the hub gives another.
        case (401, _), (403, _): throw TransferFault.status(answer.status, wait: nil)
        default: throw HubError.unexpectedStatus(what: what, status: answer.status)
        }
    }

    /// Attempts `body` until it succeeds, fails for good or has failed too often in a row.
    ///
    /// - Parameters:
    ///   - received: bytes got so far; an attempt that added some counts as a new beginning.
    ///   - onRetry: what happened, and how long it is waited.
    func retrying<T>(
        _ what: String, received: () -> Int = { 0 }, onRetry: (String, Duration) -> Void, body: () async throws -> T
    ) async throws -> T {
        var failures = 0
        while true {
            let before = received()
            do { return try await body() } catch let fault as TransferFault {
                failures = received() > before ? 1 : failures + 1
                var (reason, wait) = (Self.reason(fault), settings.firstDelay * (1 << min(failures - 1, 16)))
                var isLast = failures >= settings.attempts
                switch fault {
                // A name that does not resolve seldom does a minute later.
                case .unreachable: isLast = isLast || failures >= 3
                case .untrusted: isLast = true
                case .status(_, let asked?):
                    wait = asked
                    isLast = isLast || asked > settings.longestWait
                    reason += ", which asks to wait"
                default: break
                }
                if isLast { throw failure(fault, what, received()) }
                wait = min(wait, settings.longestWait)
                onRetry(reason, wait)
                try await Task.sleep(for: wait)
            }
        }
    }

    private static func reason(_ fault: TransferFault) -> String {
        switch fault {
        case .unreachable(_, let reason), .untrusted(_, let reason), .cut(let reason): reason
        case .stalled(let timeout): "nothing came for \(timeout.components.seconds) s"
        case .status(let status, _): "the hub answers HTTP \(status)"
        }
    }

    private func failure(_ fault: TransferFault, _ what: String, _ received: Int) -> HubError {
        switch fault {
        case .unreachable(let host, let reason): .unreachable(host: host, reason: reason)
        case .untrusted(let host, let reason):
            .untrusted(host: host, reason: reason, authorities: settings.authorities.description)
        case .status(let status, _) where status == 401 || status == 403:
            .unexpectedStatus(what: what, status: status)
        case .status(let status, let wait):
            .busy(what: what, status: status, wait: wait.map { Int($0.components.seconds) })
        case .cut, .stalled: .interrupted(what: what, reason: Self.reason(fault), received: received)
        }
    }
}
