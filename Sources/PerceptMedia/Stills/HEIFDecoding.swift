import CPerceptMedia
import PerceptFrame

/// Decodes the picture of a HEIF file, also one that is put together from tiles, as phones write it.
///
/// FFmpeg's demuxer gives single pictures at most, before version 7 only those of AV1, and before version 8 does not
/// tell how they become upright.
extension HEIF {
    /// Tiles of a picture at most; phones make 200 of their largest.
    private static let mostTiles = 4096

    func decode() throws(MediaError.Fault) -> DecodedFrame {
        guard let item = items[primary] else { throw .corrupt("the picture that it names is missing") }
        guard !premultiplied.contains(primary) else {
            throw .unsupported("an AVIF or HEIC picture multiplied by its opacity")
        }
        var placement = Placement()
        if let (width, height) = try statedSize(of: item) {
            try StillImage.checkSize(width: width, height: height)
            try checkPlausibility(width, height)
        }
        var picture: Picture
        if item.type == "grid" {
            picture = try decodeGrid(item)
        } else {
            let decoder = try decoder(for: item)
            picture = try decoder.decodeItem(try bytes(of: item))
        }
        placement.size = (picture.width, picture.height)
        for property in item.properties { try placement.apply(property, reader) }
        if let crop = placement.crop { picture = try picture.cropped(to: crop) }
        try setColors(of: picture, from: item)
        var frame = try DecodedFrame(picture, orientation: placement.orientation)
        if let note = placement.note { frame.notes.append(note) }
        if reader.has("avis", at: 8) || reader.has("hevc", at: 8) || reader.has("msf1", at: 8) {
            frame.notes.append("the first frame of an animation")
        }
        return frame
    }

    private func checkPlausibility(_ width: Int, _ height: Int) throws(MediaError.Fault) {
        try StillImage.checkPlausibility(width: width, height: height, bytesPerPixel: 12, of: reader.bytes.count)
    }

    private func statedSize(of item: Item) throws(MediaError.Fault) -> (width: Int, height: Int)? {
        guard let extent = property("ispe", of: item) else { return nil }
        return (try reader.uint32(extent.lowerBound + 4), try reader.uint32(extent.lowerBound + 8))
    }

    /// A decoder that knows an item's configuration.
    private func decoder(for item: Item) throws(MediaError.Fault) -> Decoder {
        let codec: AVCodecID
        let configuration: Range<Int>?
        switch item.type {
        case "av01": (codec, configuration) = (AV_CODEC_ID_AV1, property("av1C", of: item))
        case "hvc1", "hev1": (codec, configuration) = (AV_CODEC_ID_HEVC, property("hvcC", of: item))
        default: throw .unsupported("an AVIF or HEIC picture of kind '\(item.type)'")
        }
        guard let configuration else { throw .corrupt("a picture without its decoder's configuration") }
        guard configuration.count <= 1 << 16 else {
            throw .unsupported("a configuration of \(configuration.count) bytes")
        }
        var mostPixels = DecodedFrame.maximumPixels
        if let (width, height) = try statedSize(of: item) {
            try StillImage.checkSize(width: width, height: height)
            try checkPlausibility(width, height)
            // Pictures are coded in whole blocks.
            mostPixels = (width + 64) * (height + 64)
        }
        return try Decoder(item: codec, configuration: reader.bytes[configuration], mostPixels: mostPixels)
    }

