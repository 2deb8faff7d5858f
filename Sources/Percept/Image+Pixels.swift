public import Foundation
import PerceptFrame

extension Image {
    /// How pixels lie in one plane of bytes, row by row from the top.
    public enum PixelFormat: String, Sendable, CaseIterable {
        /// Red, green, blue.
        case rgb
        /// Red, green, blue and an alpha that is not looked at.
        case rgba
        /// Blue, green, red and an alpha that is not looked at.
        case bgra
        /// Brightness alone.
        case grey

        /// Bytes of a pixel.
        public var bytesPerPixel: Int {
            switch self {
            case .rgb: 3
            case .rgba, .bgra: 4
            case .grey: 1
            }
        }
    }

    /// How brightness and colour lie in planes, as cameras and decoders of video give them. All samples have 8 bits.
    public enum PlaneFormat: String, Sendable, CaseIterable {
        /// Y, Cb, Cr; colour at half of both sides, rounded up.
        case yuv420
        /// Y, Cb, Cr; colour at half of the width, rounded up.
        case yuv422
        /// Y, Cb, Cr of equal size.
        case yuv444
        /// Y, and a plane of Cb, Cr pairs at half of both sides, rounded up.
        case nv12
    }

    /// The matrix from Y, Cb, Cr to red, green and blue.
    public enum ColourMatrix: String, Sendable, CaseIterable {
        /// The matrix of JPEG and of video in standard definition.
        case bt601
        /// The matrix of video in high definition.
        case bt709
        /// The matrix of video in ultra high definition.
        case bt2020
    }

    /// Takes a copy of pixels as they lie in memory.
    ///
    /// - Parameters:
    ///   - pixels: from the first pixel of the first row to the last of the last.
    ///   - format: what each pixel is.
    ///   - width: pixels of a row.
    ///   - height: rows.
    ///   - rowBytes: bytes from one row to the next; nil where no bytes lie between them.
    /// - Throws: ``PerceptError`` with ``PerceptError/Code/usage`` where there are too few bytes, or no picture is that
    ///   large.
    public init(
        pixels: UnsafeRawBufferPointer, format: PixelFormat, width: Int, height: Int, rowBytes: Int? = nil
    ) throws(PerceptError) {
        let (rowBytes, needed) = try Self.extent(format, width: width, height: height, rowBytes: rowBytes)
        guard pixels.count >= needed else {
            throw PerceptError(
                .usage, "\(pixels.count) bytes are no picture of \(width) x \(height) pixels, which has \(needed)")
        }
        var bytes = [UInt8](pixels.prefix(needed))
        if format == .bgra {
            for row in 0..<height {
                for place in stride(from: row * rowBytes, to: row * rowBytes + 4 * width, by: 4) {
                    bytes.swapAt(place, place + 2)
                }
            }
        }
        let layout: DecodedFrame.Layout =
            switch format {
            case .rgb: .rgb8
            case .rgba, .bgra: .rgba8
            case .grey: .gray8
            }
        self.init(
            DecodedFrame(
                PixelBytes(bytes, rowBytes: rowBytes), width: width, height: height, layout: layout,
                colorMatrix: .identity, fullRange: true, chromaSiting: .center, resampling: .color, orientation: 1))
    }

    /// Takes a copy of pixels as they lie in memory; see ``init(pixels:format:width:height:rowBytes:)-(UnsafeRawBufferPointer,_,_,_,_)``.
    public init(
        pixels: [UInt8], format: PixelFormat, width: Int, height: Int, rowBytes: Int? = nil
    ) throws(PerceptError) {
        self = try pixels.withUnsafeBytes { bytes in
            Result { () throws(PerceptError) in
                try Image(pixels: bytes, format: format, width: width, height: height, rowBytes: rowBytes)
            }
        }.get()
    }

    /// Takes a copy of pixels as they lie in memory; see ``init(pixels:format:width:height:rowBytes:)-(UnsafeRawBufferPointer,_,_,_,_)``.
    public init(
        pixels: Data, format: PixelFormat, width: Int, height: Int, rowBytes: Int? = nil
    ) throws(PerceptError) {
        self = try pixels.withUnsafeBytes { bytes in
            Result { () throws(PerceptError) in
                try Image(pixels: bytes, format: format, width: width, height: height, rowBytes: rowBytes)
            }
        }.get()
    }

    private static func extent(
        _ format: PixelFormat, width: Int, height: Int, rowBytes: Int?
    ) throws(PerceptError) -> (rowBytes: Int, needed: Int) {
        try requireSize(width, height)
        let inRow = width * format.bytesPerPixel
        let rowBytes = rowBytes ?? inRow
        guard rowBytes >= inRow else {
            throw PerceptError(.usage, "\(rowBytes) bytes are no row of \(width) pixels, which has \(inRow)")
        }
        let (before, overflow) = rowBytes.multipliedReportingOverflow(by: height - 1)
        guard !overflow, before <= Int.max - inRow else {
            throw PerceptError(.usage, "no picture has \(height) rows of \(rowBytes) bytes")
        }
        return (rowBytes, before + inRow)
    }

