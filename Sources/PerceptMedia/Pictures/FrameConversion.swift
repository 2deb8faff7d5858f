import CPerceptMedia
import PerceptFrame

extension DecodedFrame {
    private init(
        _ picture: Picture, layout: Layout, colorMatrix: ColorMatrix, fullRange: Bool, chromaSiting: ChromaSiting,
        resampling: Resampling, orientation: Int
    ) {
        self.init(
            picture, width: picture.width, height: picture.height, layout: layout, colorMatrix: colorMatrix,
            fullRange: fullRange, chromaSiting: chromaSiting, resampling: resampling, orientation: orientation)
    }

    /// Wraps a decoder's picture, converted only where its format is none of the layouts.
    init(_ picture: Picture, still: StillImage? = nil, orientation: Int) throws(MediaError.Fault) {
        let fullRange = picture.isFullRange
        var resampling = Resampling.color
        if let still, still.isIndexed { resampling = .nearest }
        if let components = still?.components, picture.isPlanarYCbCr {
            self.init(
                try picture.rgbFromComponents(components), layout: .rgb8, colorMatrix: .identity, fullRange: true,
                chromaSiting: .center, resampling: .color, orientation: orientation)
            return
        }
        if let unpacking = PixelUnpacking(
            picture, alpha: still?.alpha ?? .ignored, isGray: still?.isGray ?? false)
        {
            var (unpacked, layout) = try unpacking.unpacked()
            if let canvas = still?.canvas { unpacked = try unpacked.placed(on: canvas) }
            if still?.components == .inks { (unpacked, layout) = (try unpacked.rgbFromInks(), .rgb8) }
            if layout == .rgba8 && resampling == .color { resampling = .premultipliedAlpha }
            self.init(
                unpacked, layout: layout, colorMatrix: .identity,
                fullRange: layout != .gray8 || picture.isGrayFullRange,
                chromaSiting: .center,
                resampling: resampling, orientation: orientation)
            return
        }
        if still?.alpha == .straight {
            var rgba = try picture.rgbaFromYCbCr()
            if let canvas = still?.canvas { rgba = try rgba.placed(on: canvas) }
            self.init(
                rgba, layout: .rgba8, colorMatrix: .identity, fullRange: true, chromaSiting: .center,
                resampling: .premultipliedAlpha, orientation: orientation)
            return
        }
        let (planar, layout) = try picture.planar()
        self.init(
            planar, layout: layout, colorMatrix: picture.colorMatrix, fullRange: fullRange,
            chromaSiting: still != nil ? .center : picture.chromaSiting,
            resampling: .color, orientation: orientation)
    }
}

extension DecodedFrame {
    /// True when this frame, made of the same picture before, also describes what the picture holds now.
    func describes(_ picture: Picture, orientation: Int) -> Bool {
        width == picture.width && height == picture.height && layout == picture.layout
            && planes.indices.allSatisfy { planes[$0].rowBytes == picture.rowBytes($0) }
            && self.orientation == orientation
            && colorMatrix == (layout == .gray8 || layout == .rgb8 ? .identity : picture.colorMatrix)
            && fullRange == (layout == .rgb8 || (layout == .gray8 ? picture.isGrayFullRange : picture.isFullRange))
            && (layout == .gray8 || layout == .rgb8 || chromaSiting == picture.chromaSiting)
    }
}

extension Picture {
    /// The layout of samples that need no conversion; nil for others.
    var layout: DecodedFrame.Layout? {
        switch format {
        case AV_PIX_FMT_YUV420P, AV_PIX_FMT_YUVJ420P: .yuv420p
        case AV_PIX_FMT_YUV422P, AV_PIX_FMT_YUVJ422P: .yuv422p
        case AV_PIX_FMT_YUV444P, AV_PIX_FMT_YUVJ444P: .yuv444p
        case AV_PIX_FMT_NV12: .nv12
        case AV_PIX_FMT_YUYV422: .yuyv422
        case AV_PIX_FMT_GRAY8: .gray8
        case AV_PIX_FMT_RGB24: .rgb8
        default: nil
        }
    }

    fileprivate var isGrayFullRange: Bool { frame.pointee.color_range != AVCOL_RANGE_MPEG }

