import CPerceptMedia
import Foundation
import PerceptFiles
package import PerceptFrame

/// Opens running sources of frames by their names.
///
/// | name | source |
/// |---|---|
/// | `test:`, `test:?size=640x360&rate=30` | moving shapes that need nothing (`TestSource`) |
/// | `-` | standard input: any container, MJPEG, y4m |
/// | `/dev/video0` | a camera, through V4L2 (`CameraSource`) |
/// | `rtsp://`, `http://`, `https://`, `udp://`, `rtp://`, `tcp://` | a network stream |
/// | a file named `.sdp` | what a sender's RTP packets hold, and where they arrive (`SessionDescription`) |
/// | a folder, `frames/%04d.png`, `frames/*.jpg` | a sequence of images (`ImageSequence`) |
/// | a named pipe | as standard input |
/// | any other path | a video file |
///
/// What FFmpeg may open on the way is limited to what the kind of source is made of: nothing at all for files and pipes,
/// whose bytes are read here; for addresses see `NetworkInput`.
package enum LiveInput {
    /// Opens a source and learns what it is, which for a network stream takes until its first pictures have come.
    ///
    /// - Parameter signal: ends opening when it is given, and the source that was opened.
    /// - Throws: the fault, with advice where there is something to do about it.
    package static func open(
        _ name: String, _ options: LiveOptions = LiveOptions(), stoppedBy signal: StopSignal? = nil
    ) throws(MediaError)
        -> any LiveSource
    {
        do throws(MediaError.Fault) {
            if let signal { return try source(name, options, signal) }
            return try source(name, options, StopSignal())
        } catch {
            throw MediaError(file: SourceAddress.shown(name), fault: error)
        }
    }

    private static func source(
        _ name: String, _ options: LiveOptions, _ signal: StopSignal
    ) throws(MediaError.Fault) -> any LiveSource {
        guard !name.isEmpty else { throw .invalidName("a source needs a name") }
        if name.hasPrefix("test:") { return try TestSource(name, options) }
        if name == "-" {
            return try StreamSource(name, .pipe, options, signal) { signal throws(MediaError.Fault) in
                try PipeInput(.standardInput, signal)
            }
        }
        if let scheme = NetworkInput.scheme(name) {
            avformat_network_init()
            let interruption = Interruption(signal, patience: Duration(seconds: options.reconnection.patience))
            return try StreamSource(SourceAddress.shown(name), .network, options, signal) {
                _ throws(MediaError.Fault) in
                try NetworkInput(
                    name, scheme: scheme, interruption, checksCertificates: options.checksCertificates)
            }
        }
        let status = Files.status(name)
        if let status {
            switch Files.kind(status) {
            case S_IFCHR: return try CameraSource(name, options, signal)
            case S_IFIFO:
                let handle = try openPipe(name)
                return try StreamSource(name, .pipe, options, signal) { signal throws(MediaError.Fault) in
                    try PipeInput(handle, signal)
                }
            default: break
            }
        } else if Camera.isName(name) {
            return try CameraSource(name, options, signal)
        }
        if SessionDescription.isName(name) {
            avformat_network_init()
            let interruption = Interruption(signal, patience: Duration(seconds: options.reconnection.patience))
            return try StreamSource(name, .network, options, signal) { _ throws(MediaError.Fault) in
                try SessionDescription(path: name, interruption)
            }
        }
        if let paths = ImageSequence.paths(name) {
            guard !paths.isEmpty else {
                throw status.map { Files.kind($0) } == S_IFDIR ? .unsupported("a folder without images") : .missing
            }
            return try ImageSequence(name, paths: paths, options, signal)
        }
        return try StreamSource(name, .file, options, signal) { _ throws(MediaError.Fault) in
            try ByteSource(path: name)
        }
    }

    /// Opens a named pipe, without a wait for its writer: that is part of reading, which can be stopped.
    private static func openPipe(_ path: String) throws(MediaError.Fault) -> FileHandle {
        let descriptor = Files.open(path, O_RDONLY | O_NONBLOCK)
        guard descriptor >= 0 else { throw .unreadable(String(cString: strerror(errno))) }
        return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }
}
