import Foundation
import PerceptHub
import Synchronization

/// A hub on this machine, over HTTP/1.1, with one repository and any number of faults.
///
/// A thread for each connection, which takes one request.
final class FakeHub: Sendable {
    /// Something that goes wrong, once, with the next request for a file or, under ``listing``, for the description.
    enum Fault: Sendable {
        case status(Int, [String: String] = [:])
        /// All headers, then so many bytes, then the end of the connection.
        case cut(after: Int)
        /// The same without a length in the headers.
        case cutUnsized(after: Int)
        /// So many bytes, then nothing more, with the connection open.
        case stall(after: Int)
        /// All bytes, one of them wrong.
        case corrupt
        /// The whole file, whatever range was asked for.
        case ignoreRange
        /// A file of another length.
        case length(Int)
        /// Other bytes altogether, and headers in place of the usual ones.
        case answer([UInt8], [String: String] = [:])
        case redirect(String)
        /// A pause before the answer, in seconds.
        case late(Double)
    }

    struct File: Sendable {
        var bytes: [UInt8]
        /// Kept outside of git, under its SHA-256.
        var isLarge = true
    }

    struct Request: Sendable {
        let method: String
        /// With the query.
        let path: String
        /// By names in lower case.
        let headers: [String: String]
        /// Bytes of the body that were sent.
        var sent = 0

        /// The first byte asked for.
        var offset: Int? {
            headers["range"].flatMap { Int($0.dropFirst("bytes=".count).prefix { $0.isNumber }) }
        }
    }

    static let listing = ""
    static let commit = "0123456789abcdef0123456789abcdef01234567"

    let id: String
    let port: Int
    private let listener: Int32
    private struct State {
        var files: [String: File]
        var faults: [String: [Fault]] = [:]
        var requests: [Request] = []
        var tellsHashes = true
    }
    private let state: Mutex<State>

