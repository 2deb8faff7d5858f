import CPerceptMedia
package import PerceptFiles
package import PerceptFrame

/// Writes frames as an MP4 file of H.264, or of MPEG-4 where FFmpeg has no encoder for that. The file appears under its
/// name only when complete.
///
/// It is written in fragments of a second, each with an index of its own: what a process that was killed leaves under the
/// name with `.partial` can be read up to the last of them.
///
/// All pictures get the size of the first, rounded down to even numbers. They are stored upright, whatever the
/// orientation of the frames, rather than with a tag to turn them by: pixels are encoded anew in any case, letters are
/// drawn for whoever looks, and many a program that reads videos knows nothing of the tag. A writer belongs to the thread
/// that uses it.
package final class VideoWriter {
    package let path: String
    private let output: Output
    private var format: UnsafeMutablePointer<AVFormatContext>?
    private var codec: UnsafeMutablePointer<AVCodecContext>?
    private var packet = av_packet_alloc()
    private var stream: UnsafeMutablePointer<AVStream>?
    private var scaler: OpaquePointer?
    private var picture: Picture?
    /// A frame in the size of `picture` before it is turned upright.
    private var lying: Picture?
    private var lastTime: Int64 = -1
    /// From the frame before to the last, in the clock's steps.
    private var lastStep: Int64 = 1

    /// Frames have times of their own, in steps of a millisecond: MPEG-4 knows no finer clock than 1/65535 s.
    private static let clock = AVRational(num: 1, den: 1000)

    /// Where the bytes go, and what went wrong there.
    private final class Output {
        var file: NewFile
        var fault: OutputError?

        init(_ path: String) throws(OutputError) { file = try NewFile(path: path, as: .recording) }

        func write(_ bytes: UnsafeRawBufferPointer) -> Int32 {
            do throws(OutputError) {
                try file.write(bytes)
                return Int32(bytes.count)
            } catch {
                fault = fault ?? error
                return percept_averror(EIO)
            }
        }
    }

    package init(_ path: String) throws(OutputError) {
        self.path = path
        output = try Output(path)
    }

    /// Where a recording that an earlier run did not finish is now, if this one took its name.
    package var keptAside: String? { output.file.keptAside }

    deinit {
        if let scaler { sws_freeContext(scaler) }
        avcodec_free_context(&codec)
        av_packet_free(&packet)
        if let io = format?.pointee.pb {
            av_free(io.pointee.buffer)
            avio_context_free(&format!.pointee.pb)
        }
        avformat_free_context(format)
    }

    /// Appends a frame.
    ///
    /// - Parameters:
    ///   - seconds: when it is shown; later than the frame before.
    ///   - draw: draws over it, upright.
    package func write(
        _ frame: DecodedFrame, at seconds: Double, _ draw: (VideoCanvas) -> Void
    ) throws {
        do throws(MediaError.Fault) {
            percept_clear_message()
            if codec == nil { try open(width: frame.uprightWidth & ~1, height: frame.uprightHeight & ~1) }
            guard let codec, let picture else { throw .unreadable("no encoder") }
            // The encoder may still hold what it was given.
            guard av_frame_make_writable(picture.frame) >= 0 else { throw .unreadable("out of memory") }
            try place(frame, in: picture)
            draw(VideoCanvas(picture))
            let time = max(Int64((seconds * 1000).rounded()), lastTime + 1)
            lastStep = max(time - lastTime, 1)
            lastTime = time
            picture.frame.pointee.pts = time
            try check(avcodec_send_frame(codec, picture.frame), "encoding")
            try drain()
        } catch {
            throw problem(error)
        }
    }

    /// Completes the file; without a frame there is none.
    ///
    /// - Throws: `OutputError` where the file cannot be written, `MediaError` where the pictures cannot be encoded.
    package func finish() throws {
        do throws(MediaError.Fault) {
            guard let codec, let format else { throw .unreadable("no frame was written") }
            try check(avcodec_send_frame(codec, nil), "encoding")
            try drain()
            try check(av_write_trailer(format), "writing")
            avio_flush(format.pointee.pb)
            try check(format.pointee.pb.pointee.error, "writing")
        } catch {
            throw problem(error)
        }
        try output.file.commit()
    }

    /// What was wrong: where the bytes go, or else with the pictures.
    private func problem(_ fault: MediaError.Fault) -> any Error {
        output.fault ?? MediaError(file: path, fault: fault)
    }

    private func open(width: Int, height: Int) throws(MediaError.Fault) {
        percept_capture_log()
        guard width > 0, height > 0 else { throw .unsupported("a video of \(width) x \(height) pixels") }
        try check(avformat_alloc_output_context2(&format, nil, "mp4", nil), "opening")
        let encoder = avcodec_find_encoder(AV_CODEC_ID_H264) ?? avcodec_find_encoder(AV_CODEC_ID_MPEG4)
        guard let format, let encoder else { throw .unsupported("FFmpeg was built without an encoder for MP4") }
        codec = avcodec_alloc_context3(encoder)
        stream = avformat_new_stream(format, nil)
        guard let codec, let stream else { throw .unreadable("out of memory") }
        codec.pointee.width = Int32(width)
        codec.pointee.height = Int32(height)
        codec.pointee.pix_fmt = AV_PIX_FMT_YUV420P
        codec.pointee.time_base = Self.clock
        codec.pointee.color_range = AVCOL_RANGE_MPEG
        codec.pointee.colorspace = AVCOL_SPC_SMPTE170M
        // The processor has better things to do: quality for size, not for speed.
        codec.pointee.thread_count = 1
        if encoder.pointee.id == AV_CODEC_ID_H264 {
            av_opt_set(codec.pointee.priv_data, "preset", "veryfast", 0)
            av_opt_set(codec.pointee.priv_data, "crf", "23", 0)
        } else {
            codec.pointee.flags |= Int32(AV_CODEC_FLAG_QSCALE)
            codec.pointee.global_quality = 4 * Int32(FF_QP2LAMBDA)
        }
        if format.pointee.oformat.pointee.flags & Int32(AVFMT_GLOBALHEADER) != 0 {
            codec.pointee.flags |= Int32(AV_CODEC_FLAG_GLOBAL_HEADER)
        }
        try check(avcodec_open2(codec, encoder, nil), "opening the encoder")
        try check(avcodec_parameters_from_context(stream.pointee.codecpar, codec), "opening the encoder")
        stream.pointee.time_base = Self.clock
        format.pointee.pb = percept_open_output(Unmanaged.passUnretained(output).toOpaque()) { output, bytes, count in
            let output = Unmanaged<Output>.fromOpaque(output!).takeUnretainedValue()
            return output.write(UnsafeRawBufferPointer(start: bytes, count: Int(count)))
        }
        guard format.pointee.pb != nil else { throw .unreadable("out of memory") }
        format.pointee.flags |= AVFMT_FLAG_FLUSH_PACKETS
        var options: OpaquePointer?
        defer { av_dict_free(&options) }
        // The first index waits for the first fragment, since only that tells by how much pictures are reordered.
        av_dict_set(&options, "movflags", "delay_moov+default_base_moof", 0)
        av_dict_set(&options, "frag_duration", "1000000", 0)
        try check(avformat_write_header(format, &options), "writing")
        picture = try Picture(AV_PIX_FMT_YUV420P, width: width, height: height)
    }

    private func place(_ frame: DecodedFrame, in picture: Picture) throws(MediaError.Fault) {
        guard frame.orientation != 1 else { return try convert(frame, into: picture) }
        let (width, height) =
            frame.orientation < 5 ? (picture.width, picture.height) : (picture.height, picture.width)
        let lying: Picture
        if let known = self.lying, (known.width, known.height) == (width, height) {
            lying = known
        } else {
            lying = try Picture(AV_PIX_FMT_YUV420P, width: width, height: height)
            self.lying = lying
        }
        try convert(frame, into: lying)
        picture.setUpright(lying, orientation: frame.orientation)
    }

    private func convert(_ frame: DecodedFrame, into picture: Picture) throws(MediaError.Fault) {
        let source = try Picture()
        source.frame.pointee.format = frame.layout.pixelFormat.rawValue
        source.frame.pointee.width = Int32(frame.width)
        source.frame.pointee.height = Int32(frame.height)
        let result = Self.lend(frame, 0, to: source) {
            percept_scale_frame(
                &scaler, source.frame, frame.colorMatrix.coefficients, frame.fullRange ? 1 : 0, picture.frame)
        }
        try check(result, "converting")
    }

    /// Calls `body` with all planes of a frame in a picture that owns none of them.
    private static func lend(_ frame: DecodedFrame, _ index: Int, to picture: Picture, _ body: () -> Int32) -> Int32 {
        guard index < frame.planes.count else { return body() }
        return frame.withUnsafeBytes(ofPlane: index) { bytes in
            percept_lend_plane(
                picture.frame, Int32(index), UnsafeMutableRawPointer(mutating: bytes.baseAddress),
                Int32(frame.planes[index].rowBytes))
            return lend(frame, index + 1, to: picture, body)
        }
    }

    private func drain() throws(MediaError.Fault) {
        guard let codec, let packet, let stream, let format else { return }
        while true {
            let result = avcodec_receive_packet(codec, packet)
            if result == percept_averror(EAGAIN) || result == percept_averror_eof() { return }
            try check(result, "encoding")
            // Without it the last picture would be shown for no time, which readers leave out.
            packet.pointee.duration = lastStep
            av_packet_rescale_ts(packet, Self.clock, stream.pointee.time_base)
            packet.pointee.stream_index = stream.pointee.index
            try check(av_interleaved_write_frame(format, packet), "writing")
        }
    }

    private func check(_ result: Int32, _ activity: String) throws(MediaError.Fault) {
        guard result >= 0 else { throw .init(result, activity) }
    }
}

extension DecodedFrame.Layout {
    fileprivate var pixelFormat: AVPixelFormat {
        switch self {
        case .gray8: AV_PIX_FMT_GRAY8
        case .rgb8: AV_PIX_FMT_RGB24
        case .rgba8: AV_PIX_FMT_RGBA
        case .yuv420p: AV_PIX_FMT_YUV420P
        case .yuv422p: AV_PIX_FMT_YUV422P
        case .yuv444p: AV_PIX_FMT_YUV444P
        case .nv12: AV_PIX_FMT_NV12
        case .yuyv422: AV_PIX_FMT_YUYV422
        }
    }
}

extension DecodedFrame.ColorMatrix {
    /// As libswscale numbers them.
    fileprivate var coefficients: Int32 {
        switch self {
        case .identity, .bt601: SWS_CS_ITU601
        case .bt709: SWS_CS_ITU709
        case .bt2020: SWS_CS_BT2020
        }
    }
}