    /// As stated; else that of MPEG-2 and later video.
    fileprivate var chromaSiting: DecodedFrame.ChromaSiting {
        frame.pointee.chroma_location == AVCHROMA_LOC_CENTER ? .center : .left
    }

    fileprivate var isFullRange: Bool {
        switch format {
        case AV_PIX_FMT_YUVJ420P, AV_PIX_FMT_YUVJ422P, AV_PIX_FMT_YUVJ444P, AV_PIX_FMT_YUVJ440P, AV_PIX_FMT_YUVJ411P:
            true
        default: frame.pointee.color_range == AVCOL_RANGE_JPEG
        }
    }

    /// The stated matrix; BT.601 where none is, as the reference's readers (through libswscale) assume.
    fileprivate var colorMatrix: DecodedFrame.ColorMatrix {
        switch frame.pointee.colorspace {
        case AVCOL_SPC_RGB: .identity
        case AVCOL_SPC_BT709: .bt709
        case AVCOL_SPC_BT2020_NCL, AVCOL_SPC_BT2020_CL: .bt2020
        default: .bt601
        }
    }

    /// Chroma is `1 << shift` times coarser than luma.
    private var chromaShift: (horizontal: Int, vertical: Int) {
        guard let descriptor = av_pix_fmt_desc_get(format) else { return (0, 0) }
        return (Int(descriptor.pointee.log2_chroma_w), Int(descriptor.pointee.log2_chroma_h))
    }

    /// A chroma plane of this 8-bit planar picture, brought to full size.
    private func upsampledChroma(_ plane: Int) -> [UInt8] {
        let (horizontal, vertical) = chromaShift
        return YCbCr.upsample(
            self.plane(plane), rowBytes: rowBytes(plane), width: (width + (1 << horizontal) - 1) >> horizontal,
            height: (height + (1 << vertical) - 1) >> vertical, horizontal: 1 << horizontal,
            vertical: 1 << vertical, targetWidth: width, targetHeight: height)
    }

    /// This Y'CbCr picture in one of the layouts.
    fileprivate func planar() throws(MediaError.Fault) -> (Picture, DecodedFrame.Layout) {
        if let layout { return (self, layout) }
        switch format {
        case AV_PIX_FMT_YUVJ440P, AV_PIX_FMT_YUVJ411P, AV_PIX_FMT_YUV440P, AV_PIX_FMT_YUV411P:
            let target = try Picture(AV_PIX_FMT_YUV444P, like: self)
            for plane in 0..<3 {
                let chroma = plane == 0 ? nil : upsampledChroma(plane)
                for y in 0..<height {
                    if let chroma {
                        for x in 0..<width { target.row(y, plane: plane)[x] = chroma[y * width + x] }
                    } else {
                        target.row(y).update(from: row(y), count: width)
                    }
                }
            }
            return (target, .yuv444p)
        default:
            let (format, layout): (AVPixelFormat, DecodedFrame.Layout) =
                switch chromaShift {
                case (1, 1): (AV_PIX_FMT_YUV420P, .yuv420p)
                case (1, 0): (AV_PIX_FMT_YUV422P, .yuv422p)
                default: (AV_PIX_FMT_YUV444P, .yuv444p)
                }
            let target = try Picture(format, like: self)
            let result = percept_convert_frame(frame, target.frame)
            guard result >= 0 else {
                throw .unsupported("pixel format \(String(cString: av_get_pix_fmt_name(self.format)))")
            }
            return (target, layout)
        }
    }

    /// True for three or four planes that FFmpeg takes for Y'CbCr.
    fileprivate var isPlanarYCbCr: Bool {
        guard let descriptor = av_pix_fmt_desc_get(format) else { return false }
        return descriptor.pointee.nb_components >= 3
            && descriptor.pointee.flags & UInt64(AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL) == 0
    }

