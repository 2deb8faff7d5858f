import Foundation
import PerceptFiles

extension URL {
    /// The path, as `FileName` carries it: percent-encoded bytes need not be text.
    ///
    /// - Throws: ``PerceptError`` with ``PerceptError/Code/usage`` for an address that is not of a file.
    func filePath() throws(PerceptError) -> String {
        guard isFileURL else {
            throw PerceptError(
                .usage, "\(absoluteString): only files are read and written; fetch what is elsewhere first")
        }
        return FileName.text(percentDecoding: absoluteURL.path(percentEncoded: true))
    }

    /// - Parameter path: as `FileName` carries it.
    init(path: String) {
        guard !FileName.isText(path), let url = URL(string: "file://" + FileName.percentEncoded(Files.absolute(path)))
        else {
            self.init(filePath: path)
            return
        }
        self = url
    }
}
