/// Single pixels of a frame, upright, as R, G, B; rounded to the nearest level, with the nearest sample of colour.
package struct PixelReader {
    private let frame: DecodedFrame
    private let planes: [UnsafeRawBufferPointer]
    private let weights: (red: Float, greenB: Float, greenR: Float, blue: Float)
    private let luma: (offset: Float, scale: Float)

    /// Lends a reader of the frame's planes.
    package static func read(_ frame: DecodedFrame, _ body: (PixelReader) -> Void) {
        collect(frame, 0, []) { body(PixelReader(frame, $0)) }
    }

    private static func collect(
        _ frame: DecodedFrame, _ index: Int, _ planes: [UnsafeRawBufferPointer],
        _ body: ([UnsafeRawBufferPointer]) -> Void
    ) {
        guard index < frame.planes.count else { return body(planes) }
        frame.withUnsafeBytes(ofPlane: index) { collect(frame, index + 1, planes + [$0], body) }
    }

    private init(_ frame: DecodedFrame, _ planes: [UnsafeRawBufferPointer]) {
        self.frame = frame
        self.planes = planes
        let (kr, kb) = (Float(frame.colorMatrix.lumaWeights.red), Float(frame.colorMatrix.lumaWeights.blue))
        let chroma: Float = frame.fullRange ? 1 : 255 / 224
        luma = frame.fullRange ? (0, 1) : (16, 255 / 219)
        weights = (
            2 * (1 - kr) * chroma, 2 * (1 - kb) * kb / (1 - kr - kb) * chroma,
            2 * (1 - kr) * kr / (1 - kr - kb) * chroma, 2 * (1 - kb) * chroma
        )
    }

    /// Red, green and blue of an upright pixel.
    package func rgb(_ x: Int, _ y: Int) -> (Int, Int, Int) {
        let (x, y) = coded(x, y)
        func sample(_ plane: Int, _ column: Int, _ row: Int) -> Int {
            Int(planes[plane][row * frame.planes[plane].rowBytes + column])
        }
        switch frame.layout {
        case .gray8:
            let value = sample(0, x, y)
            return (value, value, value)
        case .rgb8: return (sample(0, 3 * x, y), sample(0, 3 * x + 1, y), sample(0, 3 * x + 2, y))
        case .rgba8: return (sample(0, 4 * x, y), sample(0, 4 * x + 1, y), sample(0, 4 * x + 2, y))
        case .yuv420p: return rgb(sample(0, x, y), sample(1, x / 2, y / 2), sample(2, x / 2, y / 2))
        case .yuv422p: return rgb(sample(0, x, y), sample(1, x / 2, y), sample(2, x / 2, y))
        case .yuv444p: return rgb(sample(0, x, y), sample(1, x, y), sample(2, x, y))
        case .yuyv422: return rgb(sample(0, 2 * x, y), sample(0, x / 2 * 4 + 1, y), sample(0, x / 2 * 4 + 3, y))
        case .nv12:
            return rgb(sample(0, x, y), sample(1, x / 2 * 2, y / 2), sample(1, x / 2 * 2 + 1, y / 2))
        }
    }

    private func rgb(_ y: Int, _ cb: Int, _ cr: Int) -> (Int, Int, Int) {
        let light = (Float(y) - luma.offset) * luma.scale
        let (b, r) = (Float(cb - 128), Float(cr - 128))
        func byte(_ value: Float) -> Int { Int(min(max(value.rounded(), 0), 255)) }
        return (
            byte(light + weights.red * r), byte(light - weights.greenB * b - weights.greenR * r),
            byte(light + weights.blue * b)
        )
    }

    /// Where an upright pixel lies as coded (EXIF tag 274).
    private func coded(_ x: Int, _ y: Int) -> (Int, Int) {
        let (right, bottom) = (frame.width - 1, frame.height - 1)
        return switch frame.orientation {
        case 2: (right - x, y)
        case 3: (right - x, bottom - y)
        case 4: (x, bottom - y)
        case 5: (y, x)
        case 6: (y, bottom - x)
        case 7: (right - y, bottom - x)
        case 8: (right - y, x)
        default: (x, y)
        }
    }
}
