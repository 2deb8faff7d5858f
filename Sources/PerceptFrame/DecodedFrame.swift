/// Where a frame's samples lie: a decoder's picture, or bytes.
package protocol FrameStorage: AnyObject, Sendable {
    /// Bytes from one row of a plane to the next.
    func rowBytes(ofPlane index: Int) -> Int

    /// Lends a plane, from its first sample on.
    func withUnsafeStart<Result, Failure>(
        ofPlane index: Int, _ body: (UnsafeRawPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result
}

/// One decoded picture as its decoder left it, ready to be copied to the GPU.
///
/// Colour conversion, chroma upsampling, orientation, resize and normalisation are left to GPU kernels; the
/// properties say which of them apply.
package struct DecodedFrame: Sendable {
    /// How samples lie in the planes. All samples have 8 bits.
    package enum Layout: Sendable, CaseIterable {
        /// One plane of grey.
        case gray8
        /// One plane of R, G, B.
        case rgb8
        /// One plane of R, G, B, A; alpha is not premultiplied.
        case rgba8
        /// Y, Cb, Cr; chroma planes are half as wide and high, rounded up.
        case yuv420p
        /// Y, Cb, Cr; chroma planes are half as wide, rounded up.
        case yuv422p
        /// Y, Cb, Cr of equal size.
        case yuv444p
        /// Y, and a plane of Cb, Cr pairs half as wide and high, rounded up.
        case nv12
        /// One plane of Y, Cb, Y, Cr for every two pixels of a row; the last pair of an odd row is whole.
        case yuyv422
    }

    /// What a resize must do to give Pillow's result.
    ///
    /// Pillow resizes before it converts to RGB, so the file's own pixel type decides.
    package enum Resampling: Sendable {
        /// Filter the channels.
        case color
        /// Multiply by alpha, filter, divide by alpha; alpha itself is dropped in the end.
        case premultipliedAlpha
        /// Take the nearest pixel, whatever filter is asked for: palette and one-bit files.
        case nearest
    }

    /// The matrix from Y'CbCr to RGB.
    package enum ColorMatrix: Sendable {
        /// Samples are RGB or grey.
        case identity
        case bt601
        case bt709
        case bt2020

        /// What red and blue weigh in luma (ITU-R BT.601, BT.709 and BT.2020); green has the rest of 1.
        package var lumaWeights: (red: Double, blue: Double) {
            switch self {
            case .identity, .bt601: (0.299, 0.114)
            case .bt709: (0.2126, 0.0722)
            case .bt2020: (0.2627, 0.0593)
            }
        }
    }

    /// Where a chroma sample of a subsampled layout lies horizontally among its luma samples; vertically it lies between.
    package enum ChromaSiting: Sendable {
        /// On the left luma sample, as MPEG-2 and later video has it.
        case left
        /// Between the luma samples, as JPEG and MPEG-1 have it. libjpeg interpolates with weights 3/4 and 1/4, but repeats
        /// samples where a row of chroma has at most two (`YCbCr.upsample` has the exact rounding).
        case center
    }

    /// One plane's extent.
    package struct Plane: Sendable, Equatable {
        /// Bytes of pixels in a row.
        package let bytesInRow: Int
        /// Bytes from one row to the next, at least `bytesInRow`.
        package let rowBytes: Int
        /// Number of rows.
        package let rows: Int
    }

    /// Most pixels a picture may have.
    package static let maximumPixels = 1 << 28

    package let layout: Layout
    /// Pixels in a row as coded, before `orientation`.
    package let width: Int
    /// Rows as coded, before `orientation`.
    package let height: Int
    package let planes: [Plane]
    package let colorMatrix: ColorMatrix
    /// True when samples use 0...255, false for 16...235 (chroma 16...240).
    package let fullRange: Bool
    package let chromaSiting: ChromaSiting
    package let resampling: Resampling
    /// How coded pixels become upright, 1...8 as in EXIF tag 274.
    package let orientation: Int
    /// What was passed over to make this picture and does not keep it from being used, a sentence each without its end.
    package var notes: [String] = []
    private var storage: any FrameStorage

    package init(
        _ storage: any FrameStorage, width: Int, height: Int, layout: Layout, colorMatrix: ColorMatrix, fullRange: Bool,
        chromaSiting: ChromaSiting,
        resampling: Resampling, orientation: Int
    ) {
        self.storage = storage
        self.layout = layout
        self.colorMatrix = colorMatrix
        self.fullRange = fullRange
        self.chromaSiting = chromaSiting
        self.resampling = resampling
        self.orientation = orientation
        self.width = width
        self.height = height
        let (halfWidth, halfHeight) = ((width + 1) / 2, (height + 1) / 2)
        let extents: [(bytes: Int, rows: Int)] =
            switch layout {
            case .gray8: [(width, height)]
            case .rgb8: [(3 * width, height)]
            case .rgba8: [(4 * width, height)]
            case .yuv420p: [(width, height), (halfWidth, halfHeight), (halfWidth, halfHeight)]
            case .yuv422p: [(width, height), (halfWidth, height), (halfWidth, height)]
            case .yuv444p: [(width, height), (width, height), (width, height)]
            case .nv12: [(width, height), (2 * halfWidth, halfHeight)]
            case .yuyv422: [(4 * halfWidth, height)]
            }
        planes = extents.enumerated().map { index, extent in
            Plane(bytesInRow: extent.bytes, rowBytes: storage.rowBytes(ofPlane: index), rows: extent.rows)
        }
    }

    /// Pixels in a row after `orientation`.
    package var uprightWidth: Int { orientation < 5 ? width : height }

    /// Rows after `orientation`.
    package var uprightHeight: Int { orientation < 5 ? height : width }

    /// A frame of another picture that lies in memory as this one does.
    package func replacingStorage(_ storage: any FrameStorage) -> DecodedFrame {
        var frame = self
        frame.storage = storage
        return frame
    }

    /// Lends a plane's bytes, from its first sample to its last: `rowBytes * (rows - 1) + bytesInRow` of them.
    package func withUnsafeBytes<Result, Failure>(
        ofPlane index: Int, _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let plane = planes[index]
        return try storage.withUnsafeStart(ofPlane: index) { start throws(Failure) in
            try body(UnsafeRawBufferPointer(start: start, count: plane.rowBytes * (plane.rows - 1) + plane.bytesInRow))
        }
    }
}

/// Pixels in one plane of bytes.
package final class PixelBytes: FrameStorage {
    private let bytes: [UInt8]
    private let rowBytes: Int

    package init(_ bytes: [UInt8], rowBytes: Int) {
        self.bytes = bytes
        self.rowBytes = rowBytes
    }

    package func rowBytes(ofPlane index: Int) -> Int { rowBytes }

    package func withUnsafeStart<Result, Failure>(
        ofPlane index: Int, _ body: (UnsafeRawPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let result: Swift.Result<Result, Failure> = bytes.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { preconditionFailure("a picture without pixels") }
            do throws(Failure) { return .success(try body(start)) } catch { return .failure(error) }
        }
        return try result.get()
    }
}

/// Pixels in several planes of bytes.
package final class PlaneBytes: FrameStorage {
    private let planes: [(bytes: [UInt8], rowBytes: Int)]

    package init(_ planes: [(bytes: [UInt8], rowBytes: Int)]) { self.planes = planes }

    package func rowBytes(ofPlane index: Int) -> Int { planes[index].rowBytes }

    package func withUnsafeStart<Result, Failure>(
        ofPlane index: Int, _ body: (UnsafeRawPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let result: Swift.Result<Result, Failure> = planes[index].bytes.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { preconditionFailure("a picture without pixels") }
            do throws(Failure) { return .success(try body(start)) } catch { return .failure(error) }
        }
        return try result.get()
    }
}
