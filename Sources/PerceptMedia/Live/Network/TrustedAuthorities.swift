import CPerceptMedia
import Foundation

/// Whose certificates a server may show.
///
/// FFmpeg checks none unless told to, and of what it opens further (a playlist's parts) forgets that it was told: the
/// option is put in wherever it opens an address.
final class TrustedAuthorities {
    /// Where systems keep the certificates of authorities; GnuTLS and OpenSSL know places of their own, but FFmpeg asks
    /// OpenSSL for none.
    private static let places = [
        "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
        "/etc/ssl/cert.pem",
    ]

    private let file: String?
    private let trust: UnsafeMutablePointer<percept_trust>

    /// Those of the file that the variable `SSL_CERT_FILE` names, as for OpenSSL and its users; else the system's.
    init() throws(MediaError.Fault) {
        if let named = ProcessInfo.processInfo.environment["SSL_CERT_FILE"], !named.isEmpty {
            guard access(named, R_OK) == 0 else {
                throw .unreadable("SSL_CERT_FILE is \(named): \(String(cString: strerror(errno)))")
            }
            file = named
        } else {
            file = Self.places.first { access($0, R_OK) == 0 }
        }
        trust = .allocate(capacity: 1)
        trust.initialize(to: percept_trust(open: nil, authorities: file.flatMap { strdup($0) }, failed: nil))
    }

    deinit {
        free(UnsafeMutablePointer(mutating: trust.pointee.authorities))
        free(trust.pointee.failed)
        trust.deallocate()
    }

    /// - Precondition: this object lives as long as the context.
    func attach(to context: UnsafeMutablePointer<AVFormatContext>) { percept_check_certificates(context, trust) }

    /// The first address that could not be opened.
    var refusedAddress: String? { trust.pointee.failed.map { String(cString: $0) } }

    /// What was wrong with a certificate, if what FFmpeg logged is about one.
    func refusal(_ logged: String) -> String? {
        guard logged.lowercased().contains("certificate") else { return nil }
        if logged.contains("does not match hostname") { return "it is for another name" }
        guard logged.lowercased().contains("verif") else { return logged }
        let authorities = file.map { "those of \($0)" } ?? "the system's"
        return
            "it is self-signed, out of date or of an authority that is not among \(authorities); SSL_CERT_FILE names others to trust"
    }
}
