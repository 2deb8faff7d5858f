import CPerceptMedia

/// A place in a file's decoded frames, which goes on behind damage.
///
/// It belongs to the thread that uses it.
final class FrameCursor {
    /// A decoded frame.
    struct Frame {
        let picture: Picture
        /// False where a packet of it or the decoder tells of damage.
        let isWhole: Bool
        /// True where something that it may build on, back to a key frame, is not whole: its samples then depend on where
        /// decoding began.
        let buildsOnDamage: Bool

        var time: Int64 { picture.frame.pointee.best_effort_timestamp }
    }

    let container: Container
    private let decoder: Decoder
    private var isDraining = false
    private var errorsBefore = 0
    private var sent = 0
    /// The last damage that no key frame came behind, by the number of the packet it was in.
    private var damage: Int?
    /// Whether the packets under way are damaged, by the last digits of their numbers.
    private var history: [(id: Int, isDamaged: Bool)] = Array(repeating: (-1, false), count: 64)
    private let isMotionJPEG: Bool
    /// Whether bytes that mean nothing were passed over.
    private(set) var isMended = false
    /// Packets that the decoder could make nothing of.
    private(set) var rejected = 0
    /// What it said of the first of them.
    private(set) var firstFault: MediaError.Fault?

    /// - Parameter isCareful: one thread decodes, so that damage is found the same way each time.
    init(_ path: String, isCareful: Bool = false) throws(MediaError.Fault) {
        container = try Container(ByteSource(path: path))
        decoder = try Decoder(stream: container.stream, threads: isCareful ? 1 : 0)
        isMotionJPEG = container.isMotionJPEG
    }

    /// The next decoded frame, nil at the end.
    func advance() throws(MediaError.Fault) -> Frame? {
        let picture = try Picture()
        while true {
            let result = decoder.fetch(picture)
            switch result {
            case 0...:
                let id = Int(percept_packet_id(picture.frame))
                let isKnown = id >= 0 && history[id & 63].id == id
                let isWhole = picture.isWhole && !(isKnown && history[id & 63].isDamaged)
                let order = isKnown ? id : sent
                if isWhole, percept_is_key(picture.frame) != 0, let damage, order > damage { self.damage = nil }
                defer { if !isWhole { damage = max(damage ?? order, order) } }
                return Frame(picture: picture, isWhole: isWhole, buildsOnDamage: damage.map { order > $0 } ?? false)
            case percept_averror_eof(): return nil
            case percept_averror(EAGAIN): break
            default:
                try reject(result)
                continue
            }
            if isDraining { return nil }
            try feed()
        }
    }

    private func feed() throws(MediaError.Fault) {
        guard let packet = try container.nextUsablePacket() else {
            isDraining = true
            _ = decoder.feed(nil, id: 0)
            return
        }
        history[sent & 63] = (sent, packet.pointee.flags & AV_PKT_FLAG_CORRUPT != 0)
        defer { sent += 1 }
        if isMotionJPEG, MotionJPEG.takeOutStrayBytes(packet) { isMended = true }
        var result = decoder.feed(packet, id: sent)
        if result < 0, isMotionJPEG, MotionJPEG.takeOutRemarks(packet) {
            result = decoder.feed(packet, id: sent)
            if result >= 0 { isMended = true }
        }
        if result < 0 { try reject(result) }
    }

    /// - Throws: what is no matter of a damaged packet.
    private func reject(_ code: Int32) throws(MediaError.Fault) {
        let fault = MediaError.Fault(code, "decoding")
        guard code != percept_averror(ENOMEM), code != percept_averror_exit() else { throw fault }
        rejected += 1
        damage = sent
        firstFault = firstFault ?? fault
    }

    /// Whether the decoder told of anything since the start, or since the last seek; what it does not tell of its frames
    /// if it has several threads.
    var hasErrors: Bool { decoder.errors > errorsBefore || rejected > 0 }

    /// Goes to the last key frame at or before a time of the stream; false when the demuxer cannot.
    func seek(to time: Int64) -> Bool {
        guard container.seek(to: time) else { return false }
        decoder.flush()
        isDraining = false
        errorsBefore = decoder.errors
        damage = nil
        return true
    }
}
