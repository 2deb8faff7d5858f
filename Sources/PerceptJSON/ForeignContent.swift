/// What lies in the place of a file that was to be read: what a download left behind that did not go well, or a file of
/// another kind under its name.
package struct ForeignContent: Sendable, CustomStringConvertible {
    /// What was to be there.
    package enum Expectation: Sendable {
        case weights
        case text
    }

    /// What it is, and what to do.
    package let description: String

    /// Looks at the first bytes.
    ///
    /// - Returns: nil where nothing is known of them; they may still not be what they should.
    package init?(_ bytes: UnsafeRawBufferPointer, expected: Expectation) {
        guard let description = Self.describe(bytes, expected) else { return nil }
        self.description = description
    }

    private static let again = "fetch the file again"

    private static func describe(_ bytes: UnsafeRawBufferPointer, _ expected: Expectation) -> String? {
        if bytes.isEmpty { return "the file is empty; \(again)" }
        if bytes.prefix(512).allSatisfy({ $0 == 0 }) {
            return "the file begins with zeros: its place was kept and its contents never came; \(again)"
        }
        for (magic, offset, kind) in kinds where bytes.dropFirst(offset).starts(with: magic) {
            return kind
        }
        // A text of other bytes than these is JSON or a list of tokens.
        var text = bytes.dropFirst(bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0)[...]
        text = text.drop { " \t\r\n".utf8.contains($0) }
        let start = String(decoding: text.prefix(400), as: UTF8.self)
        return describe(start, text, expected)
    }

    private static func describe(
        _ start: String, _ text: Slice<UnsafeRawBufferPointer>, _ expected: Expectation
    ) -> String? {
        if start.hasPrefix("version https://git-lfs") || start.hasPrefix("version https://hawser") {
            let size = start.split(separator: "\n").first { $0.hasPrefix("size ") }.map {
                " of \($0.dropFirst(5)) bytes"
            }
            return "this is a Git LFS pointer, not the file\(size ?? "") that it stands for; run git lfs pull in its "
                + "repository, or \(again)"
        }
        if start.prefix(60).contains("/annex/objects/") {
            return "this is a git-annex pointer, not the file that it stands for; run git annex get in its repository"
        }
        let lower = start.lowercased()
        if ["<!doctype", "<html", "<head", "<?xml", "<body", "<!--"].contains(where: lower.hasPrefix) {
            return
                "this is a web page, not the file: its address leads to a page about it or to a sign-in (on the Hugging "
                + "Face hub files are under /resolve/, not /blob/); \(again)"
        }
        guard expected == .weights else {
            return text.prefix(512).contains(0) ? "this is not text; \(again)" : nil
        }
        // Weights never begin with a line of letters.
        let line = text.prefix(120).prefix { (0x20..<0x7F).contains($0) }
        guard line.count >= min(text.count, 16), !line.isEmpty else { return nil }
        let quoted = String(decoding: line, as: UTF8.self)
        if start.hasPrefix("{") || start.hasPrefix("[") {
            return "this is JSON, such as a server's error, not weights: \(quoted)"
        }
        return "this is text, not weights: \(quoted)"
    }

    /// First bytes, where they stand, and what they say.
    private static let kinds: [(magic: [UInt8], offset: Int, kind: String)] = [
        ([0x1F, 0x8B], 0, packed("gzip", "gunzip")),
        ([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00], 0, packed("xz", "unxz")),
        ([0x28, 0xB5, 0x2F, 0xFD], 0, packed("zstd", "unzstd")),
        (Array("BZh".utf8), 0, packed("bzip2", "bunzip2")),
        ([0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C], 0, packed("7-Zip", "7z x")),
        (Array("Rar!".utf8), 0, packed("RAR", "unrar x")),
        ([0x50, 0x4B, 0x03, 0x04], 0, packed("zip", "unzip")),
        (
            Array("ustar".utf8), 257,
            "this is a tar archive (PyTorch before 0.2 wrote such files too: torch.load opens those, torch.save writes them "
                + "anew); unpack it with tar -xf and name what is in it"
        ),
        (Array("GGUF".utf8), 0, "this is a GGUF file; weights are read from safetensors and PyTorch files"),
        ([0x89, 0x48, 0x44, 0x46], 0, "this is an HDF5 file; weights are read from safetensors and PyTorch files"),
        ([0x93] + Array("NUMPY".utf8), 0, "this is a NumPy array; weights are read from safetensors and PyTorch files"),
        ([0xFF, 0xFE], 0, "this is UTF-16 text, as some Windows programs write it; save it as UTF-8"),
        ([0xFE, 0xFF], 0, "this is UTF-16 text, as some Windows programs write it; save it as UTF-8"),
        (Array("%PDF".utf8), 0, "this is a PDF document; \(again)"),
        ([0x89, 0x50, 0x4E, 0x47], 0, "this is a picture; \(again)"),
        ([0xFF, 0xD8, 0xFF], 0, "this is a picture; \(again)"),
    ]

    private static func packed(_ kind: String, _ command: String) -> String {
        "this is packed with \(kind); unpack it with \(command)"
    }
}

extension JSON {
    /// The message of a server that stands in the place of a file; nil for anything else.
    package var serverError: String? {
        guard let members, members.count <= 4, let error = self["error"] ?? self["message"] ?? self["detail"] else {
            return nil
        }
        let text = error.string ?? error["message"]?.string ?? error.text()
        return "this is a server's error, not the file: '\(text.prefix(200))'; fetch the file again"
    }
}
