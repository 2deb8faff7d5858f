/// What is delivered in the place of a file, often with a status that says all is well.
package enum ForeignContent: Hashable, Sendable {
    /// A page of HTML: the login of a network, a proxy's word of refusal, an error of a mirror.
    case webPage
    /// The few lines that git has in the place of a large file.
    case lfsPointer

    /// Bytes from the beginning that suffice to tell.
    package static let prefixLength = 256

    /// Recognises contents by their first bytes.
    ///
    /// - Parameter file: its name; a page is no surprise in one called `.html`.
    package init?(_ bytes: some Sequence<UInt8>, file: String) {
        let prefix = Array(bytes.prefix(Self.prefixLength))
        if prefix.starts(with: "version https://git-lfs.github.com/spec/".utf8) {
            self = .lfsPointer
            return
        }
        // Behind a byte order mark, spaces and a comment or declaration.
        var text = Substring(String(decoding: prefix, as: UTF8.self)).drop { $0 == "\u{FEFF}" || $0.isWhitespace }
        while text.hasPrefix("<!--") || text.hasPrefix("<?xml") {
            guard let end = text.firstIndex(of: ">") else { return nil }
            text = text[text.index(after: end)...].drop { $0.isWhitespace }
        }
        let start = text.prefix(14).lowercased()
        let suffix = file.lowercased().split(separator: ".").last ?? ""
        guard start.hasPrefix("<!doctype html") || start.hasPrefix("<html") || start.hasPrefix("<head"),
            !["html", "htm", "md", "jinja", "txt"].contains(suffix)
        else { return nil }
        self = .webPage
    }
}
