/// Addresses as messages, logs and results show them: without what lets others in.
///
/// Passwords are hidden from the scheme to the last `@`, whatever characters they hold: one that should have been
/// percent-encoded makes the address ambiguous, and then rather too much is hidden than too little. Of a query the values
/// are hidden whose names speak of keys, tokens and the like.
package enum SourceAddress {
    /// What to do about a password that makes an address ambiguous.
    static let advice =
        "in a user's name or password #, ?, / and @ are written %23, %3F, %2F and %40 (and % itself %25)"

    /// A name as a user gave it, which may be an address.
    package static func shown(_ name: String) -> String {
        guard let start = start(name) else { return name }
        return name[..<start] + shown(rest: name[start...])
    }

    /// A text in which addresses may occur, such as what FFmpeg logs.
    static func shown(in text: String) -> String {
        var shown = ""
        var left = text[...]
        while let mark = left.firstRange(of: "://") {
            let end = left[mark.upperBound...].firstIndex { $0.isWhitespace || "'\"<>`".contains($0) } ?? left.endIndex
            shown += left[..<mark.upperBound] + Self.shown(rest: left[mark.upperBound..<end])
            left = left[end...]
        }
        return shown + left
    }

    /// True where an `@` stands behind what must be the host's name: in a password that is not percent-encoded, or else in
    /// a path.
    static func isAmbiguous(_ address: String) -> Bool {
        guard let start = start(address) else { return false }
        let (authority, rest) = parts(address[start...])
        guard let at = rest.lastIndex(of: "@") else { return false }
        return authority.contains("@") || colon(authority) != nil || rest[..<at].contains(":")
    }

    /// True where what must be the port of an address without a user is no number, and an `@` comes behind it: then it is
    /// a password that is not percent-encoded.
    static func hasUnencodedPassword(_ address: String) -> Bool {
        guard let start = start(address) else { return false }
        let (authority, rest) = parts(address[start...])
        guard rest.contains("@"), !authority.contains("@"), let colon = colon(authority) else { return false }
        return !authority[authority.index(after: colon)...].allSatisfy(\.isASCIIDigit)
    }

    /// The pieces of a user's name and password that a program might take for something else and name so.
    static func fragments(_ address: String) -> [String] {
        guard isAmbiguous(address), let start = start(address), let at = address.lastIndex(of: "@") else { return [] }
        let pieces = address[start..<at].split { "/?#@:".contains($0) }
        return pieces.map(String.init).filter { $0.count > 1 }.sorted { $0.count > $1.count }
    }

    /// Behind the scheme and its slashes; nil for what is no address. One slash is enough: people mistype.
    private static func start(_ name: String) -> String.Index? {
        let scheme = name.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || "+-.".contains($0)) }
        guard scheme.count > 1, scheme.first?.isLetter == true, name[scheme.endIndex...].hasPrefix(":/") else {
            return nil
        }
        return name[scheme.endIndex...].dropFirst().firstIndex { $0 != "/" } ?? name.endIndex
    }

    /// What names the user and the host, and what follows.
    private static func parts(_ rest: Substring) -> (authority: Substring, rest: Substring) {
        let authority = rest.prefix { !"/?#".contains($0) }
        return (authority, rest[authority.endIndex...])
    }

    /// The first colon of an authority that is not a part of an address of IPv6.
    private static func colon(_ authority: Substring) -> Substring.Index? {
        if authority.first == "[", let end = authority.firstIndex(of: "]") {
            return authority[end...].firstIndex(of: ":")
        }
        return authority.firstIndex(of: ":")
    }

    private static func shown(rest: Substring) -> String {
        let (authority, behind) = parts(rest)
        let colon = colon(authority)
        if let at = rest.lastIndex(of: "@"), authority.contains("@") || rest[..<at].contains(":") {
            // A name alone may be a token.
            let name = colon.map { rest[..<$0] }.flatMap { $0.contains("@") ? nil : $0 }
            let user = name.map { "\($0):***" } ?? "***"
            return user + query(rest[at...])
        }
        // Cut off in front of its host, as a log's lines are.
        if let colon, !authority[authority.index(after: colon)...].allSatisfy(\.isASCIIDigit) {
            return authority[...colon] + "***"
        }
        return authority + query(behind)
    }

    private static let secrets = [
        "token", "key", "auth", "pass", "pwd", "secret", "sig", "cred", "session", "jwt", "hdnea", "hdnts",
    ]

    /// Hides the values of secrets in what follows the host: `name=value` between any of `?&;/#`.
    private static func query(_ text: Substring) -> String {
        var shown = ""
        var left = text
        while !left.isEmpty {
            let piece = left.prefix { !"?&;/#".contains($0) }
            left = left[piece.endIndex...]
            if let equals = piece.firstIndex(of: "="), case let name = piece[..<equals].lowercased(),
                secrets.contains(where: name.contains)
            {
                shown += piece[...equals] + "***"
            } else if let hidden = embedded(piece) {
                shown += hidden
            } else {
                shown += piece
            }
            if let mark = left.popFirst() { shown.append(mark) }
        }
        return shown
    }

    /// A piece with several assignments in it, as recorders have paths of `user=a_password=b_channel=1`: everything behind
    /// the secret's name is hidden.
    private static func embedded(_ piece: Substring) -> String? {
        let parts = piece.split(separator: "=", omittingEmptySubsequences: false)
        guard parts.count > 2,
            let secret = parts.dropLast().firstIndex(where: { part in
                secrets.contains { part.lowercased().contains($0) }
            })
        else { return nil }
        return parts[...secret].joined(separator: "=") + "=***"
    }
}

extension Character {
    fileprivate var isASCIIDigit: Bool { isASCII && isNumber }
}
