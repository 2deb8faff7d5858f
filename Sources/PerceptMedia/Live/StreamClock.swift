import CPerceptMedia

/// Seconds since a stream's first time stamp, which never go back.
///
/// Streams that were put together, wrapped around or started anew jump; such a jump counts as one frame.
struct StreamClock {
    /// Seconds forward that a container with unreliable times is trusted with, as FFmpeg's own programs do.
    private static let longestGap = 10.0

    private let secondsPerUnit: Double
    /// Seconds from frame to frame.
    private let step: Double
    private let mayJump: Bool
    private var origin: Int64?
    private var shift = 0.0
    private var last: Double?

    /// - Parameters:
    ///   - mayJump: whether the container's times may have gaps that nobody meant.
    ///   - start: the time of the first stamp.
    init(timeBase: AVRational, frameRate: Double?, mayJump: Bool, start: Double = 0) {
        secondsPerUnit = Double(timeBase.num) / Double(timeBase.den)
        step = frameRate.map { 1 / $0 } ?? 1.0 / 25
        self.mayJump = mayJump
        shift = start
    }

    /// The time of a stamp; of none, one frame behind the last.
    mutating func seconds(_ stamp: Int64) -> Double {
        guard stamp != percept_no_timestamp() else { return advance(to: (last ?? shift - step) + step) }
        let first = origin ?? stamp
        origin = first
        let time = Double(stamp - first) * secondsPerUnit + shift
        if let last, time < last || mayJump && time > last + Self.longestGap {
            shift += last + step - time
            return advance(to: last + step)
        }
        return advance(to: time)
    }

    private mutating func advance(to time: Double) -> Double {
        last = time
        return time
    }
}
