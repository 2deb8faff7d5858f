import PerceptFrame
import PerceptMedia
import Testing

/// Pictures of kinds that FFmpeg reads otherwise than they are meant, or not by itself.
@Suite struct PictureKindTests {
    private func fault(_ bytes: [UInt8]) -> MediaError.Fault? {
        do throws(MediaError) {
            _ = try ImageFile.decode(bytes, name: "bytes")
            return nil
        } catch {
            return error.fault
        }
    }

    private func isUnsupported(_ bytes: [UInt8], _ word: String) -> Bool {
        guard case .unsupported(let what) = fault(bytes) else { return false }
        return what.contains(word)
    }

    @Test func aBitThatIsSetIsBlackInPBM() throws {
        let frame = try ImageFile.decode(Array("P4\n8 2\n".utf8) + [0b1010_0000, 0], name: "bits")
        #expect(frame.packedBytes == [0, 255, 0] + Array(repeating: 255, count: 13))
        #expect(frame.resampling == .nearest)
    }

    /// FFmpeg shows a picture of indices without colours as black.
    @Test func aMissingPaletteIsDamage() throws {
        let png = try readBytes(Manifest.path("palette8.png"))
        let start = try #require(png.indices.first { png[$0...].starts(with: Array("PLTE".utf8)) }) - 4
        let length = png[start..<start + 4].reduce(0) { $0 << 8 | Int($1) }
        #expect(
            fault(Array(png[..<start] + png[(start + 12 + length)...]))
                == .corrupt("a PNG without the palette that it needs"))
        let tiff = TIFFMaker.gray(width: 4, height: 2, strips: [Array(0..<8)], photometric: 3)
        #expect(fault(tiff) == .corrupt("a TIFF without the palette that it needs"))
    }

    @Test func strangersAreNamed() {
        #expect(isUnsupported(Array("%PDF-1.7\n".utf8), "a PDF document"))
        #expect(isUnsupported(Array("\n<!DOCTYPE html><html>".utf8), "a web page"))
        #expect(isUnsupported(Array("version https://git-lfs.github.com/spec/v1\n".utf8), "Git LFS"))
        #expect(isUnsupported(Array("<svg width=\"1\"/>".utf8), "SVG"))
    }

    @Test func animationsAndPagesAreNoted() throws {
        for file in ["animated.gif", "animated.webp"] {
            #expect(try ImageFile.decode(Manifest.path(file)).notes == ["the first frame of an animation"])
        }
        #expect(try ImageFile.decode(Manifest.path("palette.gif")).notes.isEmpty)
        let page = TIFFMaker.gray(width: 4, height: 2, strips: [[0, 1, 2, 3, 4, 5, 6, 7]])
        #expect(try ImageFile.decode(page, name: "page").notes.isEmpty)
        let pages = TIFFMaker.gray(width: 4, height: 2, strips: [[0, 1, 2, 3, 4, 5, 6, 7]], next: 8)
        #expect(try ImageFile.decode(pages, name: "pages").notes == ["the first of many pages"])
    }

    @Test func tiledTIFFsAreRead() throws {
        // 20 x 17 pixels in tiles of 16 x 16, each of its own grey and with a mark in its corner.
        let tiles = (0..<4).map { tile in [UInt8(200 + tile)] + Array(repeating: UInt8(50 * tile), count: 255) }
        let frame = try ImageFile.decode(
            TIFFMaker.gray(width: 20, height: 17, strips: tiles, tile: 16), name: "tiles")
        let pixels = frame.packedBytes
        #expect(frame.layout == .gray8)
        for (tile, offset) in [0, 16, 16 * 20, 16 * 20 + 16].enumerated() {
            #expect(pixels[offset] == UInt8(200 + tile) && pixels[offset + 1] == UInt8(50 * tile))
        }
    }

    @Test func tiffsOfJPEGAreRead() throws {
        let jpeg = try readBytes(Manifest.path("gray.jpg"))
        let alone = try ImageFile.decode(jpeg, name: "alone")
        let inside = try ImageFile.decode(
            TIFFMaker.gray(width: alone.width, height: alone.height, strips: [jpeg], compression: 7), name: "inside")
        #expect(inside.packedBytes == alone.packedBytes)
        #expect(inside.packedBytes.contains { $0 > 0 })
    }

    /// A deflated strip that unpacks to too little, which FFmpeg's decoder takes for success.
    @Test func shortStripsAreDamaged() {
        // Stored blocks: a header, then 8 bytes, or 4.
        let whole: [UInt8] = [0x78, 1, 1, 8, 0, 0xF7, 0xFF, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0x80, 0, 0x25]
        let short: [UInt8] = [0x78, 1, 1, 4, 0, 0xFB, 0xFF, 1, 2, 3, 4, 0, 0x18, 0, 0x0B]
        #expect(fault(TIFFMaker.gray(width: 4, height: 2, strips: [whole], compression: 8)) == nil)
        guard case .corrupt = fault(TIFFMaker.gray(width: 4, height: 2, strips: [short], compression: 8)) else {
            Issue.record("a strip of 4 bytes holds no 8 pixels")
            return
        }
    }

    @Test func tiffsThatAreNotReadAreNamed() {
        func named(_ word: String, compression: Int = 1, bits: Int = 8, photometric: Int = 1, format: Int = 1) -> Bool {
            isUnsupported(
                TIFFMaker.gray(
                    width: 4, height: 2, strips: [Array(repeating: 0, count: 64)], compression: compression, bits: bits,
                    photometric: photometric, format: format), word)
        }
        #expect(named("Zstandard", compression: 50000))
        #expect(named("WebP", compression: 50001))
        #expect(named("JPEG of the kind before 1995", compression: 6))
        #expect(named("32-bit floating-point", bits: 32, format: 3))
        #expect(named("of 32 bits", bits: 32))
        #expect(named("signed", format: 2))
        #expect(named("L*a*b*", photometric: 8))
    }

    /// A PNG whose text unpacks to half a gigabyte is read as fast as without it.
    @Test(.timeLimit(.minutes(1))) func textsThatUnpackToGigabytesCostNothing() throws {
        let png = try readBytes(Manifest.path("rgb8.png"))
        // Blocks of one repeated byte, stored deflated: what is inside does not matter, since nobody unpacks it.
        var texts: [UInt8] = []
        for kind in ["zTXt", "iCCP", "iTXt", "tEXt", "eXIf"] {
            let payload = Array("name\0\0".utf8) + [0x78, 0xDA] + Array(repeating: 0xFF, count: 1 << 16)
            texts += [0, 1, 0, 8] + Array(kind.utf8) + payload + [0, 0, 0, 0]
        }
        let frame = try ImageFile.decode(png[..<33] + texts + png[33...].map { $0 }, name: "texts")
        #expect(try frame.packedBytes == ImageFile.decode(png, name: "plain").packedBytes)
    }

    @Test func sizesThatFFmpegDoesNotTakeAreTooLarge() throws {
        let png = try readBytes(Manifest.path("rgb8.png"))
        for (width, height) in [(16384, 16384), (16383, 16383), (1 << 28, 1), (1, 1 << 28)] {
            var bytes = png
            let sides = [width, height].flatMap { side in (0..<4).map { UInt8(side >> (24 - 8 * $0) & 0xFF) } }
            bytes.replaceSubrange(16..<24, with: sides)
            #expect(fault(bytes) == .tooLarge(width: width, height: height))
        }
    }

    @Test func aSmallFileStatesNoPictureOfGigabytes() throws {
        var bytes = try readBytes(Manifest.path("rgba16.png"))
        bytes.replaceSubrange(16..<24, with: [0, 0, 0x1F, 0x40, 0, 0, 0x1F, 0x40])
        #expect(fault(bytes) == .unsupported("8000 x 8000 pixels in a file of \(bytes.count) bytes"))
    }
}

