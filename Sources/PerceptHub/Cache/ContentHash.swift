import CPerceptCrypto

/// What the hub names a file's contents by.
package enum ContentHash: Hashable, Sendable {
    /// SHA-256 of the bytes: large files, which the hub keeps outside of git (LFS, Xet).
    case sha256(String)
    /// SHA-1 of `blob SIZE`, a zero byte and the bytes: git's name of the small ones.
    case gitBlob(String)

    /// Reads an entity tag; nil if it is neither and says nothing of the contents, as on some mirrors.
    package init?(tag: String) {
        guard tag.utf8.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }) else { return nil }
        switch tag.utf8.count {
        case 64: self = .sha256(tag.lowercased())
        case 40: self = .gitBlob(tag.lowercased())
        default: return nil
        }
    }

    /// In hexadecimal, lower case.
    package var text: String {
        switch self {
        case .sha256(let text), .gitBlob(let text): text
        }
    }
}

/// A hash over bytes that arrive in pieces, by OpenSSL.
///
/// `@unchecked Sendable` because its owner's lock guards it.
package final class RunningHash: @unchecked Sendable {
    private let context: OpaquePointer

    /// - Parameter size: bytes that will follow, which git's hash begins with.
    /// - Returns: nil where memory is out, or the system's settings forbid the hash.
    package init?(_ hash: ContentHash, size: Int) {
        guard let context = EVP_MD_CTX_new() else { return nil }
        self.context = context
        let algorithm =
            switch hash {
            case .sha256: EVP_sha256()
            case .gitBlob: EVP_sha1()
            }
        guard EVP_DigestInit_ex(context, algorithm, nil) == 1 else { return nil }
        if case .gitBlob = hash { Array("blob \(size)\0".utf8).withUnsafeBytes(update) }
    }

    package func update(_ bytes: UnsafeRawBufferPointer) {
        EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
    }

    /// The hash in hexadecimal; nothing may be added after this.
    package func finish() -> String {
        let digest = [UInt8](unsafeUninitializedCapacity: Int(EVP_MAX_MD_SIZE)) { buffer, count in
            var length: UInt32 = 0
            EVP_DigestFinal_ex(context, buffer.baseAddress, &length)
            count = Int(length)
        }
        return digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    deinit { EVP_MD_CTX_free(context) }
}
