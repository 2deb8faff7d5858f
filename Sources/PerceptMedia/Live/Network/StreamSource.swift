import CPerceptMedia
import PerceptFrame

/// A video file, a network stream or standard input, through FFmpeg.
///
/// Damage is left out with a notice: packets that cannot be decoded, and pictures whose decoder reports errors. A file or
/// a pipe that breaks off ends; a network stream is opened again (`Reconnection`), and goes on where it was when its
/// server knows how long it is. Colours of which a stream says nothing are of limited range and BT.601, as libswscale and
/// the readers of the reference take them; MJPEG is of full range and BT.601, as JFIF has it.
///
/// `@unchecked Sendable` because `next` alone changes it, which one thread at a time calls; `stop` touches the signal,
/// which is `Sendable`.
final class StreamSource: LiveSource, @unchecked Sendable {
    enum Kind {
        case file
        case pipe
        case network
    }

    let description: LiveDescription
    private let name: String
    private let kind: Kind
    private let signal: StopSignal
    private var connection: Connection<StreamSession>
    private var ring = FrameRing<Picture>()
    private var clock: StreamClock
    private var orientation: Int
    /// The last frame's stamp and arrival; nil before the first.
    private var last: (stamp: Int64, time: Double, arrival: ContinuousClock.Instant)?
    /// Frames up to this stamp were shown before the connection was lost.
    private var shownUpTo: Int64?
    private var size: (width: Int, height: Int)
    private var number = 0
    /// What comes behind the event just told.
    private var held: LiveEvent?
    /// Nothing more can be read of a file or a pipe.
    private var isOver = false

    /// - Parameter makeInput: opens the file or connection, each time anew.
    init(
        _ name: String, _ kind: Kind, _ options: LiveOptions, _ signal: StopSignal,
        makeInput: @escaping (StopSignal) throws(MediaError.Fault) -> any ContainerInput
    ) throws(MediaError.Fault) {
        let isPaced = kind == .file && !options.asFastAsPossible
        let open = { () throws(MediaError.Fault) -> StreamSession in
            try StreamSession(
                makeInput(signal), signal, soon: kind != .file || isPaced, isPaced: isPaced)
        }
        let session = try open()
        let parameters = session.container.stream.pointee.codecpar.pointee
        self.name = name
        self.kind = kind
        self.signal = signal
        connection = Connection(session, options.reconnection, signal, open: open)
        size = (Int(parameters.width), Int(parameters.height))
        orientation = session.container.orientation
        clock = Self.clock(session.container, start: 0)
        held = session.note.map { .notice(.remark($0)) }
        description = LiveDescription(
            name: name, width: orientation < 5 ? size.width : size.height,
            height: orientation < 5 ? size.height : size.width, frameRate: session.container.frameRate,
            format: session.container.codecName)
    }

    private static func clock(_ container: Container, start: Double) -> StreamClock {
        StreamClock(
            timeBase: container.stream.pointee.time_base, frameRate: container.frameRate,
            mayJump: container.timesMayJump, start: start)
    }

    func stop() { signal.stop() }

    func next() throws(MediaError) -> LiveEvent? {
        do throws(MediaError.Fault) {
            while !signal.isStopped {
                if let event = held {
                    held = nil
                    return event
                }
                if isOver { return nil }
                guard let session = connection.session else { return try connection.reopen(resume) }
                switch try session.advance(&ring) {
                case .picture(let slot, let arrival):
                    if let event = try event(slot, arrival, session) { return event }
                case .damaged(let reason): return .notice(.corrupt(reason: reason))
                case .remark(let text): return .notice(.remark(text))
                case .stopped: return nil
                case .end:
                    guard kind == .network, !session.container.isFinite || session.container.endedEarly else {
                        return nil
                    }
                    return try connection.lose("the server ended the stream")
                case .failed(let fault):
                    if signal.isStopped { return nil }
                    if kind == .network { return try connection.lose("\(fault)") }
                    isOver = true
                    return .notice(.corrupt(reason: "\(fault)"))
                }
            }
            return nil
        } catch {
            throw MediaError(file: name, fault: error)
        }
    }

    /// Goes on where a stream that knows its times was lost, else with what is sent now.
    private func resume(_ session: StreamSession) {
        orientation = session.container.orientation
        guard let last else { return }
        if session.container.isFinite && session.seek(to: last.stamp) {
            shownUpTo = last.stamp
        } else {
            let missed = last.arrival.duration(to: .now).inSeconds
            clock = Self.clock(session.container, start: last.time + missed)
        }
    }

    /// The event of a decoded picture; nil for one that was shown before.
    private func event(
        _ slot: Int, _ arrival: ContinuousClock.Instant, _ session: StreamSession
    ) throws(MediaError.Fault) -> LiveEvent? {
        let picture = ring.storage(slot)
        let stamp = picture.frame.pointee.best_effort_timestamp
        if let shown = shownUpTo, stamp <= shown { return nil }
        shownUpTo = nil
        connection.succeed()
        let frame: DecodedFrame
        if let known = ring.frame(slot), known.describes(picture, orientation: orientation) {
            frame = known
        } else {
            frame = try DecodedFrame(picture, orientation: orientation)
            if picture.layout != nil { ring.setFrame(frame, slot) }
        }
        let time = clock.seconds(stamp)
        last = (stamp, time, arrival)
        let event = LiveEvent.frame(LiveFrame(frame, number: number, time: time, arrival: arrival))
        number += 1
        guard (picture.width, picture.height) == size else {
            size = (picture.width, picture.height)
            held = event
            return .notice(.resized(width: frame.uprightWidth, height: frame.uprightHeight))
        }
        return event
    }
}