/// Grey TIFFs of a few pixels, little-endian.
private enum TIFFMaker {
    static func gray(
        width: Int, height: Int, strips: [[UInt8]], compression: Int = 1, tile: Int? = nil, bits: Int = 8,
        photometric: Int = 1, format: Int = 1, next: Int = 0
    ) -> [UInt8] {
        var entries: [(tag: Int, values: [Int])] = [
            (256, [width]), (257, [height]), (258, [bits]), (259, [compression]), (262, [photometric]), (277, [1]),
            (339, [format]), (tile == nil ? 273 : 324, strips.map { _ in 0 }),
            (tile == nil ? 279 : 325, strips.map(\.count)),
        ]
        entries += tile.map { [(322, [$0]), (323, [$0])] } ?? [(278, [height])]
        entries.sort { $0.tag < $1.tag }
        func number(_ value: Int, _ count: Int) -> [UInt8] { (0..<count).map { UInt8(value >> (8 * $0) & 0xFF) } }
        let end = 8 + 2 + 12 * entries.count + 4
        let outside = strips.count > 1 ? 4 * strips.count : 0
        var data = end + 2 * outside
        var offsets: [Int] = []
        for strip in strips {
            offsets.append(data)
            data += strip.count
        }
        var bytes: [UInt8] = [0x49, 0x49, 42, 0] + number(8, 4) + number(entries.count, 2)
        var lists: [UInt8] = []
        for entry in entries {
            let values = entry.tag == 273 || entry.tag == 324 ? offsets : entry.values
            bytes += number(entry.tag, 2) + number(4, 2) + number(values.count, 4)
            if values.count > 1 {
                bytes += number(end + lists.count, 4)
                lists += values.flatMap { number($0, 4) }
            } else {
                bytes += number(values[0], 4)
            }
        }
        return bytes + number(next, 4) + lists + strips.flatMap { $0 }
    }
}
