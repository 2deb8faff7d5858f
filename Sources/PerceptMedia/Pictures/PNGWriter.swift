import CPerceptMedia

/// Encodes pictures as PNG files.
package enum PNGWriter {
    /// The bytes of a file.
    ///
    /// - Parameter pixels: R, G, B of `width` x `height` pixels, row by row.
    package static func encode(_ pixels: [UInt8], width: Int, height: Int) throws(MediaError) -> [UInt8] {
        precondition(width > 0 && height > 0 && pixels.count == 3 * width * height)
        do throws(MediaError.Fault) {
            let picture = try Picture(AV_PIX_FMT_RGB24, width: width, height: height)
            for y in 0..<height {
                pixels.withUnsafeBufferPointer {
                    picture.row(y).update(from: $0.baseAddress! + 3 * width * y, count: 3 * width)
                }
            }
            return try encode(picture)
        } catch {
            throw MediaError(file: "PNG", fault: error)
        }
    }

    private static func encode(_ picture: Picture) throws(MediaError.Fault) -> [UInt8] {
        percept_capture_log()
        percept_clear_message()
        guard let encoder = avcodec_find_encoder(AV_CODEC_ID_PNG) else {
            throw .unsupported("FFmpeg was built without its PNG encoder")
        }
        var context = avcodec_alloc_context3(encoder)
        var packet = av_packet_alloc()
        defer {
            avcodec_free_context(&context)
            av_packet_free(&packet)
        }
        guard let context, let packet else { throw .unreadable("out of memory") }
        context.pointee.pix_fmt = AV_PIX_FMT_RGB24
        context.pointee.width = picture.frame.pointee.width
        context.pointee.height = picture.frame.pointee.height
        context.pointee.time_base = AVRational(num: 1, den: 1)
        for step in [
            { avcodec_open2(context, encoder, nil) }, { avcodec_send_frame(context, picture.frame) },
            { avcodec_send_frame(context, nil) }, { avcodec_receive_packet(context, packet) },
        ] {
            let result = step()
            guard result >= 0 else { throw .init(result, "encoding PNG") }
        }
        return Array(UnsafeBufferPointer(start: packet.pointee.data, count: Int(packet.pointee.size)))
    }
}
