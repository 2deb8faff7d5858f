import Foundation
import PerceptFrame
import PerceptMedia
import TestSupport
import Testing

@Suite struct AnimationTests {
    /// A chunk of a WebP file.
    private static func chunk(_ name: String, _ content: [UInt8]) -> [UInt8] {
        let size = (0..<4).map { UInt8(truncatingIfNeeded: content.count >> (8 * $0)) }
        return Array(name.utf8) + size + content + [UInt8](repeating: 0, count: content.count % 2)
    }

    private static func number(_ value: Int) -> [UInt8] { (0..<3).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }

    /// The first animation among the fixtures, as its frames one by one: `ANMF` chunks.
    private static func parts(_ bytes: [UInt8]) -> [[UInt8]] {
        var parts: [[UInt8]] = []
        var offset = 12
        while offset + 8 <= bytes.count {
            let length = (0..<4).reduce(0) { $0 | Int(bytes[offset + 4 + $1]) << (8 * $1) }
            if Array(bytes[offset..<offset + 4]) == Array("ANMF".utf8) {
                parts.append(Array(bytes[offset + 8..<offset + 8 + length]))
            }
            offset += 8 + length + length % 2
        }
        return parts
    }

    @Test func aWebPMoves() throws {
        let path = Manifest.path("animated.webp")
        #expect(try MediaFile.probe(path) == .image && MediaFile.isAnimation(path))
        let frames = try MediaFile.frames(of: path)
        #expect(frames.frameCount == Self.parts(try readBytes(path)).count && frames.frameCount > 1)
        let inOrder = try (0..<frames.frameCount).map { try frames.frame(at: $0).fnv1a }
        for index in (0..<frames.frameCount).reversed() {
            #expect(try frames.frame(at: index).fnv1a == inOrder[index])
        }
        #expect(Set(inOrder).count > 1)
        // The first is what the picture is without frames being asked for.
        let still = try ImageFile.decode(path)
        let first = try frames.frame(at: 0)
        #expect((first.width, first.height) == (still.width, still.height))
    }

    /// A frame on a part of the canvas, one that is gone before the next is drawn, and one over it.
    @Test func partsAreDrawnOverEachOther() throws {
        let bytes = try readBytes(Manifest.path("animated.webp"))
        let part = try #require(Self.parts(bytes).first)
        let (width, height) = (
            1 + (0..<3).reduce(0) { $0 | Int(part[6 + $1]) << (8 * $1) },
            1 + (0..<3).reduce(0) { $0 | Int(part[9 + $1]) << (8 * $1) }
        )
        func moved(_ x: Int, disposed: Bool) -> [UInt8] {
            var part = part
            part.replaceSubrange(0..<3, with: Self.number(x / 2))
            part.replaceSubrange(3..<6, with: Self.number(0))
            part[15] = disposed ? 1 : 0
            return Self.chunk("ANMF", part)
        }
        let content =
            Array("WEBP".utf8)
            + Self.chunk("VP8X", [0x12, 0, 0, 0] + Self.number(2 * width + 9) + Self.number(height - 1))
            + Self.chunk("ANIM", [0, 0, 0, 0, 0, 0]) + moved(0, disposed: true)
            + moved(width / 2 * 2 + 10, disposed: false)
        let size = (0..<4).map { UInt8(truncatingIfNeeded: content.count >> (8 * $0)) }
        let folder = try TemporaryFolder()
        let frames = try MediaFile.frames(of: try folder.write(Array("RIFF".utf8) + size + content, "moved.webp"))
        #expect(frames.frameCount == 2)
        let (first, second) = (try frames.frame(at: 0), try frames.frame(at: 1))
        #expect((first.width, first.height) == (2 * width + 10, height))
        let start = width / 2 * 2 + 10
        func pixels(_ frame: DecodedFrame, _ columns: Range<Int>) -> [UInt8] {
            frame.withUnsafeBytes(ofPlane: 0) { bytes in
                (0..<height).flatMap { y in
                    Array(bytes[(y * frame.planes[0].rowBytes + 4 * columns.lowerBound)...].prefix(4 * columns.count))
                }
            }
        }
        #expect(pixels(first, 0..<width) == pixels(second, start..<start + width))
        #expect(pixels(first, start..<start + width).allSatisfy { $0 == 0 })
        #expect(pixels(second, 0..<width).allSatisfy { $0 == 0 })
    }

    @Test func aGIFMovesAndAStillPictureDoesNot() throws {
        // Three frames of 4 x 4 pixels, each of another of four greys; every pixel has a code of its own.
        var gif = Array("GIF89a".utf8) + [4, 0, 4, 0, 0x81, 0, 0]
        for value: UInt8 in [10, 80, 160, 240] { gif += [value, value, value] }
        for colour in 0..<3 {
            gif += [0x21, 0xF9, 4, 0, 10, 0, 0, 0, 0x2C, 0, 0, 0, 0, 4, 0, 4, 0, 0, 2]
            // Codes of three bits: clear (4), two pixels, clear, two pixels, ..., end (5).
            var codes: [Int] = []
            for _ in 0..<8 { codes += [4, colour, colour] }
            codes.append(5)
            var (bits, count): ([UInt8], Int) = ([], 0)
            for code in codes {
                for bit in 0..<3 {
                    if count % 8 == 0 { bits.append(0) }
                    bits[count / 8] |= UInt8(code >> bit & 1) << UInt8(count % 8)
                    count += 1
                }
            }
            gif += [UInt8(bits.count)] + bits + [0]
        }
        gif.append(0x3B)
        let folder = try TemporaryFolder()
        let path = try folder.write(gif, "grey.gif")
        #expect(try MediaFile.probe(path) == .image && MediaFile.isAnimation(path))
        let frames = try MediaFile.frames(of: path)
        #expect(frames.frameCount == 3)
        for (index, value) in [UInt8(10), 80, 160].enumerated() {
            let frame = try frames.frame(at: index)
            #expect((frame.width, frame.height) == (4, 4))
            frame.withUnsafeBytes(ofPlane: 0) { bytes in #expect(bytes.prefix(4).allSatisfy { $0 == value }) }
        }
        for still in ["palette.gif", "rgb8.png", "lossy.webp", "photo.avif", "420.jpg"] {
            #expect(try !MediaFile.isAnimation(Manifest.path(still)), "\(still)")
        }
    }
}
