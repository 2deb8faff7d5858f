import PerceptFrame

/// How far a stream has come with its frames, whatever device it is on.
package struct StreamProgress: Sendable {
    package private(set) var encoded = 0
    /// Frames that were taken and lost by a failure.
    package private(set) var abandoned = 0
    /// Frames that were taken and not encoded yet, the oldest first: those that the slots are too small for, and those
    /// that a lost device had.
    var waiting: [WaitingFrame] = []
    /// Number of the frame that comes after the last one taken.
    private var nextNumber = 0

    package init() {}

    /// Notes that a frame was taken.
    ///
    /// - Returns: how many before it were not.
    mutating func take(_ frame: WaitingFrame) -> Int {
        defer { nextNumber = max(frame.live.number + 1, nextNumber) }
        return max(frame.live.number - nextNumber, 0)
    }

    mutating func noteEncoded() { encoded += 1 }

    /// Gives up the frames that were taken.
    package mutating func abandonWaiting() {
        abandoned += waiting.count
        waiting = []
    }
}
