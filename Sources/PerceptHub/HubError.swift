package import PerceptFiles

/// What can go wrong between here and the hub.
///
/// Every case carries what it is about, and the description says what to do where that is known.
package enum HubError: Error, Hashable, Sendable {
    /// The name of a revision, or a setting, that cannot be one.
    case invalid(what: String, value: String)
    /// `variable` forbids using the network.
    case offline(variable: String)
    /// The hub has no such repository, or hides it from who may not see it.
    case repositoryMissing(id: String, hasToken: Bool)
    case revisionMissing(id: String, revision: String)
    /// A file that the hub's own list names.
    case fileMissing(id: String, file: String)
    /// The hub wants to know who asks, or the token that it was given is not good enough.
    case unauthorized(id: String, hasToken: Bool)
    /// The repository is given only to who has accepted its licence on `page`.
    case gated(id: String, page: String, hasToken: Bool)
    /// No connection: no network, an unknown host, nobody listening.
    case unreachable(host: String, reason: String)
    /// The certificate of `host` was refused. `authorities` are those it was compared with, in words.
    case untrusted(host: String, reason: String, authorities: String)
    /// The connection broke again and again, or nothing came for too long. Counts are bytes; what was got is kept.
    case interrupted(what: String, reason: String, received: Int)
    /// The hub has no time: 429 or a server's error. `wait` is in seconds, where the hub says how long.
    case busy(what: String, status: Int, wait: Int?)
    /// An answer that HTTP allows but the hub does not give.
    case unexpectedStatus(what: String, status: Int)
    /// An answer that breaks its format.
    case malformed(what: String, reason: String)
    /// Something else came in the place of what was asked for.
    case foreign(what: String, content: ForeignContent)
    /// A redirect from https to http, or in circles.
    case badRedirect(what: String, target: String)
    /// The hub lists a file whose name leads out of its directory or is no file name.
    case unsafeName(id: String, file: String)
    /// Two files of one name, on a file system to which capital and small letters are the same.
    case sameName(file: String, other: String)
    /// The repository has nothing that the engine reads.
    case noWeights(id: String, files: [String])
    /// A file's contents are not what the hub announced. Hashes are in hexadecimal.
    case wrongHash(file: String, expected: String, found: String)
    /// A file has another number of bytes than the hub announced.
    case wrongSize(file: String, expected: Int, found: Int)
    /// The disk is full. Sizes are in bytes; nil where only the operating system knows.
    case noSpace(path: String, needed: Int?, free: Int?)
    /// The operating system refused to write in the cache.
    case unwritable(path: String, reason: String, isPermission: Bool)
}

extension HubError: KnownFault {
    package var kind: FaultKind {
        switch self {
        case .invalid: .usage
        case .repositoryMissing, .revisionMissing, .fileMissing: .missingInput
        case .unauthorized, .gated: .noPermission
        case .offline, .unreachable, .untrusted, .unexpectedStatus: .unavailable
        case .interrupted, .busy, .noSpace: .temporary
        case .malformed, .foreign, .badRedirect, .unsafeName, .sameName, .noWeights, .wrongHash, .wrongSize: .badData
        case .unwritable(_, _, let isPermission): isPermission ? .noPermission : .internalFault
        }
    }
}

extension HubError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .invalid(let what, let value): "\(what) cannot be '\(value)'"
        case .offline(let variable): "\(variable) is set, so nothing is fetched"
        case .repositoryMissing(let id, let hasToken):
            "the hub has no model \(id)" + (hasToken ? "" : ", or it is private: then set HF_TOKEN")
        case .revisionMissing(let id, let revision): "\(id) has no revision \(revision)"
        case .fileMissing(let id, let file): "\(id): the hub lists \(file) but does not have it"
        case .unauthorized(let id, let hasToken):
            hasToken
                ? "\(id): the hub refuses the token; make one that may read this model at huggingface.co/settings/tokens"
                : "\(id): the hub wants a token; make one at huggingface.co/settings/tokens and set HF_TOKEN"
        case .gated(let id, let page, let hasToken):
            "\(id) is gated: accept its licence at \(page)"
                + (hasToken ? " with the account of the token" : ", then set HF_TOKEN to a token of that account")
        case .unreachable(let host, let reason): "\(host) cannot be reached: \(reason)"
        case .untrusted(let host, let reason, let authorities):
            "\(host): its certificate is refused, \(reason): it is of an authority that is not among \(authorities), or "
                + "out of date, or this machine's clock is wrong; where a network has its own authority, SSL_CERT_FILE, "
                + "SSL_CERT_DIR, REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE names the file or directory of its certificates"
        case .interrupted(let what, let reason, let received):
            "\(what): \(reason)" + (received > 0 ? "; \(received) bytes are kept, pull again to go on" : "")
        case .busy(let what, let status, let wait):
            "\(what): the hub is busy (HTTP \(status))" + (wait.map { "; it asks to wait \($0) s" } ?? "; try later")
        case .unexpectedStatus(let what, 407):
            "\(what): a proxy wants a name and a password; they go into https_proxy, http://NAME:PASSWORD@HOST:PORT"
        case .unexpectedStatus(let what, 511):
            "\(what): this network wants a login first (HTTP 511); open any page in a browser"
        case .unexpectedStatus(let what, let status): "\(what): the hub answers HTTP \(status)"
        case .malformed(let what, let reason): "\(what): \(reason)"
        case .foreign(let what, .webPage):
            "\(what): a web page came instead: the login page of a network, a proxy's refusal, or HF_ENDPOINT is no hub; "
                + "nothing of it was kept"
        case .foreign(let what, .lfsPointer):
            "\(what): a Git LFS pointer came instead, a few lines that stand for a large file: the server lacks its "
                + "contents; nothing of it was kept"
        case .badRedirect(let what, let target): "\(what): refused to follow the redirect to \(target)"
        case .unsafeName(let id, let file): "\(id): refused, the hub lists a file called \(file.debugDescription)"
        case .sameName(let file, let other):
            "\(file) and \(other) are one name on the file system of the cache; HF_HOME names a directory elsewhere"
        case .noWeights(let id, let files):
            "\(id) has no weights that can be read; its files: "
                + (files.isEmpty ? "none" : files.prefix(8).joined(separator: ", ") + (files.count > 8 ? ", …" : ""))
        case .wrongHash(let file, let expected, let found):
            "\(file): arrived damaged and was deleted: its hash is \(found), not \(expected)"
        case .wrongSize(let file, let expected, let found):
            "\(file): has \(found) bytes where the hub announced \(expected)"
        case .noSpace(let path, let needed?, let free?):
            "\(path): no space: \(needed) bytes are needed, \(free) are free"
        case .noSpace(let path, _, _): "\(path): no space left; what was fetched is kept, pull again to go on"
        case .unwritable(let path, let reason, _): "\(path): cannot be written: \(reason)"
        }
    }
}
