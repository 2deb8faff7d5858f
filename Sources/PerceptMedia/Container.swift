import CPerceptMedia

/// A demuxed file and its visual stream.
///
/// It belongs to the thread that uses it.
final class Container {
    private let source: ByteSource
    private var context: UnsafeMutablePointer<AVFormatContext>?
    private var packet: UnsafeMutablePointer<AVPacket>?
    /// The stream with the pictures.
    let stream: UnsafeMutablePointer<AVStream>

    init(_ source: ByteSource) throws(MediaError.Fault) {
        percept_capture_log()
        percept_clear_message()
        self.source = source
        var context = avformat_alloc_context()
        guard let allocated = context else { throw .unreadable("out of memory") }
        allocated.pointee.pb = source.io
        // A failed opening frees the context.
        var options: OpaquePointer?
        av_dict_set(&options, "protocol_whitelist", "none", 0)
        let opened = avformat_open_input(&context, nil, nil, &options)
        av_dict_free(&options)
        guard opened >= 0, let context else {
            if opened == percept_averror_invalid() { throw .unsupported("not a media format that is known here") }
            throw .init(opened, "opening")
        }
        var owned: UnsafeMutablePointer<AVFormatContext>? = context
        source.noteProgress()
        let described = avformat_find_stream_info(context, nil)
        guard described >= 0 else {
            avformat_close_input(&owned)
            throw .init(described, "reading the streams")
        }
        let index = av_find_best_stream(context, AVMEDIA_TYPE_VIDEO, -1, -1, nil, 0)
        guard index >= 0, let stream = context.pointee.streams[Int(index)],
            stream.pointee.disposition & AV_DISPOSITION_ATTACHED_PIC == 0
        else {
            avformat_close_input(&owned)
            throw .noVisualStream
        }
        for other in 0..<Int(context.pointee.nb_streams) where other != Int(index) {
            context.pointee.streams[other]?.pointee.discard = AVDISCARD_ALL
        }
        self.stream = stream
        self.context = context
        packet = av_packet_alloc()
        let parameters = stream.pointee.codecpar.pointee
        if parameters.width > 0 && parameters.height > 0 {
            try StillImage.checkSize(width: Int(parameters.width), height: Int(parameters.height))
        }
    }

    deinit {
        av_packet_free(&packet)
        avformat_close_input(&context)
    }

    /// The demuxer's names, such as `mov,mp4,m4a,3gp,3g2,mj2`.
    var formatName: String { String(cString: context!.pointee.iformat.pointee.name) }

    /// Packets the stream has according to a complete index in the file; nil for containers without one.
    var statedPacketCount: Int? {
        formatName.hasPrefix("mov") ? Int(avformat_index_get_entries_count(stream)) : nil
    }

    /// How the stream's pictures become upright, as an EXIF orientation.
    var orientation: Int {
        guard let matrix = percept_display_matrix(stream) else { return 1 }
        let (a, b, c, d) = (matrix[0], matrix[1], matrix[3], matrix[4])
        if abs(Int(a)) >= abs(Int(b)) {
            return a >= 0 ? (d >= 0 ? 1 : 4) : (d >= 0 ? 2 : 3)
        }
        return b > 0 ? (c > 0 ? 5 : 6) : (c > 0 ? 8 : 7)
    }

    /// The stream's next packet, valid until the next call; nil at the end of the file.
    func nextPacket() throws(MediaError.Fault) -> UnsafeMutablePointer<AVPacket>? {
        while true {
            av_packet_unref(packet)
            let result = av_read_frame(context, packet)
            if result == percept_averror_eof() { return nil }
            guard result >= 0, let packet else { throw .init(result, "reading") }
            guard packet.pointee.stream_index == stream.pointee.index else { continue }
            source.noteProgress()
            guard packet.pointee.flags & AV_PKT_FLAG_CORRUPT == 0 else {
                throw .corrupt("the file ends early or is damaged")
            }
            return packet
        }
    }

    /// Goes to the last key frame at or before a time of the stream; false when the demuxer cannot.
    func seek(to time: Int64) -> Bool {
        av_seek_frame(context, stream.pointee.index, time, AVSEEK_FLAG_BACKWARD) >= 0
    }
}
