package import PerceptFrame
package import PerceptGraph
package import PerceptModels
import PerceptNumbers

/// One image made ready for its slot of a program.
///
/// The pixels are not touched: their planes are copied to where the kernels read them.
package struct ImageInput: Sendable {
    package private(set) var frame: DecodedFrame
    /// Words of the header with its tables.
    package let header: [UInt32]
    /// Where each plane begins in the source, in bytes.
    package let planeOffsets: [Int]
    package let capacity: PixelCapacity

    /// - Parameter height, width: the tower's input.
    package init(_ frame: DecodedFrame, height: Int, width: Int, transform: ImageTransform) {
        let tables = transform.tables(
            width: frame.uprightWidth, height: frame.uprightHeight, resultWidth: width, resultHeight: height,
            filter: frame.resampling == .nearest ? .nearest : transform.filter)
        self.init(
            frame, height: height, width: width, transform: transform, tables: tables,
            premultipliesAlpha: frame.resampling == .premultipliedAlpha)
    }

    /// - Parameters:
    ///   - tables: how the upright image, or a part of it, becomes the input.
    ///   - premultipliesAlpha: whether pixels weigh by their alpha; else alpha is dropped first, as by a conversion to RGB.
    package init(
        _ frame: DecodedFrame, height: Int, width: Int, transform: ImageTransform, tables: ResizeTables,
        premultipliesAlpha: Bool
    ) {
        self.frame = frame
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
            premultipliesAlpha: premultipliesAlpha, image: 0, resultWidth: width,
            resultHeight: height, mean: transform.mean, deviation: transform.deviation)
        header = pixels.words(tables)
        capacity = PixelCapacity(
            headerWords: header.count, sourceWords: end.dividedRoundingUp(by: 4),
            pixels: frame.uprightWidth * frame.uprightHeight, side: max(frame.uprightWidth, frame.uprightHeight),
            layouts: PixelLayouts(pixels.layout))
    }

    /// - Parameter index: of the image in its batch.
    func writeHeader(to memory: UnsafeMutableRawBufferPointer, index: Int) {
        header.withUnsafeBytes { memory.copyMemory(from: $0) }
        memory.storeBytes(of: UInt32(index), toByteOffset: 4 * PixelHeader.imageWord, as: UInt32.self)
    }

    /// Puts another frame in, if all that the header says holds for it too.
    package mutating func take(_ other: DecodedFrame) -> Bool {
        guard isLike(other) else { return false }
        frame = other
        return true
    }

    /// Whether a frame differs in its samples only.
    package func isLike(_ other: DecodedFrame) -> Bool {
        other.layout == frame.layout && other.width == frame.width && other.height == frame.height
            && other.planes == frame.planes && other.colorMatrix == frame.colorMatrix
            && other.fullRange == frame.fullRange && other.chromaSiting == frame.chromaSiting
            && other.resampling == frame.resampling && other.orientation == frame.orientation
    }

    /// Copies the planes.
    func writePixels(to memory: UnsafeMutableRawBufferPointer) {
        for (index, offset) in planeOffsets.enumerated() {
            frame.withUnsafeBytes(ofPlane: index) { bytes in
                UnsafeMutableRawBufferPointer(rebasing: memory[offset...]).copyMemory(from: bytes)
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
        let weights = frame.colorMatrix.lumaWeights
        self.init(kr: weights.red, kb: weights.blue, fullRange: frame.fullRange)
    }
}