    /// RGB from a JPEG's components as coded. Adobe's programs store four of them inverted, and Pillow takes them as such.
    fileprivate func rgbFromComponents(_ components: StillImage.Components) throws(MediaError.Fault) -> Picture {
        guard let descriptor = av_pix_fmt_desc_get(format), descriptor.pointee.comp.0.depth == 8,
            descriptor.pointee.nb_components == (components == .rgb ? 3 : 4)
        else { throw .unsupported("a JPEG with components of unusual layout") }
        if components == .rgb { return try rgbFromYCbCr(asCoded: true) }
        let target = try Picture(AV_PIX_FMT_RGB24, like: self)
        let (second, third) = (upsampledChroma(1), upsampledChroma(2))
        for y in 0..<height {
            let (first, row) = (self.row(y), target.row(y))
            let black = self.row(y, plane: 3)
            for x in 0..<width {
                var inks = (r: first[x], g: second[y * width + x], b: third[y * width + x])
                if components == .ycck {
                    inks = YCbCr.rgb(inks.r, inks.g, inks.b)
                    inks = (255 - inks.r, 255 - inks.g, 255 - inks.b)
                }
                row[3 * x] = Self.without(ink: 255 - inks.r, black: 255 - black[x])
                row[3 * x + 1] = Self.without(ink: 255 - inks.g, black: 255 - black[x])
                row[3 * x + 2] = Self.without(ink: 255 - inks.b, black: 255 - black[x])
            }
        }
        return target
    }

    /// Light left by an ink and black (Pillow: Convert.c, `cmyk2rgb`).
    private static func without(ink: UInt8, black: UInt8) -> UInt8 {
        let light = 255 - Int(black)
        let product = Int(ink) * light + 128
        return UInt8(light - ((product >> 8) + product) >> 8)
    }

    /// RGB from interleaved inks that are not inverted.
    func rgbFromInks() throws(MediaError.Fault) -> Picture {
        let target = try Picture(AV_PIX_FMT_RGB24, like: self)
        for y in 0..<height {
            let (inks, row) = (self.row(y), target.row(y))
            for x in 0..<width {
                for channel in 0..<3 {
                    row[3 * x + channel] = Self.without(ink: inks[4 * x + channel], black: inks[4 * x + 3])
                }
            }
        }
        return target
    }

    /// RGB from three 8-bit planes of full range, which may be RGB already.
    func rgbFromYCbCr(asCoded: Bool) throws(MediaError.Fault) -> Picture {
        guard isPlanarYCbCr, let descriptor = av_pix_fmt_desc_get(format), descriptor.pointee.comp.0.depth == 8,
            descriptor.pointee.nb_components == 3
        else { throw .unsupported("a JPEG with components of unusual layout") }
        let target = try Picture(AV_PIX_FMT_RGB24, like: self)
        let (second, third) = (upsampledChroma(1), upsampledChroma(2))
        for y in 0..<height {
            let (first, row) = (self.row(y), target.row(y))
            for x in 0..<width {
                let samples = (r: first[x], g: second[y * width + x], b: third[y * width + x])
                (row[3 * x], row[3 * x + 1], row[3 * x + 2]) =
                    asCoded ? samples : YCbCr.rgb(samples.r, samples.g, samples.b)
            }
        }
        return target
    }

    /// RGBA from 8-bit planar Y'CbCr, as lossy WebP has it; opaque where the picture has no alpha.
    func rgbaFromYCbCr() throws(MediaError.Fault) -> Picture {
        let target = try Picture(AV_PIX_FMT_RGBA, like: self)
        let (cb, cr) = (upsampledChroma(1), upsampledChroma(2))
        let convert = isFullRange ? YCbCr.rgb : YCbCr.limitedRGB
        let hasAlpha = format == AV_PIX_FMT_YUVA420P
        for y in 0..<height {
            let (luma, row) = (self.row(y), target.row(y))
            for x in 0..<width {
                (row[4 * x], row[4 * x + 1], row[4 * x + 2]) = convert(
                    luma[x], cb[y * width + x], cr[y * width + x])
                row[4 * x + 3] = hasAlpha ? self.row(y, plane: 3)[x] : 255
            }
        }
        return target
    }

    /// This RGBA picture on a transparent canvas.
    fileprivate func placed(
        on canvas: (x: Int, y: Int, width: Int, height: Int)
    ) throws(MediaError.Fault) -> Picture {
        let target = try Picture(AV_PIX_FMT_RGBA, width: canvas.width, height: canvas.height)
        for y in 0..<canvas.height { target.row(y).update(repeating: 0, count: 4 * canvas.width) }
        for y in 0..<height {
            (target.row(canvas.y + y) + 4 * canvas.x).update(from: row(y), count: 4 * width)
        }
        return target
    }
}
