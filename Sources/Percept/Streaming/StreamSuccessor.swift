/// What a stream goes on with when its device was lost: a driver that was reset or replaced, a card that went away.
///
/// See ``StreamOptions/reopen``.
public struct StreamSuccessor: Sendable {
    /// On a device that was opened after the loss; the same model.
    public let encoder: PerceptionEncoder
    /// The schedule with a language model that was opened after the loss, where there was one.
    public let captions: CaptionSchedule?

    public init(_ encoder: PerceptionEncoder, captions: CaptionSchedule? = nil) {
        self.encoder = encoder
        self.captions = captions
    }
}

/// What became of the device that a stream is on.
public enum DeviceNotice: Sendable, Equatable {
    /// It is gone; it is opened anew, and labels go on when it is there.
    case lost(reason: String)
    /// Opening it failed, and will be tried again.
    case absent(attempt: Int, reason: String)
    /// Frames are encoded again.
    case reopened(name: String)
}

/// How often a stream goes on behind a lost device.
package struct DeviceLosses {
    /// A model that a driver cannot run would otherwise bring the device down again and again, and the desktop with it.
    static let mostInAMinute = 3
    /// Seconds before each attempt to open it; drivers take some for a reset.
    static let waits = [0.0, 1, 2, 4, 8]

    private var moments: [ContinuousClock.Instant] = []

    package init() {}

    /// Notes a loss.
    ///
    /// - Returns: whether the device is worth being opened again.
    package mutating func add(at moment: ContinuousClock.Instant = .now) -> Bool {
        moments.removeAll { moment - $0 > .seconds(60) }
        moments.append(moment)
        return moments.count <= Self.mostInAMinute
    }
}
