import CPerceptMedia
package import PerceptFrame

/// A video's frames, by index in order of presentation.
///
/// Opening it reads the file once through to count the frames exactly. Asking for frames in ascending order is
/// cheapest; nothing but the current frame is held. A reader belongs to the thread that uses it.
///
/// Damage that the decoder reports in a frame asked for is an error, and so is an MP4 or QuickTime file that holds fewer
/// frames than its index says. Other containers do not state how long they are: of a truncated one the frames before
/// the cut are used.
package final class VideoReader: FrameReader {
    package let path: String
    /// Frames that decoding the whole file delivers.
    package let frameCount: Int
    /// Frames per second as the file states them; 0 when it does not.
    package let frameRate: Double

    /// The presentation time of each frame, ascending; nil when the file's times do not tell frames apart, so that
    /// only counting while decoding finds one.
    private let times: [Int64]?
    /// Presentation times of the key frames, ascending.
    private let keyTimes: [Int64]
    private var cursor: Cursor

    /// A place in the stream of decoded frames.
    private final class Cursor {
        let container: Container
        let decoder: Decoder
        var isDraining = false
        /// Index of the frame that comes next; unknown after a seek, until a frame tells by its time.
        var next: Int? = 0

        init(_ path: String) throws(MediaError.Fault) {
            container = try Container(ByteSource(path: path))
            decoder = try Decoder(stream: container.stream)
        }

        /// The next decoded frame, nil at the end.
        func advance() throws(MediaError.Fault) -> Picture? {
            while true {
                if let picture = try decoder.receive() { return picture }
                if isDraining { return nil }
                if let packet = try container.nextPacket() {
                    try decoder.send(packet)
                } else {
                    isDraining = true
                    try decoder.send(nil)
                }
            }
        }
    }

    package init(_ path: String) throws(MediaError) {
        self.path = path
        do throws(MediaError.Fault) {
            let container = try Container(ByteSource(path: path))
            let rate = container.stream.pointee.avg_frame_rate
            frameRate = rate.den > 0 ? Double(rate.num) / Double(rate.den) : 0
            let index = try PacketIndex(container)
            times = index.times
            keyTimes = index.keyTimes
            var cursor = try Cursor(path)
            if let times = index.times {
                frameCount = times.count
            } else {
                var count = 0
                while try cursor.advance() != nil { count += 1 }
                frameCount = count
                cursor = try Cursor(path)
            }
            guard frameCount > 0 else { throw .corrupt("a video without a frame") }
            self.cursor = cursor
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
            return try DecodedFrame(picture(at: index), orientation: cursor.container.orientation)
        } catch {
            throw MediaError(file: path, fault: error)
        }
    }

    private func picture(at index: Int) throws(MediaError.Fault) -> Picture {
        guard let times else {
            if cursor.next.map({ $0 > index }) ?? true { cursor = try Cursor(path) }
            return try skip(to: index)
        }
        if let next = cursor.next, next <= index, !isKeyFrameBetween(next, index) { return try skip(to: index) }
        if cursor.container.seek(to: times[index]) {
            cursor.decoder.flush()
            cursor.isDraining = false
            cursor.next = nil
            while let picture = try cursor.advance() {
                let time = picture.frame.pointee.best_effort_timestamp
                if time > times[index] { break }
                guard time == times[index] else { continue }
                cursor.next = index + 1
                return try whole(picture, index)
            }
        }
        // The demuxer's seek went astray: decode from the start.
        cursor = try Cursor(path)
        return try skip(to: index)
    }

    /// True when decoding can start closer to frame `index` than at frame `next`.
    private func isKeyFrameBetween(_ next: Int, _ index: Int) -> Bool {
        guard let times else { return false }
        return keyTimes.contains { $0 > times[next] && $0 <= times[index] }
    }

    private func skip(to index: Int) throws(MediaError.Fault) -> Picture {
        while let picture = try cursor.advance() {
            let current = cursor.next ?? 0
            cursor.next = current + 1
            if current == index { return try whole(picture, index) }
        }
        throw .corrupt("frame \(index) of \(frameCount) could not be decoded")
    }

    private func whole(_ picture: Picture, _ index: Int) throws(MediaError.Fault) -> Picture {
        guard picture.isWhole else { throw .corrupt("frame \(index) is damaged") }
        return picture
    }
}