    /// Decodes tiles, row by row, into one picture (ISO/IEC 23008-12, 6.6.2.3).
    private func decodeGrid(_ item: Item) throws(MediaError.Fault) -> Picture {
        let grid = ByteReader(bytes: try bytes(of: item))
        let (rows, columns) = (try grid.byte(2) + 1, try grid.byte(3) + 1)
        let isWide = try grid.byte(1) & 1 != 0
        let width = isWide ? try grid.uint32(4) : try grid.uint16(4)
        let height = isWide ? try grid.uint32(8) : try grid.uint16(6)
        try StillImage.checkSize(width: width, height: height)
        try checkPlausibility(width, height)
        guard item.parts.count == rows * columns else {
            throw .corrupt("\(item.parts.count) tiles instead of \(rows) x \(columns)")
        }
        guard rows * columns <= Self.mostTiles else { throw .unsupported("a picture of \(rows * columns) tiles") }
        let tiles = item.parts.map { items[$0] ?? Item() }
        guard tiles.allSatisfy({ tile in tile.properties.allSatisfy { !["irot", "imir", "clap"].contains($0.type) } })
        else {
            throw .unsupported("a picture of tiles that are turned or cut one by one")
        }
        // Small files could otherwise have large ones in them, the same tile over and over.
        let tileBytes = tiles.reduce(0) { $1.extents.reduce($0) { $0 + $1.count } }
        guard tileBytes <= 4 * reader.bytes.count else {
            throw .unsupported("a picture of tiles that share their bytes")
        }
        let decoder = try decoder(for: tiles[0])
        let configuration = property("av1C", of: tiles[0]) ?? property("hvcC", of: tiles[0])
        var whole: Picture?
        var size = (width: 0, height: 0)
        for (index, tile) in tiles.enumerated() {
            let own = property("av1C", of: tile) ?? property("hvcC", of: tile)
            let isAlike = zip(own ?? 0..<0, configuration ?? 0..<0).allSatisfy { reader.bytes[$0] == reader.bytes[$1] }
            guard tile.type == tiles[0].type, own?.count == configuration?.count, isAlike else {
                throw .unsupported("a picture of tiles that are coded differently")
            }
            let picture = try decoder.decodeItem(try bytes(of: tile))
            if whole == nil {
                size = (picture.width, picture.height)
                // Each tile shows a part of the picture.
                guard (columns - 1) * size.width < width, (rows - 1) * size.height < height,
                    columns * size.width >= width, rows * size.height >= height
                else { throw .corrupt("\(rows) x \(columns) tiles that do not make \(width) x \(height) pixels") }
                whole = try Picture(picture.format, like: picture, width: width, height: height)
            }
            guard let whole, picture.format == whole.format, (picture.width, picture.height) == size else {
                throw .corrupt("tiles of different sizes")
            }
            try whole.take(picture, at: (index % columns * size.width, index / columns * size.height))
        }
        guard let whole else { throw .corrupt("a picture without tiles") }
        return whole
    }

    /// The file's word about the colours goes before the coded picture's.
    private func setColors(of picture: Picture, from item: Item) throws(MediaError.Fault) {
        for property in item.properties where property.type == "colr" {
            let start = property.range.lowerBound
            guard reader.has("nclx", at: start), property.range.count >= 11 else { continue }
            let matrix = try reader.uint16(start + 8)
            if matrix != 2 { picture.frame.pointee.colorspace = AVColorSpace(UInt32(matrix)) }
            let isFull = try reader.byte(start + 10) & 0x80 != 0
            picture.frame.pointee.color_range = isFull ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG
        }
    }
}

/// What becomes of a decoded picture: it is cut, turned and mirrored, in the order in which that is said.
private struct Placement {
    var size = (width: 0, height: 0)
    var crop: (x: Int, y: Int, width: Int, height: Int)?
    var orientation = 1
    var note: String?

    mutating func apply(_ property: HEIF.Property, _ reader: ByteReader) throws(MediaError.Fault) {
        switch property.type {
        case "irot":
            // Quarter turns against the clock.
            turn([1, 8, 3, 6][try reader.byte(property.range.lowerBound) & 3])
        case "imir":
            // Columns are exchanged where the lowest bit is set, else rows.
            turn(try reader.byte(property.range.lowerBound) & 1 != 0 ? 2 : 4)
        case "clap":
            guard orientation == 1, crop == nil else { throw .unsupported("a picture that is cut after it is turned") }
            try cut(property.range, reader)
        default: break
        }
    }

    private mutating func turn(_ step: Int) {
        orientation = (Turn(orientation: step) * Turn(orientation: orientation)).orientation
    }

    /// Keeps the clean aperture (ISO/IEC 14496-12, 12.1.4.2): a size and how far its middle is from the picture's.
    private mutating func cut(_ range: Range<Int>, _ reader: ByteReader) throws(MediaError.Fault) {
        func fraction(_ index: Int) throws(MediaError.Fault) -> Double {
            let offset = range.lowerBound + 8 * index
            return Double(try reader.int32(offset)) / Double(try reader.int32(offset + 4))
        }
        let (width, height) = (try fraction(0), try fraction(1))
        let x = (Double(size.width) - width) / 2 + (try fraction(2))
        let y = (Double(size.height) - height) / 2 + (try fraction(3))
        let isSensible =
            [width, height, x, y].allSatisfy { $0.isFinite && $0 == $0.rounded() && $0 >= 0 }
            && width > 0 && height > 0 && x + width <= Double(size.width) && y + height <= Double(size.height)
        guard isSensible else {
            note = "what is to be cut off it makes no sense, so that it is shown whole"
            return
        }
        crop = (Int(x), Int(y), Int(width), Int(height))
        size = (Int(width), Int(height))
    }
}

