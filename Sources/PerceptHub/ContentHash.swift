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
/// SHA-256 by the processor's instructions where it has them: 1,136 MB/s on a core of an AMD EPYC, where libavutil's takes
/// in 134. Small files alone have the other hash.
///
/// `@unchecked Sendable` because its owner's lock guards it.
package final class RunningHash: @unchecked Sendable {
    private enum State {
        case library(OpaquePointer, byteCount: Int)
        case instructions(FastSHA256)
    }

    private var state: State

    /// - Parameters:
    ///   - size: bytes that will follow, which git's hash begins with.
    ///   - usesInstructions: false to compare both ways.
    /// - Returns: nil only when memory is out.
    package init?(_ hash: ContentHash, size: Int, usesInstructions: Bool = true) {
        if case .sha256 = hash, usesInstructions, percept_sha256_is_fast() {
            state = .instructions(FastSHA256())
            return
        }
        guard let library = av_sha_alloc() else { return nil }
        switch hash {
        case .sha256:
            state = .library(library, byteCount: 32)
            av_sha_init(library, 256)
        case .gitBlob:
            state = .library(library, byteCount: 20)
            av_sha_init(library, 160)
            Array("blob \(size)\0".utf8).withUnsafeBytes(update)
        }
    }

    package func update(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.bindMemory(to: UInt8.self).baseAddress else { return }
        switch state {
        case .library(let library, _): av_sha_update(library, base, bytes.count)
        case .instructions(var hash):
            hash.update(bytes)
            state = .instructions(hash)
        }
    }

    /// The hash in hexadecimal; nothing may be added after this.
    package func finish() -> String {
        let digest: [UInt8]
        switch state {
        case .library(let library, let byteCount):
            digest = [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
                av_sha_final(library, buffer.baseAddress)
                count = byteCount
            }
        case .instructions(var hash): digest = hash.finish()
        }
        return digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    deinit { if case .library(let library, _) = state { av_free(UnsafeMutableRawPointer(library)) } }
}

/// SHA-256 (FIPS 180-4) with the blocks done in C.
private struct FastSHA256 {
    private var words: [UInt32] = [
        0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
    ]
    /// The begun block.
    private var rest: [UInt8] = []
    private var byteCount: UInt64 = 0

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        byteCount &+= UInt64(bytes.count)
        var bytes = bytes
        if !rest.isEmpty {
            let count = min(64 - rest.count, bytes.count)
            rest += bytes.prefix(count)
            bytes = UnsafeRawBufferPointer(rebasing: bytes.dropFirst(count))
            guard rest.count == 64 else { return }
            rest.withUnsafeBufferPointer { percept_sha256_blocks(&words, $0.baseAddress, 1) }
            rest.removeAll(keepingCapacity: true)
        }
        percept_sha256_blocks(&words, bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count / 64)
        rest += bytes.suffix(bytes.count % 64)
    }

    mutating func finish() -> [UInt8] {
        let bitCount = byteCount &* 8
        let zeros = (64 + 55 - rest.count) % 64
        let padding = [0x80] + [UInt8](repeating: 0, count: zeros)
        (padding + bytes(bitCount)).withUnsafeBytes { update($0) }
        return words.flatMap(bytes)
    }

    private func bytes(_ number: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: number.bigEndian) { [UInt8]($0) }
    }
}
