import CPerceptMedia

/// A picture of planar 4:2:0 that is drawn on before it is encoded.
package struct VideoCanvas {
    package let width: Int
    package let height: Int
    private let picture: Picture

    init(_ picture: Picture) {
        self.picture = picture
        width = picture.width
        height = picture.height
    }

    /// Dots of a letter become squares of so many pixels: lines are about a thirtieth of its shorter side high.
    package var textScale: Int { max(min(width, height) / 240, 1) }

    /// Rows from one line of text to the next, in pixels.
    package var lineHeight: Int { (BitmapFont.height + 3) * textScale }

    /// Darkens a rectangle to a third, and takes most of its colour.
    package func shade(x: Int, y: Int, width: Int, height: Int) {
        let (columns, rows) = (clip(x, width, self.width), clip(y, height, self.height))
        for row in rows {
            let luma = picture.row(row)
            for column in columns { luma[column] = UInt8(16 + (max(Int(luma[column]), 16) - 16) / 3) }
        }
        for plane in 1...2 {
            for row in rows.lowerBound / 2..<(rows.upperBound + 1) / 2 {
                let chroma = picture.row(row, plane: plane)
                for column in columns.lowerBound / 2..<(columns.upperBound + 1) / 2 {
                    chroma[column] = UInt8(128 + (Int(chroma[column]) - 128) / 3)
                }
            }
        }
    }

    /// Fills a rectangle with limited-range Y, Cb, Cr.
    package func fill(x: Int, y: Int, width: Int, height: Int, _ colour: (y: UInt8, cb: UInt8, cr: UInt8)) {
        let (columns, rows) = (clip(x, width, self.width), clip(y, height, self.height))
        for row in rows {
            let luma = picture.row(row)
            for column in columns { luma[column] = colour.y }
        }
        for (plane, value) in [(1, colour.cb), (2, colour.cr)] {
            for row in rows.lowerBound / 2..<(rows.upperBound + 1) / 2 {
                let chroma = picture.row(row, plane: plane)
                for column in columns.lowerBound / 2..<(columns.upperBound + 1) / 2 { chroma[column] = value }
            }
        }
    }

    /// Writes white letters from a corner on, as far as the picture goes; accents reach over and under the line.
    ///
    /// - Returns: the columns they take.
    @discardableResult
    package func write(_ text: String, x: Int, y: Int) -> Int {
        let scale = textScale
        let y = y - BitmapFont.rowsAbove * scale
        var left = x
        for glyph in BitmapFont.glyphs(text) {
            guard left + BitmapFont.width * scale <= width else { break }
            for (row, dots) in glyph.enumerated() {
                for column in 0..<BitmapFont.width where dots >> UInt8(BitmapFont.width - 1 - column) & 1 == 1 {
                    let (rows, columns) = (
                        clip(y + row * scale, scale, height), clip(left + column * scale, scale, width)
                    )
                    for y in rows { for x in columns { picture.row(y)[x] = 235 } }
                }
            }
            left += (BitmapFont.width + 1) * scale
        }
        return left - x
    }

    /// Mixes colours in, given as R, G, B for places from 0 to 1 across and down.
    package func blend(_ share: Float, _ colour: (_ x: Float, _ y: Float) -> (UInt8, UInt8, UInt8)) {
        func mixed(_ old: UInt8, _ new: Float) -> UInt8 {
            UInt8(min(max(Float(old) + share * (new - Float(old)), 0), 255))
        }
        for y in 0..<height {
            let luma = picture.row(y)
            let (cb, cr) = (picture.row(y / 2, plane: 1), picture.row(y / 2, plane: 2))
            for x in 0..<width {
                let (r, g, b) = colour((Float(x) + 0.5) / Float(width), (Float(y) + 0.5) / Float(height))
                let (red, green, blue) = (Float(r), Float(g), Float(b))
                // BT.601, limited range.
                luma[x] = mixed(luma[x], 16 + 0.2568 * red + 0.5041 * green + 0.0979 * blue)
                guard x % 2 == 0, y % 2 == 0 else { continue }
                cb[x / 2] = mixed(cb[x / 2], 128 - 0.1482 * red - 0.2910 * green + 0.4392 * blue)
                cr[x / 2] = mixed(cr[x / 2], 128 + 0.4392 * red - 0.3678 * green - 0.0714 * blue)
            }
        }
    }

    private func clip(_ start: Int, _ length: Int, _ limit: Int) -> Range<Int> {
        let first = min(max(start, 0), limit)
        return first..<max(min(start + length, limit), first)
    }
}
