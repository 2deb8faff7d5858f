import PerceptFrame
import PerceptMedia
import Testing

@Suite struct JPEGTests {
    /// libjpeg's default conversion of decoded planes to RGB, which the GPU kernel repeats: "fancy" upsampling of
    /// chroma, then full-range BT.601 in 16-bit fixed point (libjpeg-turbo: jdsample.c, jdcolor.c).
    private func rgb(_ frame: DecodedFrame) -> [UInt8] {
        let bytes = frame.packedBytes
        let (width, height) = (frame.width, frame.height)
        let halfWide = frame.layout == .yuv420p || frame.layout == .yuv422p
        let halfHigh = frame.layout == .yuv420p
        let chromaWidth = halfWide ? (width + 1) / 2 : width
        let chromaHeight = halfHigh ? (height + 1) / 2 : height
        func chroma(_ plane: Int, _ x: Int, _ y: Int) -> Int {
            let base = width * height + (plane - 1) * chromaWidth * chromaHeight
            func sample(_ x: Int, _ y: Int) -> Int {
                Int(bytes[base + min(max(y, 0), chromaHeight - 1) * chromaWidth + min(max(x, 0), chromaWidth - 1)])
            }
            guard halfWide else { return sample(x, y) }
            let (column, row) = (x / 2, halfHigh ? y / 2 : y)
            guard chromaWidth > 2 else { return sample(column, row) }
            let nextColumn = x % 2 == 0 ? column - 1 : column + 1
            guard halfHigh else {
                return (3 * sample(column, row) + sample(nextColumn, row) + (x % 2 == 0 ? 1 : 2)) / 4
            }
            let nextRow = y % 2 == 0 ? row - 1 : row + 1
            func sum(_ column: Int) -> Int { 3 * sample(column, row) + sample(column, nextRow) }
            return (3 * sum(column) + sum(nextColumn) + (x % 2 == 0 ? 8 : 7)) / 16
        }
        var pixels: [UInt8] = []
        for y in 0..<height {
            for x in 0..<width {
                let luma = Int(bytes[y * width + x])
                let (cb, cr) = (chroma(1, x, y) - 128, chroma(2, x, y) - 128)
                for value in [
                    luma + (91881 * cr + 32768) >> 16, luma + (-22554 * cb - 46802 * cr + 32768) >> 16,
                    luma + (116130 * cb + 32768) >> 16,
                ] {
                    pixels.append(UInt8(min(max(value, 0), 255)))
                }
            }
        }
        return pixels
    }

    @Test(arguments: Manifest.current.jpegs)
    func pixelsAreCloseToPillow(_ image: Manifest.JPEG) throws {
        let frame = try ImageFile.decode(Manifest.path(image.file))
        #expect("\(frame.layout)" == image.layout)
        #expect(frame.width == image.width && frame.height == image.height)
        #expect(frame.fullRange)
        #expect(frame.resampling == .color)
        let isPlanar = frame.planes.count == 3
        if isPlanar { #expect(frame.colorMatrix == .bt601 && frame.chromaSiting == .center) }
        let pixels = isPlanar ? rgb(frame) : frame.packedBytes
        let expected = try ImageFile.decode(Manifest.path(image.reference)).packedBytes
        try #require(pixels.count == expected.count)
        let differences = zip(pixels, expected).map { abs(Int($0) - Int($1)) }
        let mean = Double(differences.reduce(0, +)) / Double(differences.count)
        let far = differences.count { $0 > 3 }
        #expect(mean <= 0.5)
        #expect(far * 1000 <= differences.count, "\(far) of \(differences.count) channels are off by more than 3")
    }
}
