package import PerceptFrame

/// A frame made small for a terminal: R, G, B of a few thousand pixels.
///
/// The one place where the processor looks at pixels, and only at some of them: the model's input is made by kernels.
package struct Thumbnail {
    package let width: Int
    package let height: Int
    /// R, G, B of every pixel, row by row.
    package private(set) var pixels: [UInt8]

    /// Samples in each direction that a pixel is the mean of.
    private static let samples = 3

    package init(_ frame: DecodedFrame, width: Int, height: Int) {
        self.width = width
        self.height = height
        var pixels = [UInt8](repeating: 0, count: 3 * width * height)
        PixelReader.read(frame) { reader in
            let (across, down) = (frame.uprightWidth, frame.uprightHeight)
            for y in 0..<height {
                for x in 0..<width {
                    var sum = (0, 0, 0)
                    for j in 0..<Self.samples {
                        for i in 0..<Self.samples {
                            let u = ((x * Self.samples + i) * 2 + 1) * across / (2 * width * Self.samples)
                            let v = ((y * Self.samples + j) * 2 + 1) * down / (2 * height * Self.samples)
                            let colour = reader.rgb(min(u, across - 1), min(v, down - 1))
                            sum = (sum.0 + colour.0, sum.1 + colour.1, sum.2 + colour.2)
                        }
                    }
                    let count = Self.samples * Self.samples
                    let place = 3 * (y * width + x)
                    pixels[place] = UInt8(sum.0 / count)
                    pixels[place + 1] = UInt8(sum.1 / count)
                    pixels[place + 2] = UInt8(sum.2 / count)
                }
            }
        }
        self.pixels = pixels
    }

    subscript(x: Int, y: Int) -> (UInt8, UInt8, UInt8) {
        let place = 3 * (y * width + x)
        return (pixels[place], pixels[place + 1], pixels[place + 2])
    }

    /// Mixes colours of another picture in, `share` of them.
    mutating func blend(_ share: Float, _ colour: (_ x: Float, _ y: Float) -> (UInt8, UInt8, UInt8)) {
        for y in 0..<height {
            for x in 0..<width {
                let other = colour((Float(x) + 0.5) / Float(width), (Float(y) + 0.5) / Float(height))
                let place = 3 * (y * width + x)
                for (channel, value) in [other.0, other.1, other.2].enumerated() {
                    let own = Float(pixels[place + channel])
                    pixels[place + channel] = UInt8(own + share * (Float(value) - own))
                }
            }
        }
    }
}
