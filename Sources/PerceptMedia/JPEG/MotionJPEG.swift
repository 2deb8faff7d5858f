import CPerceptMedia

/// Pictures of MJPEG as cheap cameras write them, made such that the decoder reads them right.
enum MotionJPEG {
    /// What is said of it, once.
    static let remark = "JPEG pictures in it have bytes that mean nothing, which are passed over"

    /// Takes stray bytes out between segments and before markers, where the decoder need not notice that it takes them for
    /// coded data. True where there were any.
    static func takeOutStrayBytes(_ packet: UnsafeMutablePointer<AVPacket>) -> Bool {
        guard case .mended(let mended, _) = JPEGRepair.repair(bytes(packet), manyPictures: true) else { return false }
        return put(mended, into: packet)
    }

    /// Takes segments out that say nothing about pixels, for a decoder that has refused the picture. True where there were
    /// any.
    static func takeOutRemarks(_ packet: UnsafeMutablePointer<AVPacket>) -> Bool {
        guard let rest = withoutRemarks(Array(bytes(packet))) else { return false }
        return put(rest, into: packet)
    }

    private static func bytes(_ packet: UnsafeMutablePointer<AVPacket>) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: UnsafePointer(packet.pointee.data), count: Int(packet.pointee.size))
    }

    private static func put(_ shorter: [UInt8], into packet: UnsafeMutablePointer<AVPacket>) -> Bool {
        guard shorter.count <= packet.pointee.size, av_packet_make_writable(packet) >= 0 else { return false }
        shorter.withUnsafeBufferPointer { packet.pointee.data.update(from: $0.baseAddress!, count: $0.count) }
        av_shrink_packet(packet, Int32(shorter.count))
        return true
    }

    /// Without application segments and comments in front of the picture, but for those that tell of interlacing (APP0)
    /// and colours (APP14).
    private static func withoutRemarks(_ bytes: [UInt8]) -> [UInt8]? {
        var kept = Array(bytes.prefix(2))
        var offset = 2
        while offset + 4 <= bytes.count, bytes[offset] == 0xFF {
            let marker = bytes[offset + 1]
            let end = offset + 2 + Int(bytes[offset + 2]) << 8 + Int(bytes[offset + 3])
            guard marker != 0xDA, marker > 0xBF, !(0xD0...0xD9).contains(marker), end <= bytes.count else { break }
            if !(0xE1...0xED).contains(marker), marker != 0xEF, marker != 0xFE { kept += bytes[offset..<end] }
            offset = end
        }
        guard kept.count < offset else { return nil }
        return kept + bytes[offset...]
    }
}