    init(_ files: [String: File], id: String = "someone/model") throws {
        // A proxy would look for this machine elsewhere.
        setenv("no_proxy", "127.0.0.1", 1)
        self.id = id
        state = Mutex(State(files: files))
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = listener
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(listener, pointer, length) == 0 && listen(listener, 64) == 0
                    && getsockname(listener, pointer, &length) == 0
            }
        }
        guard result else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        port = Int(UInt16(bigEndian: address.sin_port))
        Thread.detachNewThread { [weak self] in
            while true {
                let connection = accept(listener, nil, nil)
                guard connection >= 0, let self else {
                    if connection >= 0 { close(connection) }
                    return
                }
                Thread.detachNewThread { self.serve(connection) }
            }
        }
    }

    deinit { shutdown(listener, Int32(SHUT_RDWR)) }

    var endpoint: String { "http://127.0.0.1:\(port)" }
    var requests: [Request] { state.withLock { $0.requests } }
    /// Requests for a file's contents.
    func requests(for file: String) -> [Request] { requests.filter { $0.path.hasSuffix("/\(file)") } }
    /// Bytes of files that were sent.
    var bytesSent: Int { requests.filter { !$0.path.hasPrefix("/api") }.reduce(0) { $0 + $1.sent } }

    func fail(_ file: String, _ faults: Fault...) { state.withLock { $0.faults[file, default: []] += faults } }
    func forgetRequests() { state.withLock { $0.requests = [] } }
    func hideHashes() { state.withLock { $0.tellsHashes = false } }

    /// What names the contents in the cache.
    static func tag(_ file: File) -> String {
        let kind = ContentHash(tag: String(repeating: "0", count: file.isLarge ? 64 : 40))
        guard let hash = kind.flatMap({ RunningHash($0, size: file.bytes.count) }) else { return "" }
        file.bytes.withUnsafeBytes(hash.update)
        return hash.finish()
    }

    // MARK: One connection

    private func serve(_ connection: Int32) {
        defer { close(connection) }
        guard var request = Self.read(connection) else { return }
        let prefix = "/\(id)/resolve/\(Self.commit)/"
        let name = request.path.hasPrefix(prefix) ? String(request.path.dropFirst(prefix.count)) : Self.listing
        let (fault, file, tellsHashes) = state.withLock { state in
            let waiting = state.faults[name] ?? []
            state.faults[name] = Array(waiting.dropFirst())
            return (waiting.first, state.files[name], state.tellsHashes)
        }
        let index = state.withLock { state in
            state.requests.append(request)
            return state.requests.count - 1
        }
        defer { state.withLock { if index < $0.requests.count { $0.requests[index].sent = request.sent } } }

        var headers: [String: String] = [:]
        var body: [UInt8]
        if name == Self.listing {
            guard request.path.hasPrefix("/api/models/\(id)/revision/") else {
                return Self.send(connection, 404, ["X-Error-Code": "RepoNotFound"], [], &request)
            }
            body = Array(description.utf8)
        } else if let file {
            headers["ETag"] = tellsHashes ? "\"\(Self.tag(file))\"" : nil
            if file.isLarge, tellsHashes { headers["X-Linked-Etag"] = "\"\(Self.tag(file))\"" }
            headers["X-Repo-Commit"] = Self.commit
            body = file.bytes
        } else {
            return Self.send(connection, 404, ["X-Error-Code": "EntryNotFound"], [], &request)
        }

        var usesRange = true
        var most: Int?
        var isSized = true
        switch fault {
        case .status(let status, let fields): return Self.send(connection, status, fields, [], &request)
        case .redirect(let target): return Self.send(connection, 302, ["Location": target], [], &request)
        case .cut(let count): most = count
        case .cutUnsized(let count): (most, isSized) = (count, false)
        case .stall(let count): most = count
        case .corrupt: body[body.count / 2] ^= 1
        case .ignoreRange: usesRange = false
        case .length(let count):
            body = Array(body.prefix(count)) + [UInt8](repeating: 0, count: max(0, count - body.count))
        case .answer(let bytes, let fields): (body, headers) = (bytes, fields)
        case .late(let seconds): Thread.sleep(forTimeInterval: seconds)
        case nil: break
        }
        var status = 200
        if usesRange, let offset = request.offset {
            guard offset < body.count else { return Self.send(connection, 416, [:], [], &request) }
            headers["Content-Range"] = "bytes \(offset)-\(body.count - 1)/\(body.count)"
            body = Array(body[offset...])
            status = 206
        }
        Self.send(connection, status, headers, body, most: most, isSized: isSized, &request)
        if case .stall = fault {
            // Until the other side gives up.
            var byte: UInt8 = 0
            _ = recv(connection, &byte, 1, 0)
        }
    }

    private var description: String {
        let (files, tellsHashes) = state.withLock { ($0.files, $0.tellsHashes) }
        let siblings = files.sorted { $0.key < $1.key }.map { name, file in
            let name = String(decoding: (try? JSONEncoder().encode(name)) ?? Data(), as: UTF8.self)
            guard tellsHashes else { return #"{"rfilename":\#(name)}"# }
            let tag = Self.tag(file)
            let size = file.bytes.count
            return file.isLarge
                ? #"{"rfilename":\#(name),"size":\#(size),"blobId":"0","lfs":{"sha256":"\#(tag)","size":\#(size)}}"#
                : #"{"rfilename":\#(name),"size":\#(size),"blobId":"\#(tag)"}"#
        }
        return #"{"id":"\#(id)","sha":"\#(Self.commit)","siblings":[\#(siblings.joined(separator: ","))]}"#
    }

    private static func read(_ connection: Int32) -> Request? {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while !bytes.suffix(4).elementsEqual("\r\n\r\n".utf8) {
            let count = recv(connection, &buffer, buffer.count, 0)
            guard count > 0, bytes.count < 1 << 16 else { return nil }
            bytes += buffer[..<count]
        }
        let lines = String(decoding: bytes, as: UTF8.self).components(separatedBy: "\r\n")
        let words = lines[0].split(separator: " ").map(String.init)
        guard words.count == 3 else { return nil }
        let headers = lines.dropFirst().reduce(into: [String: String]()) { headers, line in
            guard let colon = line.firstIndex(of: ":") else { return }
            headers[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingCharacters(
                in: .whitespaces)
        }
        return Request(method: words[0], path: words[1], headers: headers)
    }

    private static func send(
        _ connection: Int32, _ status: Int, _ headers: [String: String], _ body: [UInt8] = [], most: Int? = nil,
        isSized: Bool = true, _ request: inout Request
    ) {
        var head = "HTTP/1.1 \(status) Status\r\nConnection: close\r\n"
        if isSized { head += "Content-Length: \(body.count)\r\n" }
        for (name, value) in headers { head += "\(name): \(value)\r\n" }
        guard write(connection, Array((head + "\r\n").utf8)) != nil, request.method != "HEAD" else { return }
        request.sent = write(connection, body.prefix(most ?? body.count)) ?? 0
    }

    /// - Returns: nil if the other side is gone.
    private static func write(_ connection: Int32, _ bytes: some Collection<UInt8>) -> Int? {
        let bytes = Array(bytes)
        var done = 0
        while done < bytes.count {
            let count = bytes[done...].withUnsafeBytes {
                Glibc.send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return nil }
            done += count
        }
        return done
    }
}
