import CPerceptMedia
import PerceptFrame

/// Grey, RGB and palette pictures of any depth and byte order, as 8-bit `gray8`, `rgb8` or `rgba8`.
///
/// Deep samples keep their high byte and shallow ones are spread over 0...255, as Pillow does it. (For 16-bit grey
/// Pillow 13 clips at 255 when it converts to RGB; keeping the high byte is the picture that was meant.)
struct PixelUnpacking {
    private let source: Picture
    private let descriptor: UnsafePointer<AVPixFmtDescriptor>
    private let alpha: StillImage.Alpha
    private let isPalette: Bool
    /// Channels of colour in the result, 1 or 3.
    private let colors: Int

    /// Nil when the picture's format is Y'CbCr.
    ///
    /// - Parameter isGray: all colours are grey, and one channel is wanted.
    init?(_ source: Picture, alpha: StillImage.Alpha, isGray: Bool) {
        guard let descriptor = av_pix_fmt_desc_get(source.format) else { return nil }
        let isRGB = descriptor.pointee.flags & UInt64(AV_PIX_FMT_FLAG_RGB) != 0
        isPalette = descriptor.pointee.flags & UInt64(AV_PIX_FMT_FLAG_PAL) != 0
        guard isRGB || isPalette || descriptor.pointee.nb_components < 3 else { return nil }
        self.source = source
        self.descriptor = descriptor
        self.alpha = alpha
        colors = isGray || descriptor.pointee.nb_components < 3 && !isPalette ? 1 : 3
    }

    private var hasAlpha: Bool { descriptor.pointee.flags & UInt64(AV_PIX_FMT_FLAG_ALPHA) != 0 }

    func unpacked() throws(MediaError.Fault) -> (Picture, DecodedFrame.Layout) {
        if isPalette { return (try unpackedPalette(), colors == 1 ? .gray8 : .rgb8) }
        let keepsAlpha = hasAlpha && alpha != .ignored
        let layout: DecodedFrame.Layout = keepsAlpha ? .rgba8 : colors == 1 ? .gray8 : .rgb8
        let format = keepsAlpha ? AV_PIX_FMT_RGBA : colors == 1 ? AV_PIX_FMT_GRAY8 : AV_PIX_FMT_RGB24
        if source.format == format && alpha != .premultiplied { return (source, layout) }
        let target = try Picture(format, like: source)
        let channels = keepsAlpha ? 4 : colors
        for channel in 0..<channels {
            let component = channel == 3 ? Int(descriptor.pointee.nb_components) - 1 : min(channel, colors - 1)
            fill(target, channel, of: channels, from: component)
        }
        if keepsAlpha && alpha == .premultiplied { divideByAlpha(target) }
        return (target, layout)
    }

    /// Writes one interleaved channel of `target` from a component of the source.
    private func fill(_ target: Picture, _ channel: Int, of channels: Int, from component: Int) {
        let depth = Self.depth(descriptor, component)
        var table = Self.spread(depth: depth)
        // In this one format a bit that is set is black.
        if source.format == AV_PIX_FMT_MONOWHITE { table?.reverse() }
        withUnsafeTemporaryAllocation(of: UInt16.self, capacity: source.width) { line in
            for y in 0..<source.height {
                percept_read_component(line.baseAddress, source.frame, descriptor, Int32(component), Int32(y))
                let row = target.row(y) + channel
                if let table {
                    for x in 0..<source.width { row[x * channels] = table[Int(line[x])] }
                } else {
                    for x in 0..<source.width { row[x * channels] = UInt8(truncatingIfNeeded: line[x] >> (depth - 8)) }
                }
            }
        }
    }

    private static func depth(_ descriptor: UnsafePointer<AVPixFmtDescriptor>, _ component: Int) -> Int {
        let components = descriptor.pointee.comp
        return switch component {
        case 0: Int(components.0.depth)
        case 1: Int(components.1.depth)
        case 2: Int(components.2.depth)
        default: Int(components.3.depth)
        }
    }

    /// The 8-bit value of each sample of at most 8 bits; nil for deeper ones.
    private static func spread(depth: Int) -> [UInt8]? {
        guard depth <= 8 else { return nil }
        return (0..<(1 << depth)).map { UInt8($0 * 255 / ((1 << depth) - 1)) }
    }

    /// Looks colours up; alpha is dropped, as Pillow drops it from palette pictures.
    private func unpackedPalette() throws(MediaError.Fault) -> Picture {
        let target = try Picture(colors == 1 ? AV_PIX_FMT_GRAY8 : AV_PIX_FMT_RGB24, like: source)
        source.plane(1).withMemoryRebound(to: UInt32.self, capacity: 256) { palette in
            for y in 0..<source.height {
                let (indices, row) = (source.row(y), target.row(y))
                for x in 0..<source.width {
                    let color = palette[Int(indices[x])]
                    for channel in 0..<colors {
                        row[colors * x + channel] = UInt8(truncatingIfNeeded: color >> (16 - 8 * channel))
                    }
                }
            }
        }
        return target
    }

    private func divideByAlpha(_ picture: Picture) {
        for y in 0..<picture.height {
            let row = picture.row(y)
            for x in 0..<picture.width {
                let alpha = Int(row[4 * x + 3])
                guard alpha != 0 && alpha != 255 else { continue }
                for channel in 4 * x..<4 * x + 3 { row[channel] = UInt8(min(255 * Int(row[channel]) / alpha, 255)) }
            }
        }
    }
}
