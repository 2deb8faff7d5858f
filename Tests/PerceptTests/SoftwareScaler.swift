import CPerceptMedia
import PerceptFrame

/// FFmpeg's own conversion to RGB, at its most exact: accurate rounding, and chroma brought to full size by bilinear
/// interpolation from where its samples lie.
///
/// It goes to planes of G, B and R. On the way to packed RGB, libswscale replaces the vertical interpolation of a picture
/// that keeps its height by the nearer row or the mean of two (libswscale: output.c, `yuv2rgb_full_1_c_template`), which
/// moves chroma down by half a row of luma.
enum SoftwareScaler {
    struct Failure: Error {
        let step: String
    }

    /// R, G and B of every pixel, row by row.
    static func rgb(_ frame: DecodedFrame) throws -> [UInt8] {
        guard let format = format(frame.layout), let scaler = sws_alloc_context() else { throw Failure(step: "format") }
        defer { sws_freeContext(scaler) }
        let flags = SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_BILINEAR
        let sides = (Int64(frame.width), Int64(frame.height))
        // Vertically chroma lies between the rows where there are fewer rows of it.
        let isHalfHigh = frame.layout == .yuv420p || frame.layout == .nv12
        let options: [(String, Int64)] = [
            ("srcw", sides.0), ("srch", sides.1), ("dstw", sides.0), ("dsth", sides.1),
            ("src_format", Int64(format.rawValue)), ("dst_format", Int64(AV_PIX_FMT_GBRP.rawValue)),
            ("sws_flags", Int64(flags)), ("src_h_chr_pos", frame.chromaSiting == .left ? 0 : 128),
            ("src_v_chr_pos", isHalfHigh ? 128 : -513),
        ]
        for (name, value) in options where av_opt_set_int(UnsafeMutableRawPointer(scaler), name, value, 0) < 0 {
            throw Failure(step: name)
        }
        let space = frame.colorMatrix == .bt709 ? SWS_CS_ITU709 : SWS_CS_ITU601
        let matrix = sws_getCoefficients(Int32(space))
        guard
            sws_setColorspaceDetails(scaler, matrix, frame.fullRange ? 1 : 0, matrix, 1, 0, 1 << 16, 1 << 16) >= 0,
            sws_init_context(scaler, nil, nil) >= 0
        else { throw Failure(step: "colours") }
        // FFmpeg writes beyond rows that are no multiple of its vectors.
        let rowBytes = (frame.width + 63) / 64 * 64 + 64
        let planeBytes = rowBytes * frame.height
        var result = [UInt8](repeating: 0, count: 3 * planeBytes)
        var planes: [UnsafePointer<UInt8>?] = []
        // The frame outlives the call, and its planes lie still.
        for index in frame.planes.indices {
            frame.withUnsafeBytes(ofPlane: index) {
                planes.append($0.baseAddress?.assumingMemoryBound(to: UInt8.self))
            }
        }
        planes += Array(repeating: nil, count: 4 - planes.count)
        var strides = frame.planes.map { Int32($0.rowBytes) }
        strides += Array(repeating: 0, count: 4 - strides.count)
        let rows = withExtendedLifetime(frame) {
            result.withUnsafeMutableBufferPointer { target in
                let start = target.baseAddress
                var targets = [start, start.map { $0 + planeBytes }, start.map { $0 + 2 * planeBytes }, nil]
                let targetStrides = [Int32](repeating: Int32(rowBytes), count: 3) + [0]
                return sws_scale(scaler, planes, strides, 0, Int32(frame.height), &targets, targetStrides)
            }
        }
        guard rows == frame.height else { throw Failure(step: "scaling") }
        return (0..<3 * frame.width * frame.height).map { index in
            let (x, y) = (index / 3 % frame.width, index / 3 / frame.width)
            // Planes are in the order G, B, R.
            return result[(index % 3 + 2) % 3 * planeBytes + y * rowBytes + x]
        }
    }

    private static func format(_ layout: DecodedFrame.Layout) -> AVPixelFormat? {
        switch layout {
        case .yuv420p: AV_PIX_FMT_YUV420P
        case .yuv422p: AV_PIX_FMT_YUV422P
        case .yuv444p: AV_PIX_FMT_YUV444P
        case .nv12: AV_PIX_FMT_NV12
        case .yuyv422: AV_PIX_FMT_YUYV422
        case .rgb8: AV_PIX_FMT_RGB24
        default: nil
        }
    }
}
