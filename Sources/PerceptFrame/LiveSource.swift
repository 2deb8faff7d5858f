/// A frame of a running source.
package struct LiveFrame: Sendable {
    package let frame: DecodedFrame
    /// Counted from zero over all frames that the source made, those that nobody took included.
    package let number: Int
    /// Seconds since the source's first frame by the source's own clock: a file's presentation times, a camera's stamps.
    package let time: Double
    /// When the frame came in, before it was decoded: latency counts from here.
    package let arrival: ContinuousClock.Instant

    package init(_ frame: DecodedFrame, number: Int, time: Double, arrival: ContinuousClock.Instant) {
        self.frame = frame
        self.number = number
        self.time = time
        self.arrival = arrival
    }
}

/// What a running source tells besides its frames. None of these ends it.
package enum LiveNotice: Sendable, Equatable {
    /// The connection or device is gone; the source waits and tries again.
    case reconnecting(attempt: Int, reason: String)
    case reconnected
    /// A damaged frame or packet was left out.
    case corrupt(reason: String)
    /// Something was passed over that does not keep frames from being shown; told once.
    case remark(String)
    /// Frames from here on have another size.
    case resized(width: Int, height: Int)
}

package enum LiveEvent: Sendable {
    case frame(LiveFrame)
    case notice(LiveNotice)
}

/// What a source is, for people.
package struct LiveDescription: Sendable, Equatable {
    /// As it was asked for: a path, an address, `/dev/video0`.
    package let name: String
    package let width: Int
    package let height: Int
    /// Frames a second as the source states them; nil when it does not.
    package let frameRate: Double?
    /// Codec or pixel format: `h264`, `mjpeg`, `yuyv422`.
    package let format: String

    package init(name: String, width: Int, height: Int, frameRate: Double?, format: String) {
        self.name = name
        self.width = width
        self.height = height
        self.frameRate = frameRate
        self.format = format
    }
}

/// Frames as they come: a camera, a stream, a file played at its own rate.
package protocol LiveSource: AnyObject, Sendable {
    var description: LiveDescription { get }

    /// The next event, waited for; nil behind the last frame and after `stop`. Called from one thread at a time.
    func next() throws -> LiveEvent?

    /// Lets `next` return nil soon, from any thread.
    func stop()
}
