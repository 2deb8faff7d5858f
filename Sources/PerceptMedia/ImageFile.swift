import CPerceptMedia
package import PerceptFrame

/// Still images: a file or bytes in, one decoded frame out.
///
/// The format is found in the bytes; names and extensions count for nothing. Of an animation the first frame is
/// decoded.
package enum ImageFile {
    package static func decode(_ path: String) throws(MediaError) -> DecodedFrame {
        do throws(MediaError.Fault) {
            return try decode(readFile(path))
        } catch {
            throw MediaError(file: path, fault: error)
        }
    }

    /// - Parameter name: what errors call the bytes.
    package static func decode(_ bytes: [UInt8], name: String) throws(MediaError) -> DecodedFrame {
        do throws(MediaError.Fault) {
            return try decode(bytes)
        } catch {
            throw MediaError(file: name, fault: error)
        }
    }

    private static func decode(_ bytes: [UInt8]) throws(MediaError.Fault) -> DecodedFrame {
        guard !bytes.isEmpty else { throw .corrupt("the file is empty") }
        guard let still = try StillImage.parse(bytes) else { return try decodeContained(bytes) }
        let picture = try Decoder(still: still.codec).decodeStill(still.bytes)
        guard picture.width == still.width, picture.height == still.height, picture.isWhole else {
            throw .corrupt("parts of the picture could not be decoded")
        }
        return try DecodedFrame(picture, still: still, orientation: still.orientation)
    }

    /// True when a HEIF file puts its picture together from items (ISO/IEC 23008-12, 6.6.2.3), of which FFmpeg
    /// delivers one at best: its item list has an entry of type `grid`.
    private static func hasGridItem(_ bytes: [UInt8]) -> Bool {
        let reader = ByteReader(bytes: Array(bytes.prefix(1 << 16)))
        guard reader.has("ftyp", at: 4) else { return false }
        return reader.bytes.indices.contains { offset in
            reader.bytes[offset] == 0x69 && reader.has("infe", at: offset)
                && (reader.has("grid", at: offset + 12) || reader.has("grid", at: offset + 14))
        }
    }

    /// AVIF, HEIC and the formats that FFmpeg's demuxers know (JPEG XL, JPEG 2000, PNM, QOI and more). Their alpha is
    /// dropped.
    private static func decodeContained(_ bytes: [UInt8]) throws(MediaError.Fault) -> DecodedFrame {
        guard !hasGridItem(bytes) else { throw .unsupported("an AVIF or HEIC picture made of tiles") }
        let container = try Container(ByteSource(bytes))
        let decoder = try Decoder(stream: container.stream)
        while let packet = try container.nextPacket() {
            try decoder.send(packet)
            if let picture = try decoder.receive() {
                return try DecodedFrame(picture, orientation: container.orientation)
            }
        }
        try decoder.send(nil)
        guard let picture = try decoder.receive() else { throw .corrupt("no picture could be decoded") }
        return try DecodedFrame(picture, orientation: container.orientation)
    }
}

extension Picture {
    /// False when the decoder reports damage.
    var isWhole: Bool {
        frame.pointee.flags & AV_FRAME_FLAG_CORRUPT == 0 && frame.pointee.decode_error_flags == 0
    }
}
