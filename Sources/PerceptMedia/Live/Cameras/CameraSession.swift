import CPerceptMedia
import Foundation
import PerceptFrame

/// A camera that sends, and the pictures that come.
///
/// It belongs to the thread that uses it.
final class CameraSession {
    enum Step {
        /// The time is the driver's, in microseconds.
        case picture(DecodedFrame, time: Int64, arrival: ContinuousClock.Instant)
        case damaged(String)
    }

    let format: CameraPixelFormat
    let width: Int
    let height: Int
    /// Frames a second, as the driver states them.
    let frameRate: Double?
    private let device: CameraDevice
    private let mode: percept_camera_mode
    private let decoder: MotionJPEGDecoder?
    private let packing: CameraPacking?
    private var ring = FrameRing<PlaneBuffer>()
    /// Failures to take a picture, one after the other.
    private var failures = 0

    init(_ path: String, _ options: LiveOptions) throws(MediaError.Fault) {
        device = try CameraDevice(path)
        let choice = try CameraChoice.best(device.camera.modes, options)
        mode = try device.configure(choice)
        format = choice.format
        width = Int(mode.width)
        height = Int(mode.height)
        frameRate =
            mode.interval_numerator > 0
            ? Double(mode.interval_denominator) / Double(mode.interval_numerator) : nil
        decoder = choice.format == .mjpeg ? try MotionJPEGDecoder() : nil
        packing = CameraPacking(choice.format, mode)
        guard decoder != nil || packing != nil else {
            throw .unsupported("a camera that sends \(choice) in \(mode.planes) pieces")
        }
        try device.start()
    }

    var descriptor: Int32 { device.descriptor }

    /// Whether bytes of its pictures that mean nothing were passed over.
    var isMended: Bool { decoder?.isMended ?? false }

    /// The picture that has come; nil if none has.
    func take() throws(MediaError.Fault) -> Step? {
        do throws(MediaError.Fault) {
            let taken = try device.take { (picture) throws(MediaError.Fault) -> Step in
                try step(picture, arrival: .now)
            }
            failures = 0
            return taken
        } catch {
            // Drivers report a picture lost on its way as an error of reading, which the next need not have.
            failures += 1
            guard case .unreadable(let reason) = error, failures < 100 else { throw error }
            return .damaged(reason)
        }
    }

    private func step(
        _ picture: percept_camera_picture, arrival: ContinuousClock.Instant
    ) throws(MediaError.Fault) -> Step {
        guard picture.is_damaged == 0, picture.size.0 > 0 else {
            return .damaged("the driver reports a damaged picture")
        }
        if let packing {
            let missing = packing.missing(picture)
            guard missing <= 0 else { return .damaged("a picture that is \(missing) bytes too short") }
            return .picture(copy(picture, packing), time: picture.time, arrival: arrival)
        }
        guard let decoder else { return .damaged("no picture") }
        switch try decoder.decode(UnsafeBufferPointer(start: picture.bytes.0, count: Int(picture.size.0))) {
        case .success(let frame): return .picture(frame, time: picture.time, arrival: arrival)
        case .failure(let damage): return .damaged(damage.reason)
        }
    }

    /// A raw picture, out of the driver's buffer, which is wanted back soon.
    private func copy(_ picture: percept_camera_picture, _ packing: CameraPacking) -> DecodedFrame {
        let slot = ring.vacant { packing.makeBuffer() }
        let buffer = ring.storage(slot)
        packing.copy(picture, to: buffer)
        if let frame = ring.frame(slot) { return frame }
        let matrix: DecodedFrame.ColorMatrix =
            switch mode.matrix {
            case 709: .bt709
            case 2020: .bt2020
            default: .bt601
            }
        // RGB and, where the driver does not say, grey use the full range.
        let isFull =
            switch packing.layout {
            case .rgb8: true
            case .gray8: mode.full_range != 0 || mode.states_range == 0
            default: mode.full_range != 0
            }
        let frame = DecodedFrame(
            buffer, width: width, height: height, layout: packing.layout,
            colorMatrix: packing.layout == .rgb8 || packing.layout == .gray8 ? .identity : matrix, fullRange: isFull,
            chromaSiting: .center, resampling: .color, orientation: 1)
        ring.setFrame(frame, slot)
        return frame
    }
}

/// MJPEG pictures one by one, into pictures that are used again.
final class MotionJPEGDecoder {
    struct Damage: Error {
        let reason: String
    }

    private let decoder: Decoder
    private var packet: UnsafeMutablePointer<AVPacket>?
    private var ring = FrameRing<Picture>()
    /// Whether bytes that mean nothing were passed over.
    private(set) var isMended = false

    init() throws(MediaError.Fault) {
        decoder = try Decoder(camera: AV_CODEC_ID_MJPEG)
        packet = av_packet_alloc()
        guard packet != nil else { throw .unreadable("out of memory") }
    }

    deinit { av_packet_free(&packet) }

    func decode(_ bytes: UnsafeBufferPointer<UInt8>) throws(MediaError.Fault) -> Result<DecodedFrame, Damage> {
        let filled = percept_fill_packet(packet, bytes.baseAddress, bytes.count)
        guard filled >= 0 else { throw .init(filled, "decoding") }
        guard let packet else { return .failure(Damage(reason: "out of memory")) }
        if MotionJPEG.takeOutStrayBytes(packet) { isMended = true }
        if let reason = decoder.send(packet, id: 0) {
            guard MotionJPEG.takeOutRemarks(packet), decoder.send(packet, id: 0) == nil else {
                return .failure(Damage(reason: reason))
            }
            isMended = true
        }
        let slot = try ring.vacant { () throws(MediaError.Fault) in try Picture() }
        let picture = ring.storage(slot)
        switch decoder.receive(into: picture) {
        case .picture: break
        case .damaged(let reason): return .failure(Damage(reason: reason))
        case .hungry, .drained: return .failure(Damage(reason: "no whole picture"))
        }
        guard picture.isWhole else { return .failure(Damage(reason: "a picture with errors")) }
        if let frame = ring.frame(slot), frame.describes(picture, orientation: 1) { return .success(frame) }
        let frame = try DecodedFrame(picture, orientation: 1)
        if picture.layout != nil { ring.setFrame(frame, slot) }
        return .success(frame)
    }
}
