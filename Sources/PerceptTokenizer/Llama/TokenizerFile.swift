import Foundation
import PerceptFiles
import PerceptJSON

extension BytePairTokenizer {
    /// Reads a `tokenizer.json` of the transformers library or the original `tokenizer.model` of Llama 3, whatever its
    /// name.
    package init(contentsOf path: String) throws(TokenizerError) {
        let bytes = try Self.contents(path)
        if let foreign = bytes.withUnsafeBytes({ ForeignContent($0, expected: .text) }) {
            throw .foreign(file: path, what: foreign.description)
        }
        // No line of base64 begins like this. A byte order mark may precede it.
        let text = bytes.dropFirst(bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0)
        if text.first(where: { !" \t\r\n".utf8.contains($0) }) == UInt8(ascii: "{") {
            try self.init(tokenizerJSON: bytes, file: path)
        } else {
            try self.init(tiktoken: bytes, file: path)
        }
    }

    private static func contents(_ path: String) throws(TokenizerError) -> [UInt8] {
        let mostBytes = 1 << 28
        // Reading a pipe would wait for ever.
        if let status = Files.status(path), Files.kind(status) != S_IFREG {
            throw .unreadable(file: path, reason: "not a regular file")
        }
        let bytes: [UInt8]?
        do { bytes = try Files.contents(path, limit: mostBytes) } catch {
            throw error.isMissing ? .absent(file: path) : .unreadable(file: path, reason: error.description)
        }
        guard let bytes else { throw .unreadable(file: path, reason: "larger than \(mostBytes) bytes") }
        return bytes
    }
}
