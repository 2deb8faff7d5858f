import CPerceptMedia
package import Foundation

/// A server on this machine that speaks TLS, through FFmpeg: it answers one request with a stream.
package final class TLSServer: Sendable {
    package let port: Int
    private let ended = DispatchSemaphore(value: 0)

    package static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures/tls")

    /// - Parameter certificate: its file's name.
    package init(_ certificate: String, _ answer: [UInt8]) throws {
        avformat_network_init()
        let free = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        port = try Self.bind(free)
        close(free)
        Thread.detachNewThread { [port, ended] in
            defer { ended.signal() }
            var options: OpaquePointer?
            av_dict_set(&options, "listen", "1", 0)
            av_dict_set(&options, "listen_timeout", "5000", 0)
            av_dict_set(&options, "cert_file", Self.folder.appending(path: certificate).path, 0)
            av_dict_set(&options, "key_file", Self.folder.appending(path: "key.pem").path, 0)
            var io: UnsafeMutablePointer<AVIOContext>?
            let opened = avio_open2(
                &io, "tls://127.0.0.1:\(port)?listen=1&listen_timeout=5000", AVIO_FLAG_READ_WRITE, nil, &options)
            av_dict_free(&options)
            guard opened >= 0 else { return }
            var request: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 4096)
            while !request.suffix(4).elementsEqual(Array("\r\n\r\n".utf8)) {
                let count = avio_read_partial(io, &buffer, Int32(buffer.count))
                guard count > 0 else { break }
                request += buffer.prefix(Int(count))
            }
            if !request.isEmpty {
                avio_write(io, answer, Int32(answer.count))
                avio_flush(io)
            }
            avio_closep(&io)
        }
        // The system's list of sockets: whether one listens at the port (state 0A).
        let entry = String(format: "0100007F:%04X 00000000:0000 0A", port)
        for _ in 0..<500 {
            if try String(contentsOfFile: "/proc/net/tcp", encoding: .utf8).contains(entry) { return }
            usleep(10_000)
        }
        throw POSIXError(.ETIMEDOUT)
    }

    /// Gives a socket a port that is free.
    private static func bind(_ descriptor: Int32) throws -> Int {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                Foundation.bind(descriptor, pointer, length) == 0 && getsockname(descriptor, pointer, &length) == 0
            }
        }
        guard isBound else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    /// Waits until the one connection is over.
    package func wait() { ended.wait() }
}
