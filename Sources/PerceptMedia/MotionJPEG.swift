import CPerceptMedia

/// Pictures of MJPEG that the decoder refuses, made such that it takes them.
enum MotionJPEG {
    /// What is said of it, once.
    static let remark = "JPEG pictures in it have bytes that mean nothing, which are passed over"

    /// Without stray bytes between segments and before markers, and without segments that say nothing about pixels: cheap
    /// cameras write both. Nil where nothing can be taken away.
    static func mended(_ bytes: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
        switch JPEGRepair.repair(bytes, manyPictures: true) {
        case .mended(let mended, _): return withoutRemarks(mended) ?? mended
        case .whole: return withoutRemarks(Array(bytes))
        case .broken: return nil
        }
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

    /// Puts a mended picture into a packet in place of the one that was refused; false where that cannot be.
    static func mend(_ packet: UnsafeMutablePointer<AVPacket>) -> Bool {
        let bytes = UnsafeBufferPointer(start: UnsafePointer(packet.pointee.data), count: Int(packet.pointee.size))
        guard bytes.count > 3, let mended = mended(bytes), mended.count <= bytes.count,
            av_packet_make_writable(packet) >= 0
        else { return false }
        mended.withUnsafeBufferPointer { packet.pointee.data.update(from: $0.baseAddress!, count: $0.count) }
        av_shrink_packet(packet, Int32(mended.count))
        return true
    }
}
