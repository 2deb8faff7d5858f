import CPerceptMedia
import PerceptFrame

/// An `AVFrame` and what it holds.
///
/// `@unchecked Sendable` because a picture is written only by the function that makes it, before anyone else
/// sees it, and FFmpeg's reference counts are atomic.
final class Picture: @unchecked Sendable {
    let frame: UnsafeMutablePointer<AVFrame>

    /// An empty frame for a decoder to fill.
    init() throws(MediaError.Fault) {
        guard let frame = av_frame_alloc() else { throw .unreadable("out of memory") }
        self.frame = frame
    }

    /// Room for pixels of a format with the colour properties of another picture.
    convenience init(_ format: AVPixelFormat, like other: Picture) throws(MediaError.Fault) {
        try self.init(format, width: other.width, height: other.height)
        av_frame_copy_props(frame, other.frame)
    }

    /// Room for `width` x `height` pixels of any value.
    init(_ format: AVPixelFormat, width: Int, height: Int) throws(MediaError.Fault) {
        guard let frame = av_frame_alloc() else { throw .unreadable("out of memory") }
        self.frame = frame
        frame.pointee.format = format.rawValue
        frame.pointee.width = Int32(width)
        frame.pointee.height = Int32(height)
        let result = av_frame_get_buffer(frame, 0)
        guard result >= 0 else { throw .init(result, "allocating \(width) x \(height) pixels") }
    }

    deinit {
        var frame: UnsafeMutablePointer<AVFrame>? = frame
        av_frame_free(&frame)
    }

    var width: Int { Int(frame.pointee.width) }
    var height: Int { Int(frame.pointee.height) }
    var format: AVPixelFormat { AVPixelFormat(frame.pointee.format) }

    func rowBytes(_ plane: Int) -> Int { Int(percept_frame_linesize(frame, Int32(plane))) }
    func plane(_ index: Int) -> UnsafeMutablePointer<UInt8> { percept_frame_data(frame, Int32(index)) }
    func row(_ y: Int, plane index: Int = 0) -> UnsafeMutablePointer<UInt8> { plane(index) + y * rowBytes(index) }
}

extension Picture {
    /// Takes the pixels of another picture, turned upright. Both are planar 4:2:0 of even sides, which the EXIF
    /// orientations 5 to 8 exchange.
    func setUpright(_ coded: Picture, orientation: Int) {
        for plane in 0..<3 {
            let shift = plane == 0 ? 0 : 1
            let stride = coded.rowBytes(plane)
            let (right, bottom) = (coded.width >> shift - 1, coded.height >> shift - 1)
            let mirrorsColumns = [2, 3, 7, 8].contains(orientation)
            let mirrorsRows = [3, 4, 6, 7].contains(orientation)
            let origin = (mirrorsColumns ? right : 0) + (mirrorsRows ? bottom * stride : 0)
            let steps = (column: mirrorsColumns ? -1 : 1, row: mirrorsRows ? -stride : stride)
            let (across, down) = orientation < 5 ? (steps.column, steps.row) : (steps.row, steps.column)
            for y in 0..<height >> shift {
                let target = row(y, plane: plane)
                var source = coded.plane(plane) + origin + y * down
                for x in 0..<width >> shift {
                    target[x] = source.pointee
                    source += across
                }
            }
        }
    }
}

extension Picture: FrameStorage {
    func rowBytes(ofPlane index: Int) -> Int { rowBytes(index) }

    func withUnsafeStart<Result, Failure>(
        ofPlane index: Int, _ body: (UnsafeRawPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try withExtendedLifetime(self) { () throws(Failure) in try body(plane(index)) }
    }
}
