import CPerceptMedia
import Foundation

/// Bytes that come in their own time: standard input, or a named pipe. There is no going back in them.
final class PipeInput: ContainerInput {
    private let handle: FileHandle
    private let signal: StopSignal
    private var io: UnsafeMutablePointer<AVIOContext>?

    /// - Parameter handle: kept open while this lives.
    init(_ handle: FileHandle, _ signal: StopSignal) throws(MediaError.Fault) {
        self.handle = handle
        self.signal = signal
        let capacity = 1 << 16
        let buffer = av_malloc(capacity)?.assumingMemoryBound(to: UInt8.self)
        io = avio_alloc_context(
            buffer, Int32(capacity), 0, Unmanaged.passUnretained(self).toOpaque(),
            { input, buffer, count in
                Unmanaged<PipeInput>.fromOpaque(input!).takeUnretainedValue().read(into: buffer!, Int(count))
            }, nil, nil)
        guard io != nil else { throw .unreadable("out of memory") }
        io?.pointee.seekable = 0
    }

    deinit {
        av_free(io?.pointee.buffer)
        avio_context_free(&io)
    }

    func attach(to context: UnsafeMutablePointer<AVFormatContext>) -> String? {
        context.pointee.pb = io
        return nil
    }

    /// A sender may take its time.
    func noteProgress() {}

    private func read(into buffer: UnsafeMutablePointer<UInt8>, _ count: Int) -> Int32 {
        while true {
            switch signal.wait(for: handle.fileDescriptor, .seconds(3600)) {
            case .stopped: return percept_averror_exit()
            case .timedOut: continue
            case .ready: break
            }
            let got = Foundation.read(handle.fileDescriptor, buffer, count)
            if got > 0 { return Int32(got) }
            if got == 0 { return percept_averror_eof() }
            guard errno == EINTR || errno == EAGAIN else { return percept_averror(errno) }
        }
    }
}