    static func requireSize(_ width: Int, _ height: Int) throws(PerceptError) {
        let (pixels, overflow) = width.multipliedReportingOverflow(by: height)
        guard width > 0, height > 0, !overflow, pixels <= DecodedFrame.maximumPixels else {
            throw PerceptError(.usage, "no picture has \(width) x \(height) pixels")
        }
    }

    /// Takes a copy of a picture whose brightness and colour lie in planes. They are not converted: kernels read them.
    ///
    /// - Parameters:
    ///   - planes: the bytes of each plane, and those from one of its rows to the next.
    ///   - format: which planes there are.
    ///   - width: pixels of a row.
    ///   - height: rows.
    ///   - matrix: how colours are meant.
    ///   - fullRange: whether samples use 0 to 255, as in JPEG, rather than 16 to 235, as in most video.
    /// - Throws: ``PerceptError`` with ``PerceptError/Code/usage`` for another number of planes, and where there are too few
    ///   bytes.
    public init(
        planes: [(bytes: Data, rowBytes: Int)], format: PlaneFormat, width: Int, height: Int,
        matrix: ColourMatrix = .bt601, fullRange: Bool = false
    ) throws(PerceptError) {
        try Self.requireSize(width, height)
        let layout: DecodedFrame.Layout =
            switch format {
            case .yuv420: .yuv420p
            case .yuv422: .yuv422p
            case .yuv444: .yuv444p
            case .nv12: .nv12
            }
        let colours: DecodedFrame.ColorMatrix =
            switch matrix {
            case .bt601: .bt601
            case .bt709: .bt709
            case .bt2020: .bt2020
            }
        let count = format == .nv12 ? 2 : 3
        guard planes.count == count else {
            throw PerceptError(.usage, "\(format.rawValue) has \(count) planes, not \(planes.count)")
        }
        let frame = DecodedFrame(
            PlaneBytes(planes.map { ([UInt8]($0.bytes), $0.rowBytes) }), width: width, height: height, layout: layout,
            colorMatrix: colours, fullRange: fullRange, chromaSiting: fullRange ? .center : .left,
            resampling: .color, orientation: 1)
        for (index, plane) in frame.planes.enumerated() {
            let (before, overflow) = plane.rowBytes.multipliedReportingOverflow(by: plane.rows - 1)
            guard plane.rowBytes >= plane.bytesInRow, !overflow, before <= Int.max - plane.bytesInRow,
                planes[index].bytes.count >= before + plane.bytesInRow
            else {
                throw PerceptError(
                    .usage,
                    "plane \(index) of \(planes[index].bytes.count) bytes, \(plane.rowBytes) a row, has not \(plane.rows) "
                        + "rows of \(plane.bytesInRow)")
            }
        }
        self.init(frame)
    }

    // MARK: Pixels out

    /// Red, green and blue of each pixel of the upright image, row by row from the top: `3 * width * height` bytes.
    ///
    /// For eyes and other programs: what a model sees is made of the decoder's own planes.
    public func rgb() -> [UInt8] { rgb(left: 0, top: 0, width: width, height: height) }

    /// The part of the upright image inside a region, its sides rounded to whole pixels: for what a detector has found.
    ///
    /// - Throws: ``PerceptError`` with ``PerceptError/Code/usage`` for a region outside of the image.
    public func cropped(to region: Region) throws(PerceptError) -> Image {
        func side(_ value: Double, _ limit: Int) -> Int { Int(min(max(value.rounded(), 0), Double(limit))) }
        let (left, right) = (side(region.left, width), side(region.right, width))
        let (top, bottom) = (side(region.top, height), side(region.bottom, height))
        guard left < right, top < bottom else {
            throw PerceptError(
                .usage,
                "\(region.left), \(region.top), \(region.right), \(region.bottom) is no part of a picture of \(width) x "
                    + "\(height) pixels")
        }
        return try Image(
            rgb: rgb(left: left, top: top, width: right - left, height: bottom - top), width: right - left,
            height: bottom - top)
    }

    private func rgb(left: Int, top: Int, width: Int, height: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 3 * width * height) { buffer, count in
            var place = 0
            PixelReader.read(frame) { reader in
                for y in top..<top + height {
                    for x in left..<left + width {
                        let colour = reader.rgb(x, y)
                        buffer[place] = UInt8(colour.0)
                        buffer[place + 1] = UInt8(colour.1)
                        buffer[place + 2] = UInt8(colour.2)
                        place += 3
                    }
                }
            }
            count = place
        }
    }
}
