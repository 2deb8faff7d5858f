import Foundation
import PerceptFiles

/// What the start of a file says at a glance. ``MediaFile/probe(_:)`` looks closer and knows more.
package enum MediaSigns {
    /// Bytes that are looked at: three packets of a transport stream.
    private static let count = 3 * 192

    /// Whether a regular file begins like a picture or a video; false for one that cannot be read.
    package static func begins(_ path: String) -> Bool {
        (try? readStart(path, limit: count)).map { matches($0) } ?? false
    }

    static func matches(_ bytes: [UInt8]) -> Bool {
        let start = ByteReader(bytes: bytes)
        if StillImage.Format(start) != nil { return true }
        if magic.contains(where: { start.has($0.text, at: $0.offset) }) { return true }
        if signatures.contains(where: { bytes.starts(with: $0) }) { return true }
        if start.has("ftyp", at: 4) {
            // Music and books in the same container.
            return !["M4A ", "M4B ", "M4P "].contains { (brand: StaticString) in start.has(brand, at: 8) }
        }
        return isPortableMap(bytes) || isTransportStream(bytes)
    }

    private static let magic: [(text: StaticString, offset: Int)] = [
        // JPEG XL and JPEG 2000 in boxes; QOI; BigTIFF.
        ("\u{0}\u{0}\u{0}\u{C}JXL ", 0), ("\u{0}\u{0}\u{0}\u{C}jP  \r\n", 0), ("qoif", 0), ("II+\u{0}", 0),
        ("MM\u{0}+", 0),
        // QuickTime without a type, AVI, Flash, Ogg with Theora, raw frames.
        ("moov", 4), ("mdat", 4), ("wide", 4), ("AVI ", 8), ("FLV\u{1}", 0), ("theora", 29), ("YUV4MPEG2 ", 0),
    ]

    private static let signatures: [[UInt8]] = [
        // JPEG XL and JPEG 2000 without boxes.
        [0xFF, 0x0A], [0xFF, 0x4F, 0xFF, 0x51],
        // Matroska and WebM; ASF; MPEG program and elementary streams.
        [0x1A, 0x45, 0xDF, 0xA3], [0x30, 0x26, 0xB2, 0x75, 0x8E, 0x66, 0xCF, 0x11], [0, 0, 1, 0xBA], [0, 0, 1, 0xB3],
    ]

    /// `P1` to `P7` of the PBM family, and a blank.
    private static func isPortableMap(_ bytes: [UInt8]) -> Bool {
        bytes.count > 8 && bytes[0] == UInt8(ascii: "P") && (UInt8(ascii: "1")...UInt8(ascii: "7")).contains(bytes[1])
            && (bytes[2] == UInt8(ascii: "\n") || bytes[2] == UInt8(ascii: " "))
            && bytes[3...8].allSatisfy { $0 < 0x80 }
    }

    /// A mark at the start of every packet, of 188 bytes or 192.
    private static func isTransportStream(_ bytes: [UInt8]) -> Bool {
        [(0, 188), (4, 192)].contains { start, step in
            bytes.count > start + 2 * step && (0...2).allSatisfy { bytes[start + $0 * step] == 0x47 }
        }
    }
}
