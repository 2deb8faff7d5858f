package import PerceptFiles

/// What can be wrong with what a language model is asked.
package enum PLMInputError: Error, Hashable, Sendable {
    /// A video without a frame.
    case noFrames
    /// A time is asked for in a video of which the frame rate is not known.
    case unknownFrameRate(Double)
    /// A time that is not a number.
    case faultyTime(seconds: Double)
    /// The text asks for a box that was not given.
    case missingBox(index: Int, given: Int)
    /// A box with a coordinate that is not a number, or in an image without size.
    case faultyBox(index: Int)
}

extension PLMInputError: KnownFault {
    package var kind: FaultKind { .usage }
}

extension PLMInputError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .noFrames: "the video has no frames"
        case .unknownFrameRate(let fps): "a time in seconds is of no use at \(fps) frames a second"
        case .faultyTime(let seconds): "\(seconds) is no time in seconds"
        case .missingBox(let index, let given): "the text asks for box \(index), \(given) are given"
        case .faultyBox(let index): "box \(index) is no box in an image"
        }
    }
}
