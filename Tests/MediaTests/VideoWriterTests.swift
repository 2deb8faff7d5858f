import CPerceptMedia
import Foundation
import PerceptFrame
import PerceptMedia
import TestSupport
import Testing

@Suite struct VideoWriterTests {
    /// Grey of a pattern that no turn and no mirror leaves as it is, at an upright place.
    private static func shade(_ x: Int, _ y: Int) -> UInt8 { UInt8(24 + x / 16 * 22 + y / 16 * 100) }

    private static let (width, height) = (64, 32)

    /// The pattern as a camera would store it that was held so that `orientation` makes it upright.
    private func frame(_ orientation: Int) -> DecodedFrame {
        let (width, height) = orientation < 5 ? (Self.width, Self.height) : (Self.height, Self.width)
        var pixels: [UInt8] = []
        for row in 0..<height {
            for column in 0..<width {
                // EXIF tag 274: which side of the upright picture the first row and column are.
                let (x, y) =
                    switch orientation {
                    case 2: (width - 1 - column, row)
                    case 3: (width - 1 - column, height - 1 - row)
                    case 4: (column, height - 1 - row)
                    case 5: (row, column)
                    case 6: (height - 1 - row, column)
                    case 7: (height - 1 - row, width - 1 - column)
                    case 8: (row, width - 1 - column)
                    default: (column, row)
                    }
                pixels += [UInt8](repeating: Self.shade(x, y), count: 3)
            }
        }
        return DecodedFrame(
            PixelBytes(pixels, rowBytes: 3 * width), width: width, height: height, layout: .rgb8,
            colorMatrix: .identity,
            fullRange: true, chromaSiting: .center, resampling: .color, orientation: orientation)
    }

    @Test("Frames of every orientation are stored upright, and drawn on upright", arguments: 1...8)
    func orientation(orientation: Int) throws {
        let folder = try TemporaryFolder()
        let path = folder.url.appending(path: "a.mp4").path
        let writer = try VideoWriter(path)
        // A camera that is turned meanwhile goes on in the size it began with.
        for (index, held) in [orientation, orientation, orientation % 8 + 1].enumerated() {
            try writer.write(frame(held), at: Double(index) / 25) { canvas in
                #expect(canvas.width == Self.width && canvas.height == Self.height)
                canvas.fill(x: 0, y: 0, width: 16, height: 16, (235, 128, 128))
            }
        }
        try writer.finish()
        let reader = try VideoReader(path)
        for index in 0..<3 {
            let found = try reader.frame(at: index)
            #expect(found.orientation == 1 && (found.width, found.height) == (Self.width, Self.height))
            found.withUnsafeBytes(ofPlane: 0) { luma in
                for y in stride(from: 8, to: Self.height, by: 16) {
                    for x in stride(from: 8, to: Self.width, by: 16) {
                        let expected = x < 16 && y < 16 ? 235 : 16 + Double(Self.shade(x, y)) * 219 / 255
                        let value = Double(luma[y * found.planes[0].rowBytes + x])
                        // Squares differ by 18 at the least; encoding moves their middle by a few.
                        #expect(abs(value - expected) < 6, "\(x), \(y) of frame \(index)")
                    }
                }
            }
        }
    }

    @Test("Every letter of Latin-1 is drawn as itself")
    func letters() {
        var known: [BitmapFont.Glyph: Character] = [:]
        for value in Array(33..<127) + Array(161..<256) where value != 173 {
            let character = Character(UnicodeScalar(UInt8(value)))
            #expect(BitmapFont.undrawn(in: String(character)).isEmpty, "\(character)")
            // Fractions are spelled out.
            guard let glyph = BitmapFont.glyphs(String(character)).first, !(188...190 ~= value) else { continue }
            #expect(glyph.count == 10 && glyph.contains { $0 != 0 } && glyph.allSatisfy { $0 < 32 })
            if let other = known[glyph] {
                Issue.record("\(character) looks as \(other)")
            }
            known[glyph] = character
        }
        // However a text is put together.
        #expect(BitmapFont.glyphs("a\u{308}e\u{301}") == BitmapFont.glyphs("äé"))
        #expect(BitmapFont.glyphs("Œuvre…") == BitmapFont.glyphs("OEuvre..."))
        #expect(BitmapFont.glyphs("ＡＢ ﬁ") == BitmapFont.glyphs("AB fi"))
        #expect(BitmapFont.undrawn(in: "Żółć, Čeština, Ğüneş, ő, Đà Nẵng, ½ – “€”").isEmpty)
    }

    @Test("What there are no letters for is told, and stays countable")
    func boxes() {
        #expect(BitmapFont.undrawn(in: "ä 日本, 日 кот 👍🏽") == "日本кот👍🏽")
        let box = BitmapFont.glyphs("日")
        #expect(box.count == 1 && BitmapFont.glyphs("日本") == box + box)
        #expect(BitmapFont.glyphs("□") == box)
        for value in 32..<127 { #expect(BitmapFont.glyphs(String(UnicodeScalar(UInt8(value)))) != box) }
    }
}
