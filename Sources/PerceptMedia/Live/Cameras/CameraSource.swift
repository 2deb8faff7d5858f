import CPerceptMedia
import Foundation
import PerceptFrame

/// A camera, through V4L2.
///
/// Percept speaks to the driver itself instead of through libavdevice: that library brings some eighty more with it on
/// Debian (SDL, PulseAudio, OpenGL), waits for pictures where nobody can interrupt it, and drops what the driver says of
/// colours. MJPEG is decoded by libavcodec.
///
/// Raw pictures take the range and matrix that the driver states, with V4L2's own defaults (BT.601, limited), and chroma
/// between the luma samples, as V4L2 describes its formats (pixfmt-yuyv, pixfmt-nv12). A camera that was unplugged is
/// waited for (`Reconnection`) and opened again under its path.
///
/// `@unchecked Sendable` because `next` alone changes it, which one thread at a time calls; `stop` touches the signal,
/// which is `Sendable`.
final class CameraSource: LiveSource, @unchecked Sendable {
    let description: LiveDescription
    private let path: String
    private let options: LiveOptions
    private let signal: StopSignal
    private var connection: Connection<CameraSession>
    /// Of the driver's microseconds.
    private var clock: StreamClock
    private var size: (width: Int, height: Int)
    private var number = 0
    /// What comes next, without a look at the camera.
    private var held: [LiveEvent] = []
    private var hasToldOfMending = false

    init(_ path: String, _ options: LiveOptions, _ signal: StopSignal) throws(MediaError.Fault) {
        let session: CameraSession
        do throws(MediaError.Fault) {
            session = try CameraSession(path, options)
        } catch {
            throw error == .missing ? Camera.absence : error
        }
        self.path = path
        self.options = options
        self.signal = signal
        connection = Connection(session, options.reconnection, signal) { () throws(MediaError.Fault) in
            try CameraSession(path, options)
        }
        clock = StreamClock(
            timeBase: AVRational(num: 1, den: 1_000_000), frameRate: session.frameRate, mayJump: false)
        size = (session.width, session.height)
        description = LiveDescription(
            name: path, width: size.width, height: size.height, frameRate: session.frameRate,
            format: session.format.rawValue)
    }

    func stop() { signal.stop() }

    func next() throws(MediaError) -> LiveEvent? {
        do throws(MediaError.Fault) {
            while !signal.isStopped {
                if !held.isEmpty { return held.removeFirst() }
                guard let session = connection.session else { return try connection.reopen() }
                switch signal.wait(for: session.descriptor, Duration(seconds: options.reconnection.patience)) {
                case .stopped: return nil
                case .timedOut: return try connection.lose("no picture came for \(options.reconnection.patience) s")
                case .ready: if let event = try take(session) { return event }
                }
            }
            return nil
        } catch {
            throw MediaError(file: path, fault: error)
        }
    }

    private func take(_ session: CameraSession) throws(MediaError.Fault) -> LiveEvent? {
        do throws(MediaError.Fault) {
            switch try session.take() {
            case nil: return nil
            case .damaged(let reason): return .notice(.corrupt(reason: reason))
            case .picture(let frame, let time, let arrival):
                connection.succeed()
                let event = LiveEvent.frame(
                    LiveFrame(frame, number: number, time: clock.seconds(time), arrival: arrival))
                number += 1
                held.append(event)
                if (frame.width, frame.height) != size {
                    size = (frame.width, frame.height)
                    held.insert(.notice(.resized(width: frame.width, height: frame.height)), at: 0)
                }
                if session.isMended, !hasToldOfMending {
                    hasToldOfMending = true
                    held.insert(.notice(.remark(MotionJPEG.remark)), at: 0)
                }
                return held.removeFirst()
            }
        } catch {
            guard case .lost(let reason) = error else { throw error }
            return try connection.lose(reason)
        }
    }
}
