import CPerceptMedia
import Foundation

/// Where a container's bytes come from.
protocol ContainerInput: AnyObject {
    /// Tells FFmpeg where to read and how long it may wait; the address to open, if it is not to read through callbacks.
    func attach(to context: UnsafeMutablePointer<AVFormatContext>) -> String?

    /// FFmpeg's protocols that opening may use, each by name and separated by commas; `none` for no protocol at all.
    var protocols: String { get }

    /// Options of the demuxer and of the protocols.
    var options: [String: String] { get }

    /// Restarts the clock of a wait: a packet has come, or the wait only begins.
    func noteProgress()

    /// The container is known, and its streams are to be found.
    func noteHeader()

    /// The fault behind a negative FFmpeg result.
    func fault(_ code: Int32, _ activity: String) -> MediaError.Fault

    /// The fault where what was opened is none that holds pictures: `fault`, unless something else lies behind it.
    func misfit(_ fault: MediaError.Fault) -> MediaError.Fault
}

extension ContainerInput {
    var protocols: String { "none" }
    var options: [String: String] { [:] }

    func noteHeader() { noteProgress() }

    func fault(_ code: Int32, _ activity: String) -> MediaError.Fault { .init(code, activity) }

    func misfit(_ fault: MediaError.Fault) -> MediaError.Fault { fault }
}

/// A demuxed file or stream of bytes, and what it shows.
///
/// It belongs to the thread that uses it.
final class Container {
    private let input: any ContainerInput
    private var context: UnsafeMutablePointer<AVFormatContext>?
    private var packet: UnsafeMutablePointer<AVPacket>?
    /// How often reading failed for damage.
    private(set) var failures = 0
    /// The stream with the pictures.
    let stream: UnsafeMutablePointer<AVStream>

