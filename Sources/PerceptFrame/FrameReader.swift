/// A video's frames, by index in order of presentation. A reader belongs to the thread that uses it.
package protocol FrameReader: AnyObject {
    /// Decodes one frame.
    func frame(at index: Int) throws -> DecodedFrame

    /// What does not stop the video from being used; more may come of frames that are asked for.
    var notes: [String] { get }
}

extension FrameReader {
    package var notes: [String] { [] }
}

/// Which frames stand for a video.
package enum SampledFrames {
    /// The indices the reference samples: `count` of them from first to last frame, rounded down; the middle frame
    /// when `count` is 1 (perception_models: apps/pe).
    package static func indices(frameCount: Int, count: Int) -> [Int] {
        count == 1 ? [frameCount / 2] : (0..<count).map { $0 * (frameCount - 1) / (count - 1) }
    }
}
