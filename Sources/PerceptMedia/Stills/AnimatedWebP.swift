import CPerceptMedia
package import PerceptFrame

/// The frames of an animated WebP (RFC 9649), which FFmpeg does not decode as such: each is decoded by itself and drawn
/// over the ones before it, as libwebp does it.
///
/// Asking for frames in ascending order is cheapest. A reader belongs to the thread that uses it.
package final class AnimatedWebP: ClipReader {
    private struct Part {
        /// The frame's chunk.
        let chunk: Range<Int>
        let x: Int
        let y: Int
        let width: Int
        let height: Int
        let milliseconds: Int
        /// Drawn over what is there, instead of in its place.
        let isBlended: Bool
        /// Gone before the next frame is drawn.
        let isDisposed: Bool
    }

    package let path: String
    package var frameCount: Int { parts.count }
    /// Frames a second, on the average; 0 where the file states no times.
    package let frameRate: Double

    private let bytes: [UInt8]
    /// The file's header up to its first frame: what decoding one takes.
    private let head: Range<Int>
    private let width: Int
    private let height: Int
    private let parts: [Part]
    /// Red, green, blue and alpha of what is drawn so far, and how many frames that are.
    private var canvas: [UInt8] = []
    private var drawn = 0

    /// Nil for a file that is no animated WebP.
    package init?(_ path: String) throws(MediaError) {
        self.path = path
        do throws(MediaError.Fault) {
            let start = ByteReader(bytes: try readStart(path, limit: 21))
            guard start.has("RIFF", at: 0), start.has("WEBP", at: 8), start.has("VP8X", at: 12),
                try start.byte(20) & 2 != 0
            else { return nil }
            bytes = try readFile(path)
            var reader = ByteReader(bytes: bytes)
            reader.littleEndian = true
            (width, height) = (try reader.uint24(24) + 1, try reader.uint24(27) + 1)
            try StillImage.checkSize(width: width, height: height)
            try StillImage.checkPlausibility(width: width, height: height, bytesPerPixel: 9, of: bytes.count)
            parts = try Self.parts(reader, width, height)
            guard !parts.isEmpty else { throw .corrupt("an animation without a frame") }
            head = 12..<30
            let length = parts.reduce(0) { $0 + $1.milliseconds }
            frameRate = length > 0 ? 1000 * Double(parts.count) / Double(length) : 0
        } catch {
            throw MediaError(file: path, fault: error)
        }
    }

    private static func parts(_ reader: ByteReader, _ width: Int, _ height: Int) throws(MediaError.Fault) -> [Part] {
        var parts: [Part] = []
        var offset = 12
        let end = min(try reader.uint32(4) + 8, reader.bytes.count)
        while offset + 8 <= end {
            let (payload, length) = (offset + 8, try reader.uint32(offset + 4))
            try reader.require(offset..<payload + length)
            if reader.has("ANMF", at: offset) {
                // The frame's own header.
                guard length >= 16 else { throw .corrupt("frame \(parts.count) has no picture") }
                let flags = try reader.byte(payload + 15)
                let part = Part(
                    chunk: offset..<payload + length, x: 2 * (try reader.uint24(payload)),
                    y: 2 * (try reader.uint24(payload + 3)), width: try reader.uint24(payload + 6) + 1,
                    height: try reader.uint24(payload + 9) + 1, milliseconds: try reader.uint24(payload + 12),
                    isBlended: flags & 2 == 0, isDisposed: flags & 1 != 0)
                guard part.x + part.width <= width, part.y + part.height <= height else {
                    throw .corrupt("frame \(parts.count) lies outside the canvas")
                }
                parts.append(part)
            }
            offset = payload + length + length % 2
        }
        return parts
    }

    package func frame(at index: Int) throws(MediaError) -> DecodedFrame {
        precondition(parts.indices.contains(index), "frame \(index) of \(frameCount)")
        do throws(MediaError.Fault) {
            if drawn > index + 1 || drawn == 0 {
                canvas = [UInt8](repeating: 0, count: 4 * width * height)
                drawn = 0
            }
            while drawn <= index { try draw() }
            return DecodedFrame(
                PixelBytes(canvas, rowBytes: 4 * width), width: width, height: height, layout: .rgba8,
                colorMatrix: .identity, fullRange: true, chromaSiting: .center, resampling: .premultipliedAlpha,
                orientation: 1)
        } catch {
            throw MediaError(file: path, fault: error)
        }
    }

    private func draw() throws(MediaError.Fault) {
        if drawn > 0, case let last = parts[drawn - 1], last.isDisposed {
            for y in last.y..<last.y + last.height {
                let start = 4 * (y * width + last.x)
                canvas.withUnsafeMutableBufferPointer { canvas in
                    canvas[start..<start + 4 * last.width].update(repeating: 0)
                }
            }
        }
        let part = parts[drawn]
        let picture = try decode(part)
        canvas.withUnsafeMutableBufferPointer { canvas in
            for y in 0..<part.height {
                let (source, start) = (picture.row(y), 4 * ((part.y + y) * width + part.x))
                for x in 0..<part.width {
                    Self.put(source + 4 * x, canvas.baseAddress! + start + 4 * x, isBlended: part.isBlended)
                }
            }
        }
        drawn += 1
    }

    /// Puts a pixel over or in the place of another, in libwebp's numbers (src/demux/anim_decode.c).
    private static func put(_ new: UnsafePointer<UInt8>, _ old: UnsafeMutablePointer<UInt8>, isBlended: Bool) {
        let alpha = UInt32(new[3])
        guard isBlended, alpha < 255 else { return old.update(from: new, count: 4) }
        guard alpha > 0 else { return }
        let rest = UInt32(old[3]) * (256 - alpha) >> 8
        let sum = alpha + rest
        let scale = (1 << 24) / sum
        for channel in 0..<3 {
            let value = UInt32(new[channel]) * alpha + UInt32(old[channel]) * rest
            old[channel] = UInt8(truncatingIfNeeded: UInt64(value) * UInt64(scale) >> 24)
        }
        old[3] = UInt8(truncatingIfNeeded: sum)
    }

    /// A frame by itself, as red, green, blue and alpha.
    private func decode(_ part: Part) throws(MediaError.Fault) -> Picture {
        // A file of this frame alone, on a canvas of its size.
        var header = Array(bytes[head])
        var chunk = Array(bytes[part.chunk])
        for (place, side) in [(12, part.width - 1), (15, part.height - 1)] {
            for byte in 0..<3 { header[place + byte] = UInt8(truncatingIfNeeded: side >> (8 * byte)) }
        }
        for byte in 8..<14 { chunk[byte] = 0 }
        // Chunks are padded, which the last one of a file need not be.
        if chunk.count % 2 != 0 { chunk.append(0) }
        let count = 4 + header.count + chunk.count
        let file =
            Array("RIFF".utf8) + (0..<4).map { UInt8(truncatingIfNeeded: count >> (8 * $0)) } + Array("WEBP".utf8)
            + header + chunk
        guard var still = try StillImage.parse(file) else { throw .corrupt("frame \(drawn) has no picture") }
        still.alpha = .straight
        let picture = try Decoder(still: still.codec).decodeStill(still.bytes)
        guard picture.width == part.width, picture.height == part.height, picture.isWhole else {
            throw .corrupt("parts of frame \(drawn) could not be decoded")
        }
        return try picture.rgba()
    }
}

extension Picture {
    /// This picture as red, green, blue and alpha of eight bits.
    fileprivate func rgba() throws(MediaError.Fault) -> Picture {
        guard let unpacking = PixelUnpacking(self, alpha: .straight, isGray: false) else { return try rgbaFromYCbCr() }
        let (unpacked, layout) = try unpacking.unpacked()
        guard layout != .rgba8 else { return unpacked }
        let target = try Picture(AV_PIX_FMT_RGBA, like: self)
        let channels = layout == .gray8 ? 1 : 3
        for y in 0..<height {
            let (source, row) = (unpacked.row(y), target.row(y))
            for x in 0..<width {
                for channel in 0..<3 { row[4 * x + channel] = source[channels * x + min(channel, channels - 1)] }
                row[4 * x + 3] = 255
            }
        }
        return target
    }
}
