package import Foundation

/// A request without a body.
struct HTTPRequest: Sendable {
    let method: String
    let url: URL
    var headers: [(name: String, value: String)] = []
}

/// The head of an answer.
package struct HTTPAnswer: Sendable, Hashable {
    package let status: Int
    /// Where it came from.
    package let url: URL
    /// By names in lower case.
    private let fields: [String: String]

    /// Reads a status line and header fields, each ended by a line break (RFC 9112, section 2.1).
    ///
    /// Any bytes may come: what is no header field is passed over, and of a field that is there twice the first counts.
    ///
    /// - Returns: nil if the first line has no status between 100 and 999.
    package init?(head: some Sequence<UInt8>, url: URL) {
        // Latin-1 would also do; names of the hub are ASCII, and nothing else is shown.
        let lines = String(decoding: Array(head), as: UTF8.self).split(
            omittingEmptySubsequences: false, whereSeparator: { $0 == "\r\n" || $0 == "\n" })
        let words = lines.first?.split(separator: " ", maxSplits: 2) ?? []
        guard words.count >= 2, words[0].hasPrefix("HTTP/"), words[1].utf8.count == 3, let status = Int(words[1]),
            status >= 100
        else { return nil }
        var fields: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":"), colon > line.startIndex else { continue }
            let name = line[..<colon].lowercased()
            guard !name.contains(where: \.isWhitespace), fields[name] == nil else { continue }
            fields[name] = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
        }
        self.status = status
        self.url = url
        self.fields = fields
    }

    package subscript(name: String) -> String? { fields[name.lowercased()] }

    package var isRedirect: Bool { [301, 302, 303, 307, 308].contains(status) }

    /// A whole number of bytes in a header field.
    package func bytes(_ name: String) -> Int? {
        guard let text = self[name], text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int(text)
    }
}
