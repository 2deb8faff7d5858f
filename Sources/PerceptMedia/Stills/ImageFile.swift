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
        guard let still = try StillImage.parse(bytes) else {
            if let stranger = MediaFile.stranger(ByteReader(bytes: Array(bytes.prefix(256)))) {
                throw .unsupported(stranger)
            }
            return try decodeContained(bytes)
        }
        var frame: DecodedFrame
        if let tiles = still.tiles {
            frame = try still.decode(tiles)
        } else {
            let picture = try Decoder(still: still.codec).decodeStill(still.bytes)
            guard picture.width == still.width, picture.height == still.height else {
                throw .corrupt("parts of the picture could not be decoded")
            }
            frame = try DecodedFrame(picture, still: still, orientation: still.orientation)
        }
        frame.notes = still.notes
        return frame
    }

    /// AVIF, HEIC and the formats that FFmpeg's demuxers know (JPEG XL, JPEG 2000, PNM, QOI and more). Their alpha is
    /// dropped.
    private static func decodeContained(_ bytes: [UInt8]) throws(MediaError.Fault) -> DecodedFrame {
        if let heif = try HEIF(ByteReader(bytes: bytes)) { return try heif.decode() }
        let container = try Container(ByteSource(bytes))
        let decoder = try Decoder(stream: container.stream, isStill: true)
        var picture: Picture?
        while picture == nil, let packet = try container.nextPacket() {
            try decoder.send(packet)
            picture = try decoder.receive()
        }
        if picture == nil {
            try decoder.send(nil)
            picture = try decoder.receive()
        }
        guard let picture else { throw .corrupt("no picture could be decoded") }
        try picture.requireWhole()
        return try DecodedFrame(picture, orientation: container.orientation)
    }
}

extension Picture {
    /// False when the decoder reports damage.
    var isWhole: Bool {
        frame.pointee.flags & AV_FRAME_FLAG_CORRUPT == 0 && frame.pointee.decode_error_flags == 0
    }

    /// Fails where the decoder reports damage, or did not write all pixels: some decoders succeed without.
    func requireWhole() throws(MediaError.Fault) {
        guard isWhole, percept_is_written(frame) != 0 else {
            throw .corrupt("parts of the picture could not be decoded")
        }
    }
}
