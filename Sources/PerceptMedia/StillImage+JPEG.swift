import CPerceptMedia

extension StillImage {
    /// Walks the markers from the start of image to its end (ITU-T T.81 annex B), over any embedded thumbnail.
    static func parseJPEG(_ reader: ByteReader) throws(MediaError.Fault) -> StillImage {
        var bytes = reader.bytes
        var size: (width: Int, height: Int, components: Int)?
        var orientation = 1
        var adobe: Int?
        /// Where the components are named: in the frame header, then in the scan headers.
        var componentNames: [Int] = []
        var offset = 2
        walk: while true {
            while try reader.byte(offset) == 0xFF, try reader.byte(offset + 1) == 0xFF { offset += 1 }
            guard try reader.byte(offset) == 0xFF else { throw .corrupt("no JPEG marker at byte \(offset)") }
            let marker = try reader.byte(offset + 1)
            offset += 2
            switch marker {
            case 0xD9: break walk
            case 0x01, 0xD0...0xD8: continue
            default: break
            }
            let end = offset + (try reader.uint16(offset))
            try reader.require(offset..<end)
            switch marker {
            case 0xC0...0xC3, 0xC5...0xC7, 0xC9...0xCB, 0xCD...0xCF:
                guard size == nil else { throw .unsupported("hierarchical JPEG") }
                size = (try reader.uint16(offset + 5), try reader.uint16(offset + 3), try reader.byte(offset + 7))
                componentNames += stride(from: offset + 8, to: end - 2, by: 3)
                guard size?.height != 0 else { throw .unsupported("JPEG that states its height after the picture") }
            case 0xE1 where reader.has("Exif\0\0", at: offset + 2) && end >= offset + 8:
                orientation = exifOrientation(Array(bytes[(offset + 8)..<end]))
            case 0xEE where reader.has("Adobe", at: offset + 2) && end >= offset + 14:
                adobe = offset + 2
            case 0xDA:
                componentNames += stride(from: offset + 3, to: end - 3, by: 2)
                offset = try endOfScan(reader, from: end)
                continue
            default: break
            }
            offset = end
        }
        guard let size else { throw .corrupt("a JPEG without a picture") }
        bytes.removeLast(bytes.count - offset)
        var fourComponents: FourComponents?
        if size.components == 4 {
            fourComponents = if let adobe, bytes[adobe + 11] == 2 { .ycck } else { .cmyk }
            // FFmpeg mixes black into the colours its own way, going by the marker and by components named C, M, Y, K.
            // Names 1, 2, 3, 4 and a transform that four components cannot have leave them as coded.
            let names = componentNames.prefix(4).map { bytes[$0] }
            for offset in componentNames {
                if let index = names.firstIndex(of: bytes[offset]) { bytes[offset] = UInt8(index + 1) }
            }
            if let adobe {
                bytes[adobe + 11] = 1
            } else {
                bytes.insert(contentsOf: [0xFF, 0xEE, 0, 14] + Array("Adobe".utf8) + [0, 100, 0, 0, 0, 0, 1], at: 2)
            }
        }
        var image = StillImage(codec: AV_CODEC_ID_MJPEG, bytes: bytes, width: size.width, height: size.height)
        image.orientation = orientation
        image.fourComponents = fourComponents
        return image
    }

    /// The next marker after entropy-coded data, in which 0xFF is followed by 0 or a restart marker.
    private static func endOfScan(_ reader: ByteReader, from start: Int) throws(MediaError.Fault) -> Int {
        let found = reader.bytes.withUnsafeBufferPointer { bytes -> Int? in
            var offset = start
            while offset + 1 < bytes.count {
                if bytes[offset] == 0xFF, bytes[offset + 1] != 0, bytes[offset + 1] & 0xF8 != 0xD0,
                    bytes[offset + 1] != 0xFF
                {
                    return offset
                }
                offset += 1
            }
            return nil
        }
        guard let found else { throw .corrupt("the JPEG ends early, within its picture") }
        return found
    }
}
