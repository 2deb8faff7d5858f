import CPerceptMedia
import Foundation
import PerceptFrame

/// One libavcodec decoder: packets in, pictures out.
///
/// It belongs to the thread that uses it.
struct Decoder: ~Copyable {
    private var context: UnsafeMutablePointer<AVCodecContext>?
    private var errorCount: OpaquePointer?

    /// Opens a decoder for still pictures of a codec, which refuses what the codec's rules do not allow.
    init(still codec: AVCodecID) throws(MediaError.Fault) {
        try self.init(codec, nil) { context in
            context.pointee.thread_count = 1
            context.pointee.err_recognition = Int32(AV_EF_CRCCHECK)
            // The TIFF decoder would even refuse tags that it has no use for.
            if codec != AV_CODEC_ID_TIFF { context.pointee.err_recognition |= Int32(AV_EF_EXPLODE) }
            percept_mark_buffers(context)
        }
    }

    /// Opens a decoder for the items of a HEIF file, pictures that stand alone.
    ///
    /// - Parameter mostPixels: what the file around them says of their size need not be true.
    init(item codec: AVCodecID, configuration: ArraySlice<UInt8>, mostPixels: Int) throws(MediaError.Fault) {
        try self.init(codec, nil) { context in
            context.pointee.max_pixels = Int64(mostPixels)
            // Freed with the context.
            let room = configuration.count + Int(AV_INPUT_BUFFER_PADDING_SIZE)
            if let extra = av_mallocz(room)?.assumingMemoryBound(to: UInt8.self) {
                for (index, byte) in configuration.enumerated() { extra[index] = byte }
                context.pointee.extradata = extra
                context.pointee.extradata_size = Int32(configuration.count)
            }
            context.pointee.thread_count = 0
            context.pointee.thread_type = Int32(FF_THREAD_SLICE)
            context.pointee.err_recognition = Int32(AV_EF_EXPLODE)
            percept_mark_buffers(context)
        }
    }

    /// Opens a decoder for a stream.
    ///
    /// - Parameters:
    ///   - threads: 0 for as many as there are cores. With several, what a decoder makes of damage depends on which of
    ///     them is ahead.
    ///   - isStill: it holds a picture that stands alone.
    init(
        stream: UnsafePointer<AVStream>, threads: Int = 0, isStill: Bool = false
    ) throws(MediaError.Fault) {
        let parameters = stream.pointee.codecpar!
        try self.init(parameters.pointee.codec_id, parameters) { context in
            context.pointee.thread_count = Int32(threads)
            context.pointee.pkt_timebase = stream.pointee.time_base
            percept_carry_packet_ids(context)
            Self.refuseDamage(context, parameters)
            if isStill {
                context.pointee.thread_type = Int32(FF_THREAD_SLICE)
                percept_mark_buffers(context)
            }
        }
    }

    /// Opens a decoder for pictures that stand alone and come one by one from a camera.
    init(camera codec: AVCodecID) throws(MediaError.Fault) {
        try self.init(codec, nil) { context in
            context.pointee.thread_count = 1
            context.pointee.err_recognition |= Int32(AV_EF_EXPLODE)
        }
    }

    /// Opens a decoder for a running stream.
    ///
    /// - Parameter soon: frames are wanted soon rather than many: the threads share a frame, since with a frame for each
    ///   of them every frame would come out as many frames late.
    init(live stream: UnsafePointer<AVStream>, soon: Bool) throws(MediaError.Fault) {
        let parameters = stream.pointee.codecpar!
        try self.init(parameters.pointee.codec_id, parameters) { context in
            context.pointee.thread_count = 0
            context.pointee.pkt_timebase = stream.pointee.time_base
            percept_carry_packet_ids(context)
            Self.refuseDamage(context, parameters)
            if soon { context.pointee.thread_type = Int32(FF_THREAD_SLICE) }
        }
    }

    /// Codecs of pictures that stand alone would else hand out what they decoded before the damage.
    private static func refuseDamage(
        _ context: UnsafeMutablePointer<AVCodecContext>, _ parameters: UnsafePointer<AVCodecParameters>
    ) {
        let properties = avcodec_descriptor_get(parameters.pointee.codec_id)?.pointee.props ?? 0
        if properties & AV_CODEC_PROP_INTRA_ONLY != 0 { context.pointee.err_recognition |= Int32(AV_EF_EXPLODE) }
    }

