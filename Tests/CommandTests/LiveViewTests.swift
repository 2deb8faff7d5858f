import Foundation
import PerceptCommand
import PerceptCommandKit
import PerceptFrame
import Testing

/// The live view: its lines, its pictures, and what it leaves of a terminal.
@Suite("Live view") struct LiveViewTests {
    private static var escape: Regex<Substring> { /\u{1B}\[[0-9;?]*[a-zA-Z]/ }

    private func state(_ count: Int) -> LiveState {
        var state = LiveState(
            source: "/dev/video0  mjpeg 1280 x 720, 30 frames/s", model: "PE-Core-L14-336, f16",
            device: "a graphics card with quite a long name")
        let names = [
            "a red circle", "日本語のラベル", "a label that is much longer than any terminal of eighty cells is wide, really",
            "e\u{301}",
        ]
        state.labels = (0..<count).map { (names[$0 % 4], 1 / Float($0 + 2)) }
        state.caption = ("three red squares move to the left beside a blue star that rests, and a ring appears", 4)
        state.scenes = [("scene 2, like scene 0", 7), ("scene 1, not seen before", 3)]
        state.notice = ("frames are now 640 x 480\u{1B}[2J", .now)
        state.encoded = 90
        state.dropped = 10
        return state
    }

    @Test(
        "Every line fits, whatever the size",
        arguments: [(80, 24), (200, 50), (40, 10), (20, 5), (100, 30), (1, 1), (7, 60)], [Double?.none, 3.2, 0.4])
    func fits(size: (width: Int, height: Int), aspect: Double?) {
        for count in [0, 1, 4, 60] {
            let layout = LiveLayout(
                state(count), width: size.width, height: size.height, now: .now, aspect: aspect)
            #expect(layout.lines.count <= size.height)
            for line in layout.lines {
                let plain = line.replacing(Self.escape, with: "")
                #expect(Table.width(plain) <= size.width, "\(plain)")
                // What comes from outside moves no cursor.
                #expect(!plain.contains("\u{1B}"))
            }
            if let area = layout.preview {
                #expect(area.row >= 0 && area.row + area.rows < size.height && area.columns <= size.width)
                #expect(aspect != nil)
                // Nothing is written where the picture is.
                for row in area.row..<area.row + area.rows where row < layout.lines.count {
                    let plain = layout.lines[row].replacing(Self.escape, with: "")
                    #expect(plain.prefix(area.columns).allSatisfy { $0 == " " })
                }
            }
        }
    }

    @Test("Labels are bars, and the figures are there")
    func content() throws {
        let lines = LiveLayout(state(2), width: 80, height: 24, now: .now, aspect: nil).lines.map {
            $0.replacing(Self.escape, with: "")
        }
        let text = lines.joined(separator: "\n")
        #expect(text.contains("a red circle") && text.contains("50.0 %") && text.contains("33.3 %"))
        #expect(text.contains("dropped 10 (10 %)") && text.contains("scene 2, like scene 0"))
        #expect(text.contains("“three red squares"))
        let bars = lines.filter { $0.contains("█") }.map { $0.filter { $0 == "█" }.count }
        #expect(bars.count == 2 && bars[0] > bars[1])
        // The picture has its place beside the labels where there is room, above them where not.
        let wide = try #require(LiveLayout(state(2), width: 200, height: 50, now: .now, aspect: 3.5).preview)
        #expect(wide.columns <= 100 && wide.rows > 10)
        let narrow = try #require(LiveLayout(state(2), width: 80, height: 24, now: .now, aspect: 3.5).preview)
        #expect(narrow.rows <= 12)
    }

    @Test("Bars grow by eighths", arguments: [(0, 0), (0.5, 32), (1, 64), (2, 64), (1 / 64, 1)] as [(Float, Int)])
    func bars(share: Float, eighths: Int) {
        let bar = LiveBar.text(share, cells: 8)
        #expect(bar.count == 8)
        let filled = bar.reduce(0) { sum, cell in
            sum + (cell == "█" ? 8 : cell == " " ? 0 : 8 - ((cell.unicodeScalars.first?.value ?? 0) - 0x2588).int)
        }
        #expect(filled == eighths)
    }

    @Test("Percentiles and rates are those of late")
    func recent() {
        var latencies = RecentLatencies()
        #expect(latencies.percentile(0.5) == nil)
        for index in 1...1000 { latencies.add(.milliseconds(index)) }
        #expect(latencies.percentile(1) == .milliseconds(1000))
        #expect(latencies.percentile(0.5) == .milliseconds(1000 - 128))
        var rate = RecentRate()
        let start = ContinuousClock.now
        for index in 0..<100 { rate.add(start + .milliseconds(20 * index)) }
        #expect(abs(rate.value(now: start + .milliseconds(2000)) - 50) < 1)
        #expect(rate.value(now: start + .seconds(10)) == 0)
    }

    // MARK: Pictures

    private func frame(_ width: Int, _ height: Int, orientation: Int = 1, _ rgb: (Int, Int) -> [UInt8]) -> DecodedFrame
    {
        let pixels = (0..<height).flatMap { y in (0..<width).flatMap { rgb($0, y) } }
        return DecodedFrame(
            PixelBytes(pixels, rowBytes: 3 * width), width: width, height: height, layout: .rgb8,
            colorMatrix: .identity, fullRange: true, chromaSiting: .center, resampling: .color,
            orientation: orientation)
    }

    @Test("Thumbnails average, upright")
    func thumbnails() {
        let plain = frame(60, 40) { x, _ in x < 30 ? [255, 0, 0] : [0, 0, 255] }
        let small = Thumbnail(plain, width: 4, height: 3)
        #expect(small.pixels.prefix(12) == [255, 0, 0, 255, 0, 0, 0, 0, 255, 0, 0, 255])
        // Orientation 6: the left column of the upright picture is the bottom row as coded.
        let turned = Thumbnail(
            frame(4, 2, orientation: 6) { _, y in y == 1 ? [9, 9, 9] : [0, 0, 0] }, width: 2, height: 4)
        #expect(turned.pixels.prefix(6) == [9, 9, 9, 0, 0, 0])
    }

    @Test("Terminals are asked what they can")
    func styles() {
        #expect(PreviewStyle.choose(environment: ["KITTY_WINDOW_ID": "1"], answer: nil) == .kitty)
        #expect(PreviewStyle.choose(environment: ["TERM_PROGRAM": "WezTerm"], answer: nil) == .kitty)
        #expect(PreviewStyle.choose(environment: [:], answer: "\u{1B}[?62;4;22c") == .sixel)
        #expect(PreviewStyle.choose(environment: [:], answer: "\u{1B}[?64;14;22c") == nil)
        let colours = ["COLORTERM": "truecolor"]
        #expect(PreviewStyle.choose(environment: colours, answer: "\u{1B}[?1;2c") == .halfBlocks)
        let inner = ["COLORTERM": "24bit", "TMUX": "x", "KITTY_WINDOW_ID": "1"]
        #expect(PreviewStyle.choose(environment: inner, answer: "\u{1B}[?62;4c") == .halfBlocks)
        #expect(PreviewStyle.choose(environment: ["TERM": "xterm"], answer: nil) == nil)
    }

    /// A sixel decoder of the test's own gives the picture back, as far as the palette goes.
    @Test("Sixel pictures can be decoded")
    func sixel() throws {
        let picture = Thumbnail(
            frame(30, 20) { x, y in x < 15 ? [255, 0, 0] : y < 10 ? [0, 255, 0] : [0, 0, 255] }, width: 30, height: 20)
        let text = SixelImage(picture).text
        #expect(text.hasPrefix("\u{1B}Pq\"1;1;30;20") && text.hasSuffix("\u{1B}\\"))
        var colours: [Int: [Int]] = [:]
        var canvas: [Int: Int] = [:]
        var (x, y, colour) = (0, 0, 0)
        let body = text.dropFirst("\u{1B}Pq\"1;1;30;20".count).dropLast(2)
        for token in body.matches(of: /#(\d+)(?:;2;(\d+);(\d+);(\d+))?|!(\d+)([?-~])|([?-~])|(\$)|(-)/) {
            if let index = token.1.flatMap({ Int($0) }) {
                colour = index
                if let r = token.2, let g = token.3, let b = token.4 {
                    colours[index] = [r, g, b].compactMap { Int($0) }
                }
            } else if token.8 != nil {
                x = 0
            } else if token.9 != nil {
                (x, y) = (0, y + 6)
            } else if let character = (token.6 ?? token.7)?.utf8.first {
                for _ in 0..<(token.5.flatMap { Int($0) } ?? 1) {
                    for bit in 0..<6 where (character - 63) >> UInt8(bit) & 1 == 1 {
                        canvas[(y + bit) * 30 + x] = colour
                    }
                    x += 1
                }
            }
        }
        #expect(canvas.count == 600)
        for place in 0..<600 {
            let expected = place % 30 < 15 ? [100, 0, 0] : place / 30 < 10 ? [0, 100, 0] : [0, 0, 100]
            #expect(canvas[place].flatMap { colours[$0] } == expected, "pixel \(place)")
        }
    }
}

extension UInt32 {
    fileprivate var int: Int { Int(self) }
}
