/// A picture as sixel graphics: bands of six rows, colour by colour, from a palette of 6 x 7 x 6 colours.
package struct SixelImage {
    package let text: String

    private static let steps = (red: 6, green: 7, blue: 6)

    package init(_ picture: Thumbnail) {
        let (width, height) = (picture.width, picture.height)
        var indices = [Int](repeating: 0, count: width * height)
        for y in 0..<height {
            for x in 0..<width {
                let colour = picture[x, y]
                // Ordered dithering hides the steps of so few colours.
                let shift = Self.dither[y % 4][x % 4]
                indices[y * width + x] =
                    (Self.level(colour.0, Self.steps.red, shift) * Self.steps.green
                        + Self.level(colour.1, Self.steps.green, shift)) * Self.steps.blue
                    + Self.level(colour.2, Self.steps.blue, shift)
            }
        }
        var text = "\u{1B}Pq\"1;1;\(width);\(height)"
        for index in Set(indices).sorted() {
            let blue = index % Self.steps.blue
            let green = index / Self.steps.blue % Self.steps.green
            let red = index / (Self.steps.blue * Self.steps.green)
            func percent(_ level: Int, _ steps: Int) -> Int { 100 * level / (steps - 1) }
            text +=
                "#\(index);2;\(percent(red, Self.steps.red));\(percent(green, Self.steps.green));"
                + "\(percent(blue, Self.steps.blue))"
        }
        for top in stride(from: 0, to: height, by: 6) {
            text += Self.band(indices, width: width, rows: top..<min(top + 6, height))
        }
        self.text = text + "\u{1B}\\"
    }

    private static func band(_ indices: [Int], width: Int, rows: Range<Int>) -> String {
        var masks: [Int: [UInt8]] = [:]
        for (bit, y) in rows.enumerated() {
            for x in 0..<width {
                masks[indices[y * width + x], default: [UInt8](repeating: 0, count: width)][x] |= 1 << UInt8(bit)
            }
        }
        var text = ""
        for (index, mask) in masks.sorted(by: { $0.key < $1.key }) {
            text += "#\(index)"
            var x = 0
            while x < width {
                let end = mask[x...].firstIndex { $0 != mask[x] } ?? width
                let sixel = String(UnicodeScalar(63 + mask[x]))
                text += end - x > 3 ? "!\(end - x)\(sixel)" : String(repeating: sixel, count: end - x)
                x = end
            }
            // Back to the start of the band for the next colour.
            text += "$"
        }
        return text + "-"
    }

    private static func level(_ value: UInt8, _ steps: Int, _ shift: Double) -> Int {
        let level = Double(value) / 255 * Double(steps - 1) + shift
        return min(max(Int(level.rounded()), 0), steps - 1)
    }

    /// Thresholds of a 4 x 4 ordered dither, -0.5 to 0.5.
    private static let dither: [[Double]] = [[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]].map {
        $0.map { ($0 + 0.5) / 16 - 0.5 }
    }
}
