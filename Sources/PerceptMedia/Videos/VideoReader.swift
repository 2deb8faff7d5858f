import CPerceptMedia
package import PerceptFrame

/// A video's frames, by index in order of presentation.
///
/// Opening it reads the file once through to count the frames exactly. Asking for frames in ascending order is
/// cheapest; nothing but the current frame is held. A reader belongs to the thread that uses it.
///
/// Damage costs the frames that it is in: they are left out, and `notes` tells how many; frames that build on them are used
/// as players show them. A file of which less than half can be used is refused. Where the container does not tell of damage,
/// and frames are found by their times without decoding the rest, damage shows only when a frame is asked for: then a
/// whole one beside it takes its place, which is none that builds on damage, since its samples would depend on where
/// decoding began.
package final class VideoReader: ClipReader {
    package let path: String
    /// Frames that decoding the whole file delivers, damaged ones left out.
    package let frameCount: Int
    /// Frames per second as the file states them; 0 when it does not.
    package let frameRate: Double
    /// What does not stop the file from being used; more may come of frames that are asked for.
    package private(set) var notes: [String] = []

    /// How frames are found.
    private enum Plan {
        /// Frames by their presentation times, ascending, with those of the key frames.
        case times([Int64], keys: [Int64])
        /// Frames by their numbers among those that the decoder delivers, which are counted from the start.
        case numbers([Int])
    }

    /// Frames around a damaged one among which a whole one is looked for.
    private static let reach = 250

    private let plan: Plan
    /// Whether one thread decodes, since there is damage.
    private var isCareful = false
    private var cursor: FrameCursor
    /// What the cursor delivers next, where frames are found by their numbers.
    private var next = 0
    /// The time of what the cursor delivered last, where frames are found by their times.
    private var last: Int64?

    package init(_ path: String) throws(MediaError) {
        self.path = path
        do throws(MediaError.Fault) {
            let source = try ByteSource(path: path)
            let container = try Container(source)
            let rate = container.stream.pointee.avg_frame_rate
            frameRate = rate.den > 0 ? Double(rate.num) / Double(rate.den) : 0
            let index = try PacketIndex(container)
            if let times = index.times, !times.isEmpty {
                plan = .times(times, keys: index.keyTimes)
                frameCount = times.count
                cursor = try FrameCursor(path)
            } else {
                isCareful = !index.isWhole
                var survey = try FrameSurvey(path, isCareful: isCareful)
                if !isCareful && !survey.isWhole {
                    isCareful = true
                    survey = try FrameSurvey(path, isCareful: true)
                }
                if let note = try survey.note(missing: index.missing) { notes.append(note) }
                if survey.isMended { notes.append(MotionJPEG.remark) }
                plan = .numbers(survey.whole)
                frameCount = survey.whole.count
                cursor = try FrameCursor(path, isCareful: isCareful)
            }
            if let note = source.note { notes.append(note) }
        } catch {
            throw MediaError(file: path, fault: error)
        }
    }

    /// Decodes one frame.
    ///
    /// - Parameter index: from 0 to below `frameCount`.
    package func frame(at index: Int) throws(MediaError) -> DecodedFrame {
        precondition((0..<frameCount).contains(index), "frame \(index) of \(frameCount)")
        do throws(MediaError.Fault) {
            let picture =
                switch plan {
                case .times(let times, let keys): try picture(at: index, times, keys)
                case .numbers(let numbers): try picture(number: numbers[index], index)
                }
            if cursor.isMended, !notes.contains(MotionJPEG.remark) { notes.append(MotionJPEG.remark) }
            return try DecodedFrame(picture, orientation: cursor.container.orientation)
        } catch {
            throw MediaError(file: path, fault: error)
        }
    }

    private func picture(number: Int, _ index: Int) throws(MediaError.Fault) -> Picture {
        if next > number {
            cursor = try FrameCursor(path, isCareful: isCareful)
            next = 0
        }
        while let frame = try cursor.advance() {
            next += 1
            guard next > number else { continue }
            guard frame.isWhole else { break }
            return frame.picture
        }
        throw .corrupt("frame \(index) of \(frameCount) could not be decoded")
    }

    private func picture(at index: Int, _ times: [Int64], _ keys: [Int64]) throws(MediaError.Fault) -> Picture {
        let wanted = times[index]
        let isNear = last.map { last in last < wanted && !keys.contains { $0 > last && $0 <= wanted } } ?? false
        var finding = Finding.astray
        if isNear || cursor.seek(to: wanted) {
            if !isNear { last = nil }
            finding = try find(wanted)
        }
        // With several threads it is a matter of chance which frames the decoder calls damaged.
        if cursor.hasErrors, !isCareful {
            isCareful = true
            cursor = try FrameCursor(path, isCareful: true)
            last = nil
            finding = cursor.seek(to: wanted) ? try find(wanted) : .astray
        }
        if case .astray = finding {
            // The demuxer's seek led elsewhere: decode from the start.
            cursor = try FrameCursor(path, isCareful: isCareful)
            last = nil
            finding = try find(wanted)
        }
        switch finding {
        case .whole(let picture): return picture
        case .damaged(let behind): return try substitute(for: index, times, behind)
        case .astray: return try substitute(for: index, times, nil)
        }
    }

    private enum Finding {
        case whole(Picture)
        /// It is not whole, or none came of it; the frame that came instead.
        case damaged(FrameCursor.Frame?)
        /// The first frame was a later one.
        case astray
    }

    private func find(_ time: Int64) throws(MediaError.Fault) -> Finding {
        while let frame = try cursor.advance() {
            let isFirst = last == nil
            last = frame.time
            if frame.time < time { continue }
            if frame.time == time { return frame.isUsable ? .whole(frame.picture) : .damaged(nil) }
            return isFirst ? .astray : .damaged(frame)
        }
        return last == nil ? .astray : .damaged(nil)
    }

    /// The next whole frame behind a damaged one, or else the last before it.
    ///
    /// - Parameter behind: the frame that the cursor has just delivered, if it is one behind.
    private func substitute(
        for index: Int, _ times: [Int64], _ behind: FrameCursor.Frame?
    ) throws(MediaError.Fault) -> Picture {
        let limit = times[min(index + Self.reach, times.count - 1)]
        var next = behind
        if next == nil { next = try cursor.advance() }
        while let frame = next, frame.time <= limit {
            last = frame.time
            if frame.isUsable, frame.time > times[index] { return note(frame, index, times) }
            next = try cursor.advance()
        }
        var found: FrameCursor.Frame?
        let first = times[max(index - Self.reach, 0)]
        if !cursor.seek(to: first) { cursor = try FrameCursor(path, isCareful: isCareful) }
        while let frame = try cursor.advance(), frame.time < times[index] {
            if frame.isUsable, frame.time >= first { found = frame }
        }
        // The cursor stands at another place than the frame that was found.
        last = .max
        guard let found else {
            throw cursor.firstFault ?? .corrupt("frame \(index) is damaged, and so are those around it")
        }
        return note(found, index, times)
    }

    private func note(_ frame: FrameCursor.Frame, _ index: Int, _ times: [Int64]) -> Picture {
        let place = times.firstIndex(of: frame.time).map { "frame \($0)" } ?? "another"
        notes.append("frame \(index) of \(frameCount) is damaged; \(place) stands in its place")
        return frame.picture
    }
}

extension FrameCursor.Frame {
    fileprivate var isUsable: Bool { isWhole && !buildsOnDamage }
}
