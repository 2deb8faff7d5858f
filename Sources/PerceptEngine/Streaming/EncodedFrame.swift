package import PerceptFrame

/// A frame that a device has encoded.
package struct EncodedFrame: Sendable {
    package let live: LiveFrame
    /// Frames between the one before and this one that were not encoded.
    package let dropped: Int
    /// Unit vector [E].
    package let embedding: [Float]
    /// Tokens [N, D] of the last block, where they are wanted.
    package let tokens: [Float]?
    package let moments: FrameMoments
}

/// The moments of a frame's way, in their order.
package struct FrameMoments: Sendable {
    /// It was decoded, and put where the device's thread finds it.
    package let decoded: ContinuousClock.Instant
    /// The device's thread took it.
    package let taken: ContinuousClock.Instant
    /// Its pixels were where kernels read them, and the commands with the device.
    package let submitted: ContinuousClock.Instant
    /// The device began with it: when it was submitted, or when the frame before was done.
    package let started: ContinuousClock.Instant
    /// The device was done.
    package let encoded: ContinuousClock.Instant
    /// Its embedding was in the host's memory.
    package let read: ContinuousClock.Instant
    /// From the first to the last kernel; nil on devices without timestamps.
    package let device: Duration?
}

/// What a pipeline hands on.
package enum FrameDelivery: Sendable {
    case frame(EncodedFrame)
    case notice(LiveNotice)
}