    private init(
        _ codec: AVCodecID, _ parameters: UnsafePointer<AVCodecParameters>?,
        configure: (UnsafeMutablePointer<AVCodecContext>) -> Void
    ) throws(MediaError.Fault) {
        percept_capture_log()
        percept_clear_message()
        guard let decoder = avcodec_find_decoder(codec) else {
            throw .unsupported("no decoder for \(String(cString: avcodec_get_name(codec)))")
        }
        guard let context = avcodec_alloc_context3(decoder) else { throw .unreadable("out of memory") }
        self.context = context
        if let parameters {
            let result = avcodec_parameters_to_context(context, parameters)
            guard result >= 0 else { throw .init(result, "reading the stream's parameters") }
        }
        context.pointee.max_pixels = Int64(DecodedFrame.maximumPixels)
        errorCount = percept_count_errors(context)
        configure(context)
        let result = avcodec_open2(context, decoder, nil)
        guard result >= 0 else { throw .init(result, "opening the \(String(cString: decoder.pointee.name)) decoder") }
    }

    deinit {
        var context = context
        avcodec_free_context(&context)
        free(UnsafeMutableRawPointer(errorCount))
    }

    /// Errors that were logged up to now.
    var errors: Int { Int(percept_errors(errorCount)) }

    /// Hands the decoder a packet, or with nil the end of the stream. Every picture must have been received before.
    func send(_ packet: UnsafePointer<AVPacket>?) throws(MediaError.Fault) {
        let result = avcodec_send_packet(context, packet)
        guard result >= 0 || result == percept_averror_eof() else { throw .init(result, "decoding") }
    }

    /// The next picture, or nil when the decoder wants another packet or has none left.
    func receive() throws(MediaError.Fault) -> Picture? {
        let picture = try Picture()
        let result = avcodec_receive_frame(context, picture.frame)
        if result == percept_averror(EAGAIN) || result == percept_averror_eof() { return nil }
        guard result >= 0 else { throw .init(result, "decoding") }
        return picture
    }

    /// The results of FFmpeg's two functions, for who goes on behind damage.
    func feed(_ packet: UnsafeMutablePointer<AVPacket>?, id: Int) -> Int32 {
        percept_send_packet(context, packet, Int64(id))
    }

    func fetch(_ picture: Picture) -> Int32 { avcodec_receive_frame(context, picture.frame) }

    /// What decoding on gave.
    enum Reception {
        case picture
        /// The decoder wants another packet.
        case hungry
        /// The end of the stream was sent and its last picture received.
        case drained
        case damaged(String)
    }

    /// Hands the decoder a packet with a number that its picture carries; what is wrong with it, if anything.
    func send(_ packet: UnsafeMutablePointer<AVPacket>?, id: Int) -> String? {
        let result = percept_send_packet(context, packet, Int64(id))
        guard result < 0 && result != percept_averror_eof() else { return nil }
        return MediaError.Fault.detail(result, "decoding")
    }

    /// Writes the next picture over what `picture` held.
    func receive(into picture: Picture) -> Reception {
        av_frame_unref(picture.frame)
        let result = avcodec_receive_frame(context, picture.frame)
        switch result {
        case 0...: return .picture
        case percept_averror(EAGAIN): return .hungry
        case percept_averror_eof(): return .drained
        default: return .damaged(MediaError.Fault.detail(result, "decoding"))
        }
    }

    /// Forgets the pictures under way, after a seek.
    func flush() {
        avcodec_flush_buffers(context)
    }

    /// Decodes a still picture from the bytes of its file.
    ///
    /// - Parameter others: others may follow.
    func decodeStill(_ bytes: [UInt8], others: Bool = false) throws(MediaError.Fault) -> Picture {
        percept_clear_message()
        defer { if others { flush() } }
        let picture = try decodeAlone(bytes)
        // Decoders also log damage that they pass over.
        guard let picture, percept_message().pointee == 0 else { throw .init(percept_averror_invalid(), "decoding") }
        try picture.requireWhole()
        return picture
    }

    /// Decodes an item of a HEIF file; others may follow.
    func decodeItem(_ bytes: [UInt8]) throws(MediaError.Fault) -> Picture {
        percept_clear_message()
        defer { flush() }
        guard let picture = try decodeAlone(bytes) else { throw .init(percept_averror_invalid(), "decoding") }
        try picture.requireWhole()
        return picture
    }

    /// Decodes a packet that is all there is; the last picture, if there are several.
    private func decodeAlone(_ bytes: [UInt8]) throws(MediaError.Fault) -> Picture? {
        var packet = av_packet_alloc()
        defer { av_packet_free(&packet) }
        guard let packet, av_new_packet(packet, Int32(clamping: bytes.count)) >= 0 else {
            throw .unreadable("out of memory")
        }
        bytes.withUnsafeBufferPointer {
            packet.pointee.data.update(from: $0.baseAddress!, count: Int(packet.pointee.size))
        }
        try send(packet)
        var picture = try receive()
        try send(nil)
        while let later = try receive() { picture = later }
        return picture
    }
}
