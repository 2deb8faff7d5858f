/// Which frames of a video a language model sees (perception_models: core/transforms/video_transform.py).
package enum VideoFrames {
    /// Indices of at most `limit` frames, ascending.
    ///
    /// One frame a second where that makes more than `limit`, thinned out evenly; else frames spread evenly over all,
    /// which are not a second apart. Three things that the reference fails on are settled here: fewer than one frame in
    /// two seconds are taken one by one, what is asked for behind the end ends with the last frame, and a limit of one
    /// gives the middle.
    ///
    /// - Parameters:
    ///   - count: frames of the video.
    ///   - fps: average frames a second.
    ///   - start: where to begin, in seconds; nil for the beginning.
    ///   - end: where to end, in seconds; nil for the end.
    package static func indices(
        count: Int, fps: Double, start: Double? = nil, end: Double? = nil, limit: Int
    ) throws(PLMInputError) -> [Int] {
        guard count > 0 else { throw .noFrames }
        precondition(limit > 0)
        var first = try start.map { seconds throws(PLMInputError) in try frame(seconds, fps, count) } ?? 0
        var last = try end.map { seconds throws(PLMInputError) in try frame(seconds, fps, count) } ?? count - 1
        if first > last { swap(&first, &last) }
        if first == last { last = min(first + 1, count - 1) }
        guard limit > 1 else { return [(first + last) / 2] }
        guard first < last else { return [first] }

        let stride = fps.isFinite ? Int(min(max(fps.rounded(.toNearestOrEven), 1), Double(count))) : 1
        let candidates = Array(Swift.stride(from: first, through: last, by: stride))
        if candidates.count > limit {
            return spread(over: candidates.count - 1, limit).map { candidates[$0] }
        }
        if candidates.count == limit { return candidates }
        return spread(over: last - first, min(limit, last - first + 1)).map { first + $0 }
    }

    /// `count` numbers, at least two, evenly from 0 to `last`, halves rounded to even.
    private static func spread(over last: Int, _ count: Int) -> [Int] {
        (0..<count).map { Int((Double($0 * last) / Double(count - 1)).rounded(.toNearestOrEven)) }
    }

    /// The frame at a time, within the video.
    private static func frame(_ seconds: Double, _ fps: Double, _ count: Int) throws(PLMInputError) -> Int {
        guard fps.isFinite, fps > 0 else { throw .unknownFrameRate(fps) }
        guard seconds.isFinite else { throw .faultyTime(seconds: seconds) }
        return Int(min(max(seconds * fps, 0), Double(count - 1)))
    }
}
