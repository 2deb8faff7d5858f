import Foundation

extension BytePairTokenizer {
    /// Reads a `tokenizer.json` of the transformers library or the original `tokenizer.model` of Llama 3, whatever its
    /// name.
    package init(contentsOf path: String) throws(TokenizerError) {
        let bytes = try Self.contents(path)
        // No line of base64 begins like this.
        if bytes.first(where: { !" \t\r\n".utf8.contains($0) }) == UInt8(ascii: "{") {
            try self.init(tokenizerJSON: bytes, file: path)
        } else {
            try self.init(tiktoken: bytes, file: path)
        }
    }

    private static func contents(_ path: String) throws(TokenizerError) -> [UInt8] {
        let mostBytes = 1 << 28
        do {
            let url = URL(filePath: path).resolvingSymlinksInPath()
            let values = try FileManager.default.attributesOfItem(atPath: url.path)
            // Reading a pipe would wait for ever.
            guard values[.type] as? FileAttributeType == .typeRegular else {
                throw TokenizerError.unreadable(file: path, reason: "not a regular file")
            }
            guard let size = values[.size] as? NSNumber, size.intValue <= mostBytes else {
                throw TokenizerError.unreadable(file: path, reason: "larger than \(mostBytes) bytes")
            }
            return Array(try Data(contentsOf: url))
        } catch let error as TokenizerError {
            throw error
        } catch {
            throw .unreadable(file: path, reason: error.localizedDescription)
        }
    }
}
