import Foundation

/// Whose certificates a server may show: those that the system trusts, or those of a file or directory that replaces them.
package struct TrustedAuthorities: Sendable, Hashable {
    /// The variables that name others, the first that is set counts: `SSL_CERT_FILE` and `SSL_CERT_DIR` in the order of
    /// huggingface_hub since it uses httpx, then those of requests, which it used before.
    package static let variables = ["SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"]

    /// The variable that names them; nil for the system's.
    package let variable: String?
    package let path: String
    package let isDirectory: Bool

    package static let system = TrustedAuthorities(variable: nil, path: "", isDirectory: false)

    private init(variable: String?, path: String, isDirectory: Bool) {
        (self.variable, self.path, self.isDirectory) = (variable, path, isDirectory)
    }

    /// - Throws: ``HubError/invalid(what:value:)`` if a variable names what is not there.
    package init(environment: [String: String]) throws(HubError) {
        for variable in Self.variables {
            guard let path = environment[variable], !path.isEmpty else { continue }
            var isDirectory: ObjCBool = false
            guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory),
                FileManager.default.isReadableFile(atPath: path), variable != "SSL_CERT_DIR" || isDirectory.boolValue,
                variable != "SSL_CERT_FILE" || !isDirectory.boolValue
            else {
                let kind = variable == "SSL_CERT_DIR" ? "a directory" : "a file"
                throw .invalid(what: "\(variable), \(kind) of certificates that can be read,", value: path)
            }
            self.init(variable: variable, path: path, isDirectory: isDirectory.boolValue)
            return
        }
        self = .system
    }

    /// In words, after "an authority that is not among".
    package var description: String { variable.map { "those of \($0), \(path)" } ?? "the system's" }
}
