import CPerceptMedia

/// What a pass over a stream's packets, without decoding, tells about its frames.
struct PacketIndex {
    /// Presentation times in ascending order, one per frame; nil when packets do not stand for frames one to one, and
    /// where something of the stream is missing or damaged.
    let times: [Int64]?
    /// Presentation times of the key frames in ascending order.
    let keyTimes: [Int64]
    /// Frames that the container lists and does not hold.
    let missing: Int
    /// False where the container tells of damage.
    let isWhole: Bool

    init(_ container: Container) throws(MediaError.Fault) {
        var times: [Int64] = []
        var keyTimes: [Int64] = []
        var isReliable = Self.hasOneFramePerPacket(container)
        var (packets, damaged) = (0, 0)
        while let packet = try container.nextUsablePacket() {
            packets += 1
            if packet.pointee.flags & AV_PKT_FLAG_CORRUPT != 0 { damaged += 1 }
            guard packet.pointee.flags & AV_PKT_FLAG_DISCARD == 0 else { continue }
            let time = packet.pointee.pts
            if time == percept_no_timestamp() { isReliable = false }
            times.append(time)
            if packet.pointee.flags & AV_PKT_FLAG_KEY != 0 { keyTimes.append(time) }
        }
        times.sort()
        keyTimes.sort()
        missing = max((container.statedPacketCount ?? packets) - packets, 0)
        isWhole = damaged == 0 && missing == 0 && container.failures == 0
        if zip(times, times.dropFirst()).contains(where: ==) { isReliable = false }
        self.times = isReliable && isWhole ? times : nil
        self.keyTimes = keyTimes
    }

    /// True for containers that store whole frames and codecs that show every one they store.
    private static func hasOneFramePerPacket(_ container: Container) -> Bool {
        let formats: Set<Substring> = ["mov", "mp4", "matroska", "webm"]
        guard container.formatName.split(separator: ",").contains(where: formats.contains) else { return false }
        return [
            AV_CODEC_ID_H264, AV_CODEC_ID_HEVC, AV_CODEC_ID_VP9, AV_CODEC_ID_AV1, AV_CODEC_ID_MJPEG, AV_CODEC_ID_PRORES,
            AV_CODEC_ID_DNXHD, AV_CODEC_ID_PNG, AV_CODEC_ID_FFV1,
        ].contains(container.stream.pointee.codecpar.pointee.codec_id)
    }
}
