package import Foundation
import PerceptHubCache

/// What header fields of the hub, and of what stands behind it, say. Pure functions of whatever bytes a server sends.
package enum HubHeaders {
    /// The name of a file's contents in the cache: an entity tag without its quotes and its mark for weak ones.
    ///
    /// - Returns: nil for what cannot name a file.
    package static func tag(_ field: String) -> String? {
        var text = Substring(field.trimmingCharacters(in: .whitespaces))
        if text.hasPrefix("W/") { text = text.dropFirst(2) }
        while text.first == "\"" { text = text.dropFirst() }
        while text.last == "\"" { text = text.dropLast() }
        return SafeName.isTag(String(text)) ? String(text) : nil
    }

    /// The first byte and the size of the whole in `Content-Range`: "bytes 100-199/200".
    ///
    /// - Returns: nil for another form. `size` is nil where the server does not know it ("*").
    package static func range(_ field: String) -> (first: Int, size: Int?)? {
        let words = field.split(separator: " ")
        guard words.count == 2, words[0].lowercased() == "bytes" else { return nil }
        let parts = words[1].split(separator: "/", omittingEmptySubsequences: false)
        let ends = parts[0].split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, ends.count == 2, let first = number(ends[0]), let last = number(ends[1]), last >= first
        else { return nil }
        if parts[1] == "*" { return (first, nil) }
        guard let size = number(parts[1]), size > last else { return nil }
        return (first, size)
    }

    /// How long a server asks to wait: `Retry-After` in seconds or as a date, which is compared with the server's own
    /// `Date` since this machine's clock may be wrong, or `RateLimit` with `t=`, seconds until the limit ends
    /// (draft-ietf-httpapi-ratelimit-headers). At most a day.
    ///
    /// - Parameter now: the time here, for servers that do not tell theirs.
    package static func wait(_ answer: HTTPAnswer, now: Date = Date()) -> Duration? {
        if let text = answer["Retry-After"] {
            if let seconds = number(text[...]) { return .seconds(min(seconds, 86400)) }
            guard let date = date(text) else { return nil }
            let from = answer["Date"].flatMap(date(_:)) ?? now
            return .seconds(max(0, min(date.timeIntervalSince(from), 86400)))
        }
        guard let limit = answer["RateLimit"] else { return nil }
        let parameters = limit.split(whereSeparator: { ";,".contains($0) }).map {
            $0.trimmingCharacters(in: .whitespaces)
        }
        guard let text = parameters.first(where: { $0.hasPrefix("t=") }) else { return nil }
        return number(text.dropFirst(2)).map { .seconds(min($0, 86400)) }
    }

    /// Where a redirect leads.
    ///
    /// - Throws: ``HubError/badRedirect(what:target:)`` for what is no address of http or https, and for one of http behind
    ///   one of https: it would show to everybody on the way what was meant for one.
    package static func redirect(_ location: String, from source: URL, what: String) throws(HubError) -> URL {
        guard !location.isEmpty, let target = URL(string: location, relativeTo: source)?.absoluteURL,
            let scheme = target.scheme?.lowercased(), ["http", "https"].contains(scheme),
            target.host()?.isEmpty == false,
            scheme == "https" || source.scheme?.lowercased() == "http"
        else { throw .badRedirect(what: what, target: location.isEmpty ? "nowhere" : shown(location)) }
        return target
    }

    /// The next page in `Link: <https://…>; rel="next"` (RFC 8288).
    package static func nextPage(_ field: String) -> String? {
        for link in field.split(separator: "<").map({ $0.split(separator: ">", maxSplits: 1) }) where link.count == 2 {
            let parameters = link[1].split(whereSeparator: { ";,".contains($0) })
            let isNext = parameters.contains { parameter in
                let text = parameter.filter { !$0.isWhitespace && $0 != "\"" }.lowercased()
                return text == "rel=next"
            }
            if isNext { return String(link[0]) }
        }
        return nil
    }

    /// An address without what may be a secret in it: the query, where storage has its signatures, and a user's name and
    /// password.
    package static func shown(_ address: String) -> String {
        var text = address.prefix { $0 != "?" && $0 != "#" }
        let isCut = text.endIndex < address.endIndex
        if let scheme = text.range(of: "//") {
            let host = text[scheme.upperBound...].prefix { $0 != "/" }
            if let at = host.lastIndex(of: "@") {
                text = text[..<scheme.upperBound] + text[text.index(after: at)...]
            }
        }
        let printable = text.unicodeScalars.map {
            $0.properties.generalCategory == .control ? "\u{FFFD}" : Character($0)
        }
        return String(printable.prefix(200)) + (isCut ? "…" : "")
    }

    private static func number(_ text: Substring) -> Int? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int(text)
    }

    /// A date of RFC 9110: "Sun, 06 Nov 1994 08:49:37 GMT".
    private static func date(_ text: String) -> Date? {
        // On Linux the formatter stops the process over a text with combining marks (DateFormatter.swift of
        // swift-corelibs-foundation: "Incorrect range").
        guard text.utf8.allSatisfy({ $0 < 0x80 }), text.utf8.count < 64 else { return nil }
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.timeZone = TimeZone(secondsFromGMT: 0)
        format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        return format.date(from: text.trimmingCharacters(in: .whitespaces))
    }
}
