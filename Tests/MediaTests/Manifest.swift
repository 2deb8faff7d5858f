import Foundation
import PerceptFrame
import PerceptMedia
import Testing

/// What `Tools/fixtures/media.py` wrote.
struct Manifest: Decodable {
    struct Image: Decodable, Sendable, CustomTestStringConvertible {
        let file: String
        let layout: String
        let width: Int
        let height: Int
        let resampling: String
        let hash: String

        var testDescription: String { file }
    }

    struct JPEG: Decodable, Sendable, CustomTestStringConvertible {
        let file: String
        let reference: String
        let layout: String
        let width: Int
        let height: Int

        var testDescription: String { file }
    }

    struct Similar: Decodable, Sendable, CustomTestStringConvertible {
        let file: String
        let reference: String

        var testDescription: String { file }
    }

    struct Orientation: Decodable, Sendable, CustomTestStringConvertible {
        let file: String
        let orientation: Int

        var testDescription: String { file }
    }

    struct Video: Decodable, Sendable, CustomTestStringConvertible {
        let file: String
        let width: Int
        let height: Int
        let orientation: Int
        let frames: [String]

        var testDescription: String { file }
    }

    let images: [Image]
    let jpegs: [JPEG]
    let similar: [Similar]
    let orientations: [Orientation]
    let videos: [Video]

    static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures/media").path
    static let current: Manifest = {
        do {
            return try JSONDecoder().decode(
                Manifest.self, from: Data(contentsOf: URL(filePath: folder + "/manifest.json")))
        } catch {
            return Manifest(images: [], jpegs: [], similar: [], orientations: [], videos: [])
        }
    }()

    static func path(_ file: String) -> String { "\(folder)/formats/\(file)" }
}

func readBytes(_ path: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(filePath: path)))
}

extension DecodedFrame {
    /// All samples, plane after plane, without row padding.
    var packedBytes: [UInt8] {
        var bytes: [UInt8] = []
        for (index, plane) in planes.enumerated() {
            withUnsafeBytes(ofPlane: index) { pixels in
                for y in 0..<plane.rows { bytes += pixels[(y * plane.rowBytes)...].prefix(plane.bytesInRow) }
            }
        }
        return bytes
    }

    /// The 64-bit Fowler-Noll-Vo hash of `packedBytes`.
    var fnv1a: String {
        let hash = packedBytes.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
