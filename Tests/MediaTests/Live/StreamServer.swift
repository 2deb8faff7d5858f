import Foundation
import Synchronization

/// A server on this machine that takes one connection after the other and does with each what the test says.
final class StreamServer: Sendable {
    /// One accepted connection.
    struct Connection: Sendable {
        /// Counted from 0.
        let index: Int
        fileprivate let descriptor: Int32

        /// A request's lines, up to the empty one; nil when the client is gone.
        func request() -> [String]? {
            var bytes: [UInt8] = []
            var byte: UInt8 = 0
            while !bytes.suffix(4).elementsEqual(Array("\r\n\r\n".utf8)) {
                guard read(descriptor, &byte, 1) == 1, bytes.count < 1 << 16 else { return nil }
                // What an RTSP client sends of its own between requests is no request.
                if bytes.isEmpty && byte == UInt8(ascii: "$") {
                    var head = [UInt8](repeating: 0, count: 3)
                    guard read(descriptor, &head, 3) == 3 else { return nil }
                    var rest = [UInt8](repeating: 0, count: Int(head[1]) << 8 | Int(head[2]))
                    guard read(descriptor, &rest, rest.count) == rest.count else { return nil }
                    continue
                }
                bytes.append(byte)
            }
            return String(decoding: bytes, as: UTF8.self).split(separator: "\r\n").map(String.init)
        }

        /// False when the client is gone.
        @discardableResult func send(_ bytes: some Collection<UInt8>) -> Bool {
            var rest = Array(bytes)[...]
            while !rest.isEmpty {
                let sent = rest.withUnsafeBytes {
                    Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
                guard sent > 0 else { return false }
                rest = rest.dropFirst(sent)
            }
            return true
        }

        @discardableResult func send(_ text: String) -> Bool { send(Array(text.utf8)) }

        /// Waits until the client has gone.
        func waitForEnd() {
            var byte: UInt8 = 0
            while read(descriptor, &byte, 1) > 0 {}
        }
    }

    let port: Int
    private let listener: Int32
    private let count = Atomic<Int>(0)

    /// Connections that were taken.
    var connections: Int { count.load(ordering: .acquiring) }

    init(_ serve: @escaping @Sendable (Connection) -> Void) throws {
        setenv("no_proxy", "127.0.0.1", 1)
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        port = try Self.bind(listener)
        guard listen(listener, 16) == 0 else { throw POSIXError(.EIO) }
        Thread.detachNewThread { [weak self, listener] in
            while true {
                let descriptor = accept(listener, nil, nil)
                guard descriptor >= 0 else { return }
                guard let self else {
                    close(descriptor)
                    return
                }
                let index = self.count.add(1, ordering: .acquiringAndReleasing).oldValue
                Thread.detachNewThread {
                    serve(Connection(index: index, descriptor: descriptor))
                    close(descriptor)
                }
            }
        }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    /// Binds a socket to a port of this machine, a free one unless given.
    @discardableResult static func bind(_ descriptor: Int32, port: Int = 0) throws -> Int {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        address.sin_port = UInt16(port).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                Foundation.bind(descriptor, pointer, length) == 0 && getsockname(descriptor, pointer, &length) == 0
            }
        }
        guard isBound else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    /// Sends a datagram to a port of this machine.
    static func sendDatagram(_ descriptor: Int32, _ bytes: some Collection<UInt8>, to port: Int) {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        address.sin_port = UInt16(port).bigEndian
        let bytes = Array(bytes)
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                _ = sendto(descriptor, bytes, bytes.count, 0, pointer, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}

/// A transport stream in packets of RTP (RFC 2250).
enum RTP {
    /// - Parameter type: of the payload; 33 is a transport stream, and those from 96 on are what a description says.
    static func packets(_ stream: [UInt8], repeated count: Int = 1, type: Int = 33) -> some Sequence<[UInt8]> {
        let starts = Array(stride(from: 0, to: stream.count, by: 7 * 188))
        return (0..<count * starts.count).lazy.map { number in
            let time = number * 900
            let start = starts[number % starts.count]
            return [0x80, type, number >> 8, number, time >> 24, time >> 16, time >> 8, time, 0, 0, 0, 1]
                .map { UInt8(truncatingIfNeeded: $0) } + stream[start..<min(start + 7 * 188, stream.count)]
        }
    }
}

/// A camera's server: one RTSP session with a transport stream in RTP (RFC 2326).
enum RTSPCamera {
    /// How it sends packets; it refuses the other.
    enum Transport {
        /// Within the connection that it is asked by.
        case tcp
        case udp
    }

    /// Answers until the client goes or the stream is through; then the connection ends.
    static func serve(_ connection: StreamServer.Connection, _ stream: [UInt8], over transport: Transport = .tcp) {
        var port = 0
        while let request = connection.request() {
            let method = request[0].prefix { $0 != " " }
            func field(_ name: String) -> String? { request.first { $0.lowercased().hasPrefix("\(name):") } }
            let sequence = field("cseq") ?? "CSeq: 0"
            let head = "RTSP/1.0 200 OK\r\n\(sequence)\r\nSession: 1\r\n"
            switch method {
            case "DESCRIBE":
                let description =
                    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nt=0 0\r\nm=video 0 RTP/AVP 33\r\na=control:track\r\n"
                connection.send(
                    head + "Content-Type: application/sdp\r\nContent-Length: \(description.utf8.count)\r\n\r\n"
                        + description)
            case "SETUP":
                let asked = field("transport") ?? ""
                guard asked.contains("TCP") == (transport == .tcp) else {
                    connection.send("RTSP/1.0 461 Unsupported Transport\r\n\(sequence)\r\n\r\n")
                    continue
                }
                guard transport == .udp else {
                    connection.send(head + "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n")
                    continue
                }
                let ports = asked.components(separatedBy: "client_port=").last?.prefix { $0.isNumber || $0 == "-" }
                port = ports.flatMap { Int($0.prefix { $0.isNumber }) } ?? 0
                connection.send(
                    head + "Transport: RTP/AVP;unicast;client_port=\(ports ?? "");server_port=6970-6971\r\n\r\n")
            case "PLAY":
                connection.send(head + "\r\n")
                return transport == .tcp ? play(connection, stream) : play(stream, to: port)
            default: connection.send(head + "Public: DESCRIBE, SETUP, PLAY, TEARDOWN\r\n\r\n")
            }
        }
    }

    private static func play(_ connection: StreamServer.Connection, _ stream: [UInt8]) {
        for packet in RTP.packets(stream) {
            let head = [UInt8(ascii: "$"), 0, UInt8(packet.count >> 8), UInt8(packet.count & 255)]
            guard connection.send(head + packet) else { return }
        }
    }

    private static func play(_ stream: [UInt8], to port: Int) {
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        for packet in RTP.packets(stream) {
            StreamServer.sendDatagram(descriptor, packet, to: port)
            usleep(2000)
        }
        close(descriptor)
        // What has been sent is to be read before the connection ends.
        usleep(300_000)
    }
}