    init(_ input: any ContainerInput) throws(MediaError.Fault) {
        percept_capture_log()
        percept_clear_message()
        self.input = input
        var context = avformat_alloc_context()
        guard let allocated = context else { throw .unreadable("out of memory") }
        input.noteProgress()
        let address = input.attach(to: allocated)
        // A failed opening frees the context.
        var options: OpaquePointer?
        av_dict_set(&options, "protocol_whitelist", input.protocols, 0)
        for (key, value) in input.options { av_dict_set(&options, key, value, 0) }
        let opened = avformat_open_input(&context, address, nil, &options)
        av_dict_free(&options)
        guard opened >= 0, let context else {
            if opened == percept_averror_invalid() {
                throw input.misfit(.unsupported("not a media format that is known here"))
            }
            throw input.fault(opened, "opening")
        }
        var owned: UnsafeMutablePointer<AVFormatContext>? = context
        input.noteHeader()
        let described = avformat_find_stream_info(context, nil)
        guard described >= 0 else {
            avformat_close_input(&owned)
            throw input.fault(described, "reading the streams")
        }
        guard let stream = Self.pictures(of: context) else {
            avformat_close_input(&owned)
            throw input.misfit(.noVisualStream)
        }
        for other in 0..<Int(context.pointee.nb_streams) where other != Int(stream.pointee.index) {
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

    /// The stream that FFmpeg takes for the best, unless that is a cover or a chapter's thumbnail: then the largest of the
    /// others, if there is one.
    private static func pictures(of context: UnsafeMutablePointer<AVFormatContext>) -> UnsafeMutablePointer<AVStream>? {
        func isVideo(_ stream: UnsafeMutablePointer<AVStream>) -> Bool {
            stream.pointee.codecpar.pointee.codec_type == AVMEDIA_TYPE_VIDEO
                && stream.pointee.disposition & (AV_DISPOSITION_ATTACHED_PIC | AV_DISPOSITION_TIMED_THUMBNAILS) == 0
        }
        func pixels(_ stream: UnsafeMutablePointer<AVStream>) -> Int {
            Int(stream.pointee.codecpar.pointee.width) * Int(stream.pointee.codecpar.pointee.height)
        }
        let index = av_find_best_stream(context, AVMEDIA_TYPE_VIDEO, -1, -1, nil, 0)
        if index >= 0, let best = context.pointee.streams[Int(index)], isVideo(best) { return best }
        let streams = (0..<Int(context.pointee.nb_streams)).compactMap { context.pointee.streams[$0] }
        return streams.filter(isVideo).max { pixels($0) < pixels($1) }
    }

    /// The demuxer's names, such as `mov,mp4,m4a,3gp,3g2,mj2`.
    var formatName: String { String(cString: context!.pointee.iformat.pointee.name) }

    /// Packets the stream has according to a complete index in the file; nil for containers without one.
    var statedPacketCount: Int? {
        formatName.hasPrefix("mov") ? Int(avformat_index_get_entries_count(stream)) : nil
    }

    /// Frames a second, as the container states or its times suggest.
    var frameRate: Double? {
        for rate in [stream.pointee.avg_frame_rate, stream.pointee.r_frame_rate] where rate.num > 0 && rate.den > 0 {
            return Double(rate.num) / Double(rate.den)
        }
        return nil
    }

    /// The codec's name, such as `h264`.
    var codecName: String { String(cString: avcodec_get_name(stream.pointee.codecpar.pointee.codec_id)) }

    var isMotionJPEG: Bool { stream.pointee.codecpar.pointee.codec_id == AV_CODEC_ID_MJPEG }

    /// True for containers whose times may have gaps that nobody meant.
    var timesMayJump: Bool { context!.pointee.iformat.pointee.flags & AVFMT_TS_DISCONT != 0 }

    /// True when the stream states how long it is, by time or by bytes.
    var isFinite: Bool {
        // A session's description is read to its end before anything comes of what it describes.
        if formatName == "sdp" { return false }
        if context!.pointee.duration != percept_no_timestamp() && context!.pointee.duration > 0 { return true }
        return context!.pointee.pb.map { avio_size($0) > 0 } ?? false
    }

    /// True when reading stopped before the last of the bytes that there are to be.
    var endedEarly: Bool {
        guard let io = context!.pointee.pb else { return false }
        if io.pointee.error < 0 && io.pointee.error != percept_averror_eof() { return true }
        let size = avio_size(io)
        return size > 0 && avio_seek(io, 0, SEEK_CUR) < size
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

    /// What reading on gave.
    enum Reading {
        /// Valid until the next call.
        case packet(UnsafeMutablePointer<AVPacket>)
        case end
        /// A negative FFmpeg result.
        case failure(Int32)
    }

    /// Reads the stream's next packet, be it damaged or not.
    func read() -> Reading {
        // Whoever asks may have done something else for longer than reading may take.
        input.noteProgress()
        while true {
            av_packet_unref(packet)
            let result = av_read_frame(context, packet)
            if result == percept_averror_eof() { return .end }
            guard result >= 0, let packet else { return .failure(result) }
            guard packet.pointee.stream_index == stream.pointee.index else { continue }
            input.noteProgress()
            return .packet(packet)
        }
    }

    /// The stream's next packet, valid until the next call; nil at the end of the file.
    func nextPacket() throws(MediaError.Fault) -> UnsafeMutablePointer<AVPacket>? {
        switch read() {
        case .end: return nil
        case .failure(let code): throw input.fault(code, "reading")
        case .packet(let packet):
            guard packet.pointee.flags & AV_PKT_FLAG_CORRUPT == 0 else {
                throw .corrupt("the file ends early or is damaged")
            }
            return packet
        }
    }

    /// Failures to read, one after the other, behind which nothing more is expected of damaged bytes.
    private static let mostFailures = 100

    /// The stream's next packet, damaged or not, valid until the next call; nil at the end of what can be read.
    func nextUsablePacket() throws(MediaError.Fault) -> UnsafeMutablePointer<AVPacket>? {
        for _ in 0..<Self.mostFailures {
            switch read() {
            case .end: return nil
            case .packet(let packet): return packet
            case .failure(let code):
                guard code == percept_averror_invalid() else { throw input.fault(code, "reading") }
                failures += 1
            }
        }
        return nil
    }

    /// Goes to the last key frame at or before a time of the stream; false when the demuxer cannot.
    func seek(to time: Int64) -> Bool {
        av_seek_frame(context, stream.pointee.index, time, AVSEEK_FLAG_BACKWARD) >= 0
    }
}
