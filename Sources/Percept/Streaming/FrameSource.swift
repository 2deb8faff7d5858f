import PerceptFiles
package import PerceptFrame

/// Frames as they come: a camera, a stream of the network, a file played at its own rate.
///
/// A source is opened once and watched once.
public struct FrameSource: Sendable {
    package let live: any LiveSource

    package init(_ live: any LiveSource) { self.live = live }

    /// Lets go of the device or connection, for a source that is not watched after all.
    public func close() { live.stop() }

    /// As it was asked for: a path, an address, a device.
    public var name: String { FileName.shown(live.description.name) }
    /// Pixels of a row when it was opened; 0 where only the first frame tells. Later frames may have another size.
    public var width: Int { live.description.width }
    /// Rows when it was opened; 0 where only the first frame tells.
    public var height: Int { live.description.height }
    /// Frames a second, as the source says; nil where it does not.
    public var frameRate: Double? { live.description.frameRate }
    /// Codec or pixel format: `h264`, `mjpeg`, `yuyv422`.
    public var format: String { live.description.format }
}

/// What a running source tells besides its frames. None of these ends it.
public enum SourceNotice: Sendable, Equatable {
    /// The connection or device is gone; the source waits and tries again.
    case reconnecting(attempt: Int, reason: String)
    /// It is back.
    case reconnected
    /// A damaged frame or packet was left out.
    case corrupt(reason: String)
    /// Something was passed over that does not keep frames from being shown; told once.
    case remark(String)
    /// Frames from here on have another size, in pixels.
    case resized(width: Int, height: Int)

    init(_ notice: LiveNotice) {
        switch notice {
        case .reconnecting(let attempt, let reason): self = .reconnecting(attempt: attempt, reason: reason)
        case .reconnected: self = .reconnected
        case .corrupt(let reason): self = .corrupt(reason: reason)
        case .remark(let text): self = .remark(text)
        case .resized(let width, let height): self = .resized(width: width, height: height)
        }
    }
}