/// A turn or mirroring: what becomes of a pixel's place, counted from the middle of the picture.
private struct Turn {
    private let matrix: (xx: Int, xy: Int, yx: Int, yy: Int)

    private static let ofOrientations = [
        (1, 0, 0, 1), (-1, 0, 0, 1), (-1, 0, 0, -1), (1, 0, 0, -1), (0, 1, 1, 0), (0, -1, 1, 0), (0, -1, -1, 0),
        (0, 1, -1, 0),
    ]

    private init(_ matrix: (xx: Int, xy: Int, yx: Int, yy: Int)) { self.matrix = matrix }

    init(orientation: Int) { self.init(Self.ofOrientations[orientation - 1]) }

    /// The turn `second`, and then `first`.
    static func * (first: Turn, second: Turn) -> Turn {
        let (a, b) = (first.matrix, second.matrix)
        return Turn(
            (
                a.xx * b.xx + a.xy * b.yx, a.xx * b.xy + a.xy * b.yy, a.yx * b.xx + a.yy * b.yx,
                a.yx * b.xy + a.yy * b.yy
            ))
    }

    var orientation: Int { (Self.ofOrientations.firstIndex { $0 == matrix } ?? 0) + 1 }
}

extension Picture {
    /// Room for pixels with the colour properties of another picture.
    convenience init(
        _ format: AVPixelFormat, like other: Picture, width: Int, height: Int
    ) throws(MediaError.Fault) {
        try self.init(format, width: width, height: height)
        av_frame_copy_props(frame, other.frame)
        frame.pointee.crop_left = 0
        frame.pointee.crop_top = 0
        frame.pointee.crop_right = 0
        frame.pointee.crop_bottom = 0
    }

    /// The samples of each plane: bytes of a pixel's, and how many times fewer there are across and down.
    private var planeSteps: [(bytes: Int, across: Int, down: Int)] {
        guard let descriptor = av_pix_fmt_desc_get(format) else { return [] }
        let components = descriptor.pointee.comp
        let all = [components.0, components.1, components.2, components.3].prefix(Int(descriptor.pointee.nb_components))
        let planes = (all.map { Int($0.plane) }.max() ?? -1) + 1
        return (0..<planes).map { plane in
            let step = all.first { $0.plane == plane }.map { Int($0.step) } ?? 1
            let isChroma = plane == 1 || plane == 2
            return (
                step, isChroma ? 1 << Int(descriptor.pointee.log2_chroma_w) : 1,
                isChroma ? 1 << Int(descriptor.pointee.log2_chroma_h) : 1
            )
        }
    }

    /// Copies a picture of the same format to a place in this one, as far as there is room.
    func take(_ part: Picture, at place: (x: Int, y: Int)) throws(MediaError.Fault) {
        for (plane, step) in planeSteps.enumerated() {
            guard place.x % step.across == 0, place.y % step.down == 0 else {
                throw .unsupported("a picture of tiles that begin between samples of colour")
            }
            let columns = min(part.width, width - place.x), rows = min(part.height, height - place.y)
            let count = (columns + step.across - 1) / step.across * step.bytes
            for y in 0..<(rows + step.down - 1) / step.down {
                (row(place.y / step.down + y, plane: plane) + place.x / step.across * step.bytes)
                    .update(from: part.row(y, plane: plane), count: count)
            }
        }
    }

    /// A part of this picture.
    func cropped(to part: (x: Int, y: Int, width: Int, height: Int)) throws(MediaError.Fault) -> Picture {
        let target = try Picture(format, like: self, width: part.width, height: part.height)
        for (plane, step) in planeSteps.enumerated() {
            guard part.x % step.across == 0, part.y % step.down == 0 else {
                throw .unsupported("a picture that is cut between samples of colour")
            }
            let count = (part.width + step.across - 1) / step.across * step.bytes
            for y in 0..<(part.height + step.down - 1) / step.down {
                target.row(y, plane: plane).update(
                    from: row(part.y / step.down + y, plane: plane) + part.x / step.across * step.bytes, count: count)
            }
        }
        return target
    }
}
