import CPerceptMedia
import PerceptFrame
import PerceptMedia

/// Videos of the test scene, made with FFmpeg's own encoders.
struct TestVideo {
    var width = 160
    var height = 96
    var rate = 25
    var frames = 50
    /// An encoder's name: `mjpeg`, `mpeg2video`, `libx264`.
    var encoder = "mpeg2video"
    /// A muxer's name: `mpegts`, `mjpeg`, `matroska`, `mp4`, `yuv4mpegpipe`.
    var container = "mpegts"
    var bFrames = 0
    /// Parts of a frame that are coded by themselves, in MJPEG with restart markers between them.
    var slices = 1
    /// Frames from key frame to key frame.
    var keyFrames = 12

    /// True when this FFmpeg has the encoder.
    static func has(_ encoder: String) -> Bool { avcodec_find_encoder_by_name(encoder) != nil }

    struct Failure: Error {
        let step: String
        let code: Int32
    }

    private func check(_ code: Int32, _ step: String) throws {
        guard code >= 0 else { throw Failure(step: step, code: code) }
    }

    /// The file's bytes.
    func bytes() throws -> [UInt8] {
        guard let codec = avcodec_find_encoder_by_name(encoder), let context = avcodec_alloc_context3(codec) else {
            throw Failure(step: encoder, code: 0)
        }
        var output: UnsafeMutablePointer<AVFormatContext>?
        try check(avformat_alloc_output_context2(&output, nil, container, nil), container)
        guard let output, let stream = avformat_new_stream(output, nil) else { throw Failure(step: "stream", code: 0) }
        defer {
            var owned: UnsafeMutablePointer<AVCodecContext>? = context
            avcodec_free_context(&owned)
            avformat_free_context(output)
        }
        let isFull = encoder == "mjpeg"
        context.pointee.width = Int32(width)
        context.pointee.height = Int32(height)
        context.pointee.pix_fmt = isFull ? AV_PIX_FMT_YUVJ420P : AV_PIX_FMT_YUV420P
        context.pointee.color_range = isFull ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG
        context.pointee.time_base = AVRational(num: 1, den: Int32(rate))
        context.pointee.framerate = AVRational(num: Int32(rate), den: 1)
        context.pointee.gop_size = Int32(keyFrames)
        context.pointee.max_b_frames = Int32(bFrames)
        context.pointee.bit_rate = 800_000
        context.pointee.thread_count = Int32(slices)
        context.pointee.slices = Int32(slices)
        if slices > 1 { context.pointee.thread_type = Int32(FF_THREAD_SLICE) }
        if output.pointee.oformat.pointee.flags & AVFMT_GLOBALHEADER != 0 {
            context.pointee.flags |= AV_CODEC_FLAG_GLOBAL_HEADER
        }
        try check(avcodec_open2(context, codec, nil), "opening")
        try check(avcodec_parameters_from_context(stream.pointee.codecpar, context), "parameters")
        stream.pointee.time_base = context.pointee.time_base
        stream.pointee.avg_frame_rate = context.pointee.framerate
        var io: UnsafeMutablePointer<AVIOContext>?
        try check(avio_open_dyn_buf(&io), "memory")
        output.pointee.pb = io
        try check(avformat_write_header(output, nil), "header")
        let source = try LiveInput.open(
            "test:?size=\(width)x\(height)&rate=\(rate)&frames=\(frames)&hold=1&range=\(isFull ? "full" : "limited")",
            .fast)
        var packet = av_packet_alloc()
        defer { av_packet_free(&packet) }
        func drain() throws {
            while avcodec_receive_packet(context, packet) >= 0 {
                guard let packet else { return }
                av_packet_rescale_ts(packet, context.pointee.time_base, stream.pointee.time_base)
                packet.pointee.duration = av_rescale_q(1, context.pointee.time_base, stream.pointee.time_base)
                try check(av_write_frame(output, packet), "writing")
            }
        }
        while case .frame(let frame)? = try source.next() {
            var owned = av_frame_alloc()
            defer { av_frame_free(&owned) }
            guard let picture = owned else { throw Failure(step: "frame", code: 0) }
            picture.pointee.format = context.pointee.pix_fmt.rawValue
            picture.pointee.width = Int32(width)
            picture.pointee.height = Int32(height)
            try check(av_frame_get_buffer(picture, 0), "frame")
            for (index, plane) in frame.frame.planes.enumerated() {
                frame.frame.withUnsafeBytes(ofPlane: index) { bytes in
                    for y in 0..<plane.rows {
                        let row = bytes[(y * plane.rowBytes)...].prefix(plane.bytesInRow)
                        let target = percept_frame_data(picture, Int32(index))
                        let start = y * Int(percept_frame_linesize(picture, Int32(index)))
                        for (x, value) in row.enumerated() { target?[start + x] = value }
                    }
                }
            }
            picture.pointee.pts = Int64(frame.number)
            picture.pointee.color_range = context.pointee.color_range
            try check(avcodec_send_frame(context, picture), "encoding")
            try drain()
        }
        try check(avcodec_send_frame(context, nil), "encoding")
        try drain()
        try check(av_write_trailer(output), "trailer")
        var buffer: UnsafeMutablePointer<UInt8>?
        let count = avio_close_dyn_buf(output.pointee.pb, &buffer)
        defer { av_free(buffer) }
        return Array(UnsafeBufferPointer(start: buffer, count: Int(count)))
    }
}

extension Duration {
    var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}

extension LiveOptions {
    static var fast: LiveOptions {
        var options = LiveOptions()
        options.asFastAsPossible = true
        return options
    }
}

/// What a source told until it ended.
struct Collected {
    var frames: [(number: Int, time: Double, arrival: ContinuousClock.Instant, width: Int, height: Int)] = []
    var hashes: [String] = []
    var notices: [LiveNotice] = []
    /// Order of events: the number of frames before each notice.
    var framesBefore: [Int] = []

    /// - Parameters:
    ///   - most: frames behind which the source is stopped.
    ///   - hashes: whether samples are looked at.
    init(_ source: any LiveSource, most: Int = .max, hashes: Bool = false) throws {
        while let event = try source.next() {
            switch event {
            case .frame(let frame):
                frames.append((frame.number, frame.time, frame.arrival, frame.frame.width, frame.frame.height))
                if hashes { self.hashes.append(frame.frame.fnv1a) }
                if frames.count == most { source.stop() }
            case .notice(let notice):
                notices.append(notice)
                framesBefore.append(frames.count)
            }
        }
    }

    var damages: Int { notices.count { if case .corrupt = $0 { true } else { false } } }
}
