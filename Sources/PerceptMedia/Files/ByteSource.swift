import CPerceptMedia
import Foundation

/// Where FFmpeg reads from: bytes in memory or an open file, through callbacks of ours.
///
/// With no protocol of FFmpeg's own in play, a playlist posing as a video cannot make it open other files. A read
/// fails once nothing was achieved for `readPatience` seconds, which ends a search that damaged data sends astray.
final class ByteSource: ContainerInput {
    private enum Content {
        case bytes([UInt8])
        case file(FileHandle, size: Int)
    }

    private let content: Content
    /// What is missing at the end of a file, if anything.
    private(set) var note: String?
    /// Where reading ends.
    private var limit: Int
    private var position = 0
    private var deadline: Int64 = 0
    /// FFmpeg's view of this source.
    private var io: UnsafeMutablePointer<AVIOContext>?

    convenience init(_ bytes: [UInt8]) throws(MediaError.Fault) {
        try self.init(.bytes(bytes))
    }

    /// Opens a regular file.
    ///
    /// What FFmpeg reads of a recording that was interrupted ends behind its last whole fragment: FFmpeg refuses a file with
    /// half of a description at its end.
    convenience init(path: String) throws(MediaError.Fault) {
        let (handle, size) = try openRegularFile(path)
        try self.init(.file(handle, size: size))
        let end = RecordingEnd(self)
        note = end.note
        limit = end.limit ?? size
    }

    private init(_ content: Content) throws(MediaError.Fault) {
        self.content = content
        limit =
            switch content {
            case .bytes(let bytes): bytes.count
            case .file(_, let size): size
            }
        noteProgress()
        let capacity = 1 << 15
        let buffer = av_malloc(capacity)?.assumingMemoryBound(to: UInt8.self)
        io = avio_alloc_context(
            buffer, Int32(capacity), 0, Unmanaged.passUnretained(self).toOpaque(),
            { source, buffer, count in
                Unmanaged<ByteSource>.fromOpaque(source!).takeUnretainedValue().read(into: buffer!, Int(count))
            }, nil,
            { source, offset, whence in
                Unmanaged<ByteSource>.fromOpaque(source!).takeUnretainedValue().seek(to: offset, whence)
            })
        guard io != nil else { throw .unreadable("out of memory") }
    }

    deinit {
        av_free(io?.pointee.buffer)
        avio_context_free(&io)
    }

    func attach(to context: UnsafeMutablePointer<AVFormatContext>) -> String? {
        context.pointee.pb = io
        return nil
    }

    var size: Int {
        switch content {
        case .bytes(let bytes): bytes.count
        case .file(_, let size): size
        }
    }

    /// Restarts the clock: a packet or a frame has arrived.
    func noteProgress() {
        deadline = av_gettime_relative() + Int64(readPatience) * 1_000_000
    }

    func misfit(_ fault: MediaError.Fault) -> MediaError.Fault { RecordingEnd(self).refusal ?? fault }

    /// Bytes from a place on, fewer at the end; where FFmpeg reads stays as it is.
    func bytes(at offset: Int, count: Int) -> [UInt8] {
        let wanted = min(count, size - offset)
        guard offset >= 0, wanted > 0 else { return [] }
        switch content {
        case .bytes(let bytes): return Array(bytes[offset..<offset + wanted])
        case .file(let handle, _):
            return [UInt8](unsafeUninitializedCapacity: wanted) { buffer, filled in
                while filled < wanted {
                    let got = pread(
                        handle.fileDescriptor, buffer.baseAddress! + filled, wanted - filled, off_t(offset + filled))
                    guard got > 0 else { return }
                    filled += got
                }
            }
        }
    }

    private func read(into buffer: UnsafeMutablePointer<UInt8>, _ count: Int) -> Int32 {
        guard av_gettime_relative() < deadline else { return percept_averror_exit() }
        guard position < limit else { return percept_averror_eof() }
        let wanted = min(count, limit - position)
        switch content {
        case .bytes(let bytes):
            bytes.withUnsafeBufferPointer { buffer.update(from: $0.baseAddress! + position, count: wanted) }
            position += wanted
            return Int32(wanted)
        case .file(let handle, _):
            let got = pread(handle.fileDescriptor, buffer, wanted, off_t(position))
            guard got > 0 else { return got == 0 ? percept_averror_eof() : percept_averror(errno) }
            position += got
            return Int32(got)
        }
    }

    private func seek(to offset: Int64, _ whence: Int32) -> Int64 {
        let base =
            switch whence & ~AVSEEK_FORCE {
            case AVSEEK_SIZE: nil as Int?
            case SEEK_CUR: position
            case SEEK_END: limit
            default: 0
            }
        guard let base else { return Int64(limit) }
        let (target, overflow) = base.addingReportingOverflow(Int(offset))
        guard !overflow, target >= 0 else { return Int64(percept_averror(EINVAL)) }
        position = target
        return Int64(target)
    }
}
