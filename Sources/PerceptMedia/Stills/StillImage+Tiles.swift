import CPerceptMedia
import PerceptFrame

extension StillImage {
    /// A picture in parts that are decoded one by one, row by row of parts.
    struct Tiles {
        /// Pixels of a part; those beyond the picture's edges count for nothing, and need not be there.
        var width: Int
        var height: Int
        /// Parts in a row.
        var columns: Int
        var count: Int
        /// A part as a file for a decoder.
        var file: (Int) throws(MediaError.Fault) -> (AVCodecID, [UInt8])
    }

    /// Decodes the parts into one picture of grey, RGB or RGBA.
    func decode(_ tiles: Tiles) throws(MediaError.Fault) -> DecodedFrame {
        var whole: (picture: Picture, layout: DecodedFrame.Layout)?
        let decoder = try Decoder(still: try tiles.file(0).0)
        for index in 0..<tiles.count {
            let place = (x: index % tiles.columns * tiles.width, y: index / tiles.columns * tiles.height)
            let (part, layout) = try pixels(decoder.decodeStill(try tiles.file(index).1, others: true))
            guard part.width >= min(tiles.width, width - place.x), part.height >= min(tiles.height, height - place.y)
            else {
                throw .corrupt("a strip or tile that is too small")
            }
            if whole == nil { whole = (try Picture(part.format, like: part, width: width, height: height), layout) }
            guard let whole, whole.picture.format == part.format else { throw .corrupt("tiles of different kinds") }
            whole.picture.take(
                part, at: place, columns: min(tiles.width, width - place.x), rows: min(tiles.height, height - place.y),
                bytes: layout == .gray8 ? 1 : layout == .rgb8 ? 3 : 4)
        }
        guard let (picture, layout) = whole else { throw .corrupt("a picture without parts") }
        return DecodedFrame(
            picture, width: width, height: height, layout: layout, colorMatrix: .identity, fullRange: true,
            chromaSiting: .center, resampling: isIndexed ? .nearest : layout == .rgba8 ? .premultipliedAlpha : .color,
            orientation: orientation)
    }

    /// A decoded part in one of the layouts that need no conversion.
    private func pixels(_ picture: Picture) throws(MediaError.Fault) -> (Picture, DecodedFrame.Layout) {
        if let unpacking = PixelUnpacking(picture, alpha: alpha, isGray: isGray) {
            let (unpacked, layout) = try unpacking.unpacked()
            return components == .inks ? (try unpacked.rgbFromInks(), .rgb8) : (unpacked, layout)
        }
        return (try picture.rgbFromYCbCr(asCoded: components == .rgb), .rgb8)
    }
}

extension Picture {
    /// Copies the upper left part of an interleaved picture to a place in this one.
    fileprivate func take(_ part: Picture, at place: (x: Int, y: Int), columns: Int, rows: Int, bytes: Int) {
        for y in 0..<rows {
            (row(place.y + y) + place.x * bytes).update(from: part.row(y), count: columns * bytes)
        }
    }
}
