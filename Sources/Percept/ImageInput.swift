package import PerceptFrame
package import PerceptGraph
package import PerceptModels
import PerceptRuntime

/// One image made ready for a program's `header` and `source` inputs.
///
/// The pixels are not touched: their planes are copied to where the kernels read them.
package struct ImageInput {
    package private(set) var frame: DecodedFrame
    /// Words of the header with its tables.
    package let header: [UInt32]
    /// Where each plane begins in the source, in bytes.
    package let planeOffsets: [Int]
    package let capacity: PixelCapacity

    /// - Parameters:
    ///   - slot: index of the image in its batch.
    ///   - height, width: the tower's input.
    init(_ image: Image, slot: Int, height: Int, width: Int, transform: ImageTransform) {
        let frame = image.frame
        let tables = transform.tables(
            width: image.width, height: image.height, resultWidth: width, resultHeight: height,
            filter: frame.resampling == .nearest ? .nearest : transform.filter)
        self.init(
            image, slot: slot, height: height, width: width, transform: transform, tables: tables,
            premultipliesAlpha: frame.resampling == .premultipliedAlpha)
    }

    /// - Parameters:
    ///   - tables: how the upright image, or a part of it, becomes the input.
    ///   - premultipliesAlpha: whether pixels weigh by their alpha; else alpha is dropped first, as by a conversion to RGB.
    package init(
        _ image: Image, slot: Int, height: Int, width: Int, transform: ImageTransform, tables: ResizeTables,
        premultipliesAlpha: Bool
    ) {
        frame = image.frame
        var offsets: [Int] = []
        var end = 0
        for plane in frame.planes {
            offsets.append(end)
            end += (plane.rowBytes * plane.rows).roundedUp(to: 16)
        }
        planeOffsets = offsets
        let pixels = PixelHeader(
            layout: .init(frame.layout), codedWidth: frame.width, codedHeight: frame.height,
            orientation: frame.orientation, planes: zip(offsets, frame.planes).map { ($0, $1.rowBytes) },
            colour: .init(frame), chromaIsCentred: frame.chromaSiting == .center,
            premultipliesAlpha: premultipliesAlpha, image: slot, resultWidth: width,
            resultHeight: height, mean: transform.mean, deviation: transform.deviation)
        header = pixels.words(tables)
        capacity = PixelCapacity(
            headerWords: header.count, sourceWords: end.dividedRoundingUp(by: 4),
            pixels: image.width * image.height, side: max(image.width, image.height),
            layouts: PixelLayouts(pixels.layout))
    }

    func write(to program: Program, slot: Int) {
        header.withUnsafeBytes { program.input("header.\(slot)").copyMemory(from: $0) }
        writePixels(to: program, slot: slot)
    }

    /// Puts another frame in, if all that the header says holds for it too.
    mutating func take(_ other: DecodedFrame) -> Bool {
        guard isLike(other) else { return false }
        frame = other
        return true
    }

    /// Whether a frame differs in its samples only.
    func isLike(_ other: DecodedFrame) -> Bool {
        other.layout == frame.layout && other.width == frame.width && other.height == frame.height
            && other.planes == frame.planes && other.colorMatrix == frame.colorMatrix
            && other.fullRange == frame.fullRange && other.chromaSiting == frame.chromaSiting
            && other.resampling == frame.resampling && other.orientation == frame.orientation
    }

    /// Writes no header: it must be there.
    func writePixels(to program: Program, slot: Int) {
        let source = program.input("source.\(slot)")
        for (index, offset) in planeOffsets.enumerated() {
            frame.withUnsafeBytes(ofPlane: index) { bytes in
                UnsafeMutableRawBufferPointer(rebasing: source[offset...]).copyMemory(from: bytes)
            }
        }
    }
}

extension PixelHeader.Layout {
    init(_ layout: DecodedFrame.Layout) {
        switch layout {
        case .gray8: self = .grey8
        case .rgb8: self = .rgb8
        case .rgba8: self = .rgba8
        case .yuv420p: self = .yuv420
        case .yuv422p: self = .yuv422
        case .yuv444p: self = .yuv444
        case .nv12: self = .nv12
        case .yuyv422: self = .yuyv
        }
    }
}

extension PixelHeader.ColourConversion {
    init(_ frame: DecodedFrame) {
        switch frame.colorMatrix {
        case .identity, .bt601: self.init(kr: 0.299, kb: 0.114, fullRange: frame.fullRange)
        case .bt709: self.init(kr: 0.2126, kb: 0.0722, fullRange: frame.fullRange)
        case .bt2020: self.init(kr: 0.2627, kb: 0.0593, fullRange: frame.fullRange)
        }
    }
}

extension PixelCapacity {
    /// Room to spare, in steps of a quarter, so that images a little larger need no new recording.
    var withSlack: PixelCapacity {
        func step(_ count: Int) -> Int {
            let unit = max(256, 1 << max(0, Int.bitWidth - count.leadingZeroBitCount - 3))
            return count.roundedUp(to: unit)
        }
        return PixelCapacity(
            headerWords: step(headerWords), sourceWords: step(sourceWords), pixels: step(pixels), side: step(side),
            layouts: layouts)
    }
}
