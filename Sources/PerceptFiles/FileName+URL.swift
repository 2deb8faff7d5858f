package import Foundation

extension URL {
    /// The path, as ``FileName`` carries it: percent-encoded bytes need not be text.
    ///
    /// - Throws: ``Refusal`` of kind usage for an address that is not of a file.
    package func filePath() throws(Refusal) -> String {
        guard isFileURL else {
            throw Refusal(.usage, "\(absoluteString): only files are read and written; fetch what is elsewhere first")
        }
        return FileName.text(percentDecoding: absoluteURL.path(percentEncoded: true))
    }

    /// - Parameter path: as ``FileName`` carries it.
    package init(path: String) {
        guard !FileName.isText(path), let url = URL(string: "file://" + FileName.percentEncoded(Files.absolute(path)))
        else {
            self.init(filePath: path)
            return
        }
        self = url
    }
}
