import CPerceptHash

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

/// A hash over bytes that arrive in pieces.
///
/// `@unchecked Sendable` because its owner's lock guards it.
package final class RunningHash: @unchecked Sendable {
    private let state: OpaquePointer
    private let byteCount: Int

    /// - Parameter size: bytes that will follow, which git's hash begins with.
    /// - Returns: nil only when memory is out.
    package init?(_ hash: ContentHash, size: Int) {
        guard let state = av_sha_alloc() else { return nil }
        self.state = state
        switch hash {
        case .sha256:
            byteCount = 32
            av_sha_init(state, 256)
        case .gitBlob:
            byteCount = 20
            av_sha_init(state, 160)
            Array("blob \(size)\0".utf8).withUnsafeBytes(update)
        }
    }

    package func update(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.bindMemory(to: UInt8.self).baseAddress else { return }
        av_sha_update(state, base, bytes.count)
    }

    /// The hash in hexadecimal; nothing may be added after this.
    package func finish() -> String {
        var digest = [UInt8](repeating: 0, count: byteCount)
        av_sha_final(state, &digest)
        return digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    deinit { av_free(UnsafeMutableRawPointer(state)) }
}
