import Foundation
import PerceptFrame
import PerceptMedia
import TestSupport
import Testing

/// Damaged files, all in one process: each decodes or ends in a typed error, in time and without leaks.
@Suite(.serialized) struct HostileInputTests {
    /// Decodes what can be decoded; true when that was everything.
    private func decodes(_ bytes: [UInt8], _ path: String) -> Bool {
        let start = ContinuousClock.now
        defer { #expect(ContinuousClock.now - start < .seconds(10), "\(path) took too long") }
        do throws(MediaError) {
            if path.hasSuffix(".mp4") {
                let damaged = FileManager.default.temporaryDirectory.appending(path: "percept-\(UUID()).mp4")
                defer { try? FileManager.default.removeItem(at: damaged) }
                #expect(FileManager.default.createFile(atPath: damaged.path, contents: Data(bytes)))
                let reader = try VideoReader(damaged.path)
                for index in SampledFrames.indices(frameCount: reader.frameCount, count: 4) {
                    _ = try reader.frame(at: index)
                }
            } else {
                _ = try ImageFile.decode(bytes, name: path)
            }
            return true
        } catch {
            #expect(!error.file.isEmpty)
            return false
        }
    }

    private static let whole = [
        "coffee.jpg", "chelsea.jpg", "formats/420-progressive.jpg", "formats/rgb8.png", "formats/rgba16-interlaced.png",
        "formats/palette.gif", "formats/rgb.bmp", "formats/rgb-raw.tiff", "formats/rgb-tiff_lzw.tiff",
        "formats/rgb-tiff_adobe_deflate.tiff", "formats/rgb-packbits.tiff", "formats/rgb-lossless.webp",
        "formats/lossy.webp",
    ]

    @Test(arguments: whole)
    func truncatedImagesAreErrors(_ file: String) throws {
        let path = "\(Manifest.folder)/\(file)"
        let bytes = try readBytes(path)
        #expect(decodes(bytes, path))
        let step = min(1024, max(bytes.count / 16, 1))
        for length in Array(stride(from: 0, to: bytes.count - 1, by: step)) + [bytes.count - 20, bytes.count - 4] {
            #expect(!decodes(Array(bytes.prefix(length)), path), "first \(length) of \(bytes.count) bytes")
        }
    }

    @Test(arguments: [
        "orientation-6.jpg", "orientation-6.png", "orientation-6.webp", "orientation-6.tiff", "transparent.gif",
        "animated.webp", "palette.bmp", "palette-packbits.tiff", "cmyk-no-adobe.jpg",
    ])
    func everyShorterFileAndEveryChangedHeaderByteIsHarmless(_ file: String) throws {
        let path = Manifest.path(file)
        let bytes = try readBytes(path)
        for length in 0..<bytes.count { _ = decodes(Array(bytes.prefix(length)), path) }
        for offset in 0..<min(bytes.count, 200) {
            for value: UInt8 in [0, 1, 4, 0x7F, 0xFF] {
                var damaged = bytes
                damaged[offset] = value
                _ = decodes(damaged, path)
            }
        }
    }

    @Test func shortExifAndGraphicControlBlocksAreHarmless() {
        let exif: [UInt8] = [0xFF, 0xD8, 0xFF, 0xE1, 0, 4] + Array("Exif\0\0".utf8) + [0xFF, 0xD9]
        #expect(!decodes(exif, "exif"))
        let control: [UInt8] = Array("GIF89a".utf8) + [1, 0, 1, 0, 0, 0, 0, 0x21, 0xF9, 4]
        #expect(!decodes(control, "control"))
    }

    @Test(arguments: ["shapes.mp4", "formats/h264-bframes.mp4"])
    func truncatedVideosAreErrorsOrTellSo(_ file: String) throws {
        let path = "\(Manifest.folder)/\(file)"
        let bytes = try readBytes(path)
        #expect(decodes(bytes, path))
        let whole = try VideoReader(path)
        #expect(whole.notes == [])
        let folder = try TemporaryFolder()
        for length in stride(from: 0, to: bytes.count - 1, by: 512) {
            let cut = try folder.write(bytes.prefix(length), "cut.mp4")
            guard let reader = try? VideoReader(cut) else { continue }
            #expect(!reader.notes.isEmpty, "first \(length) of \(bytes.count) bytes")
            #expect(reader.frameCount < whole.frameCount && 2 * reader.frameCount >= whole.frameCount)
            #expect(decodes(Array(bytes.prefix(length)), path))
        }
    }

    @Test(arguments: [
        ("formats/420.jpg", 2000), ("formats/420-progressive.jpg", 500), ("formats/cmyk.jpg", 300),
        ("formats/rgb8.png", 1000), ("formats/palette4-interlaced.png", 500), ("formats/palette.gif", 500),
        ("formats/rgb-tiff_lzw.tiff", 500), ("formats/rgba-packbits.tiff", 300), ("formats/rgba.bmp", 300),
        ("formats/animated.webp", 500), ("formats/grid.avif", 200), ("formats/lossy-alpha.webp", 500),
        ("formats/photo.avif", 300),
        ("shapes.mp4", 300), ("formats/one-frame.mp4", 300),
    ])
    func flippedBytesDoNoHarm(_ file: String, _ count: Int) throws {
        let path = "\(Manifest.folder)/\(file)"
        let bytes = try readBytes(path)
        var generator = SplitMix64(state: UInt64(count))
        for _ in 0..<count {
            var damaged = bytes
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                // Half of the flips hit the headers.
                let limit = Bool.random(using: &generator) ? damaged.count : min(damaged.count, 256)
                damaged[Int.random(in: 0..<limit, using: &generator)] ^= UInt8.random(in: 1...255, using: &generator)
            }
            _ = decodes(damaged, path)
        }
    }

    @Test func decodingLeaksNothing() throws {
        func residentBytes() throws -> Int {
            let pages = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
            return (Int(pages[1]) ?? 0) * 4096
        }
        let files = [
            "coffee.jpg", "formats/rgba16.png", "formats/cmyk.jpg", "formats/animated.webp", "formats/photo.avif",
            "formats/one-frame.mp4",
        ]
        func round() throws {
            for file in files {
                let path = "\(Manifest.folder)/\(file)"
                let bytes = try readBytes(path)
                #expect(decodes(bytes, path))
                _ = decodes(Array(bytes.prefix(bytes.count / 2)), path)
            }
        }
        for _ in 0..<10 { try round() }
        let before = try residentBytes()
        for _ in 0..<60 { try round() }
        #expect(try residentBytes() - before < 8 << 20)
    }
}
