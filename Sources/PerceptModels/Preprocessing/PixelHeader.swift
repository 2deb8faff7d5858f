package import PerceptGraph

/// What the pixel kernels read about one image: the Swift side of `Shaders/include/pixel_header.glsl`, word for word.
package struct PixelHeader: Sendable {
    /// How decoded bytes lie in memory; the raw values are the kernel's.
    package enum Layout: UInt32, Sendable {
        case rgb8 = 0
        case rgba8 = 1
        case grey8 = 2
        case yuv420 = 3
        case yuv422 = 4
        case yuv444 = 5
        case nv12 = 6
        case yuyv = 7
    }

    /// 16.16 fixed-point conversion of YCbCr to RGB.
    package struct ColourConversion: Hashable, Sendable {
        var lumaOffset: Int32
        var lumaScale: Int32
        var redFromCr: Int32
        var greenFromCb: Int32
        var greenFromCr: Int32
        var blueFromCb: Int32

        /// - Parameters:
        ///   - kr, kb: weights of red and blue in luma (BT.601: 0.299 and 0.114; BT.709: 0.2126 and 0.0722;
        ///     BT.2020: 0.2627 and 0.0593).
        ///   - fullRange: whether luma spans 0 to 255 (JPEG) instead of 16 to 235.
        package init(kr: Double, kb: Double, fullRange: Bool) {
            let kg = 1 - kr - kb
            let chroma = fullRange ? 1 : 255.0 / 224
            // Five decimal places, as the JFIF specification and with it every JPEG decoder has them.
            func fixed(_ value: Double) -> Int32 { Int32(((value * 1e5).rounded() / 1e5 * 65536).rounded()) }
            lumaOffset = fullRange ? 0 : 16
            lumaScale = fixed(fullRange ? 1 : 255.0 / 219)
            redFromCr = fixed(2 * (1 - kr) * chroma)
            greenFromCb = -fixed(2 * (1 - kb) * kb / kg * chroma)
            greenFromCr = -fixed(2 * (1 - kr) * kr / kg * chroma)
            blueFromCb = fixed(2 * (1 - kb) * chroma)
        }
    }

    package var layout: Layout
    package var codedWidth: Int
    package var codedHeight: Int
    /// Exif orientation, 1 to 8.
    package var orientation: Int
    /// Bytes from the start of the source, and from row to row; up to three planes.
    package var planes: [(offset: Int, stride: Int)]
    package var colour: ColourConversion
    /// Whether chroma samples lie between luma samples (JPEG) or on every second one (most video).
    package var chromaIsCentred: Bool
    package var premultipliesAlpha: Bool
    /// Index of the image in its batch.
    package var image: Int
    package var resultWidth: Int
    package var resultHeight: Int
    package var mean: [Float]
    package var deviation: [Float]

    package init(
        layout: Layout, codedWidth: Int, codedHeight: Int, orientation: Int, planes: [(offset: Int, stride: Int)],
        colour: ColourConversion, chromaIsCentred: Bool, premultipliesAlpha: Bool,
        image: Int, resultWidth: Int, resultHeight: Int, mean: [Float] = [0.5, 0.5, 0.5],
        deviation: [Float] = [0.5, 0.5, 0.5]
    ) {
        self.layout = layout
        self.codedWidth = codedWidth
        self.codedHeight = codedHeight
        self.orientation = orientation
        self.planes = planes
        self.colour = colour
        self.chromaIsCentred = chromaIsCentred
        self.premultipliesAlpha = premultipliesAlpha
        self.image = image
        self.resultWidth = resultWidth
        self.resultHeight = resultHeight
        self.mean = mean
        self.deviation = deviation
    }

    package var uprightWidth: Int { orientation < 5 ? codedWidth : codedHeight }
    package var uprightHeight: Int { orientation < 5 ? codedHeight : codedWidth }

    /// Words before the tables.
    static let fixedWords = 36
    /// The word of `image`.
    package static let imageWord = 20

    /// The words the kernels read, tables included.
    package func words(_ tables: ResizeTables) -> [UInt32] {
        let (horizontal, vertical) = (tables.horizontal, tables.vertical)
        func plane(_ index: Int) -> (offset: Int, stride: Int) { index < planes.count ? planes[index] : (0, 0) }
        var words: [UInt32] = [layout.rawValue]
        words += [codedWidth, codedHeight, uprightWidth, uprightHeight, orientation].map(UInt32.init)
        words += (0..<3).map { UInt32(plane($0).offset) }
        words += (0..<3).map { UInt32(plane($0).stride) }
        words += [
            colour.lumaOffset, colour.lumaScale, colour.redFromCr, colour.greenFromCb, colour.greenFromCr,
            colour.blueFromCb,
        ].map { UInt32(bitPattern: $0) }
        words += [chromaIsCentred ? 1 : 0, premultipliesAlpha ? 1 : 0]
        let verticalTable = Self.fixedWords + horizontal.words.count
        words += [
            image, resultWidth, resultHeight, horizontal.taps, Self.fixedWords, vertical.taps, verticalTable,
            tables.columnsFirst ? 1 : 0,
        ].map(UInt32.init)
        words += (mean + deviation).map(\.bitPattern)
        words += [UInt32](repeating: 0, count: Self.fixedWords - words.count)
        words += horizontal.words.map { UInt32(bitPattern: $0) }
        words += vertical.words.map { UInt32(bitPattern: $0) }
        return words
    }
}

extension PixelLayouts {
    package init(_ layout: PixelHeader.Layout) { self.init(rawValue: 1 << layout.rawValue) }
}
