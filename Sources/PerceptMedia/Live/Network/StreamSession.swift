import CPerceptMedia
import PerceptFrame

/// One opened file or connection: packets through a decoder into pictures.
///
/// It belongs to the thread that uses it.
final class StreamSession {
    enum Step {
        /// A picture was written to the ring's picture of that index.
        case picture(Int, arrival: ContinuousClock.Instant)
        /// Something damaged was left out.
        case damaged(String)
        /// Something was passed over.
        case remark(String)
        /// Everything was read and shown.
        case end
        /// Reading on is not possible.
        case failed(MediaError.Fault)
        case stopped
    }

    /// Failures to read, one after the other, behind which nothing more is expected of damaged bytes.
    private static let mostFailures = 100

    let container: Container
    /// What is missing of a file.
    let note: String?
    private let decoder: Decoder
    private let signal: StopSignal
    private let input: any ContainerInput
    /// Nil where packets are taken as they come.
    private var pace: Pace?
    private var packetClock: StreamClock
    private var packets = 0
    private var failures = 0
    private var isDraining = false
    private var isMended = false
    /// What is known of the packets under way, by the last digits of their numbers.
    private var history: [(id: Int, arrival: ContinuousClock.Instant, isDamaged: Bool)]

    /// - Parameters:
    ///   - soon: frames are wanted soon rather than many.
    ///   - isPaced: whether packets come in at the stream's own rate.
    init(_ input: any ContainerInput, _ signal: StopSignal, soon: Bool, isPaced: Bool) throws(MediaError.Fault) {
        self.input = input
        self.signal = signal
        container = try Container(input)
        note = (input as? ByteSource)?.note
        decoder = try Decoder(live: container.stream, soon: soon)
        pace = isPaced ? Pace(signal) : nil
        packetClock = StreamClock(
            timeBase: container.stream.pointee.time_base, frameRate: container.frameRate,
            mayJump: container.timesMayJump)
        // More than any decoder holds back: 16 reordered pictures, and one for each of at most 16 threads.
        history = Array(repeating: (-1, .now, false), count: 64)
    }

    /// Goes to the last key frame at or before a time of the stream; false when that is not possible.
    func seek(to time: Int64) -> Bool { container.seek(to: time) }

    func advance(_ ring: inout FrameRing<Picture>) throws(MediaError.Fault) -> Step {
        while true {
            let slot = try ring.vacant { () throws(MediaError.Fault) in try Picture() }
            let picture = ring.storage(slot)
            switch decoder.receive(into: picture) {
            case .picture:
                let id = Int(percept_packet_id(picture.frame))
                let known = history[id & 63].id == id && id >= 0 ? history[id & 63] : nil
                guard picture.isWhole, known?.isDamaged != true else { return .damaged("a picture with errors") }
                return .picture(slot, arrival: known?.arrival ?? .now)
            case .damaged(let reason): return .damaged(reason)
            case .drained: return .end
            case .hungry: break
            }
            if isDraining { return .end }
            if let step = feed() { return step }
        }
    }

    /// Gives the decoder the next packet; what to tell of that, if anything.
    private func feed() -> Step? {
        switch container.read() {
        case .end:
            isDraining = true
            if let reason = decoder.send(nil, id: 0) { return .damaged(reason) }
        case .failure(let code):
            if signal.isStopped { return .stopped }
            if code == percept_averror(EAGAIN) {
                return signal.sleep(until: .now + .milliseconds(2)) ? nil : .stopped
            }
            failures += 1
            guard code == percept_averror_invalid(), failures < Self.mostFailures else {
                return .failed(input.fault(code, "reading"))
            }
            return .damaged(MediaError.Fault.detail(code, "reading"))
        case .packet(let packet):
            failures = 0
            let stamp = packet.pointee.dts == percept_no_timestamp() ? packet.pointee.pts : packet.pointee.dts
            guard pace?.wait(until: packetClock.seconds(stamp)) ?? !signal.isStopped else { return .stopped }
            // What a damaged packet is part of is shown no more, but decoded: later pictures build on it.
            let isDamaged = packet.pointee.flags & AV_PKT_FLAG_CORRUPT != 0
            history[packets & 63] = (packets, .now, isDamaged)
            defer { packets += 1 }
            var isChanged = container.isMotionJPEG && MotionJPEG.takeOutStrayBytes(packet)
            var problem = decoder.send(packet, id: packets)
            if problem != nil, container.isMotionJPEG, MotionJPEG.takeOutRemarks(packet) {
                problem = decoder.send(packet, id: packets)
                isChanged = true
            }
            if let problem { return .damaged(problem) }
            guard isChanged, !isMended else { return nil }
            isMended = true
            return .remark(MotionJPEG.remark)
        }
        return nil
    }
}
