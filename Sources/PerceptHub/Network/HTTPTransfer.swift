import CPerceptCurl
import Foundation
import Synchronization

/// Why a transfer ended before its end; all but the second are worth another attempt.
enum TransferFault: Error {
    /// No connection came about.
    case unreachable(host: String, reason: String)
    /// The server's certificate was refused.
    case untrusted(host: String, reason: String)
    /// The connection was cut.
    case cut(reason: String)
    /// Nothing came for so long.
    case stalled(Duration)
    /// A status that says "later". `wait` is what the server asks for.
    case status(Int, wait: Duration?)
}

/// One request and its answer, whose body goes piece by piece to a closure. Redirects are answers.
///
/// Through libcurl and not through Foundation's URLSession, which on Linux is made of the same library: that has no way to
/// say which authorities are trusted, does not tell a refused certificate from a broken connection, cannot hold up a
/// sender that is faster than the disk, and stops the process when a transfer is cancelled at the wrong moment. Proxies
/// are those of `https_proxy`, `HTTPS_PROXY`, `http_proxy`, `all_proxy` and `no_proxy`, as libcurl reads them.
///
/// A thread and a connection for each.
final class HTTPTransfer {
    /// Decides by the head of the answer whether the body is wanted; a throw ends the transfer.
    typealias Accept = @Sendable (HTTPAnswer) throws -> Bool
    typealias Receive = @Sendable (UnsafeRawBufferPointer) throws -> Void

    private let request: HTTPRequest
    private let accept: Accept
    private let receive: Receive
    private var head: [UInt8] = []
    private var answer: HTTPAnswer?
    private var takesBody = false
    private var failure: (any Error)?
    private var lastSign = ContinuousClock.now

    private init(_ request: HTTPRequest, _ accept: @escaping Accept, _ receive: @escaping Receive) {
        (self.request, self.accept, self.receive) = (request, accept, receive)
    }

    /// Sends `request` and hands its body out, in order, from a thread of the transfer, which waits for the closures.
    ///
    /// - Throws: ``TransferFault``, what the closures throw, `CancellationError`.
    static func run(
        _ request: HTTPRequest, trusting authorities: TrustedAuthorities, stallTimeout: Duration,
        accept: @escaping Accept, receive: @escaping Receive
    ) async throws -> HTTPAnswer {
        try Task.checkCancellation()
        let interruption = Interruption()
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Result<HTTPAnswer, any Error>, Never>) in
                Thread.detachNewThread {
                    let transfer = HTTPTransfer(request, accept, receive)
                    continuation.resume(
                        returning: Result { try transfer.perform(authorities, stallTimeout, interruption) })
                }
            }
        } onCancel: {
            interruption.ask()
        }
        try Task.checkCancellation()
        return try result.get()
    }

    /// The wish to end a transfer, which wakes the thread that waits for its socket.
    private final class Interruption: Sendable {
        /// The address of libcurl's handle while it may be waited on.
        private let state = Mutex((isAsked: false, handle: UInt(0)))

        var isAsked: Bool { state.withLock { $0.isAsked } }

        func ask() {
            state.withLock { state in
                state.isAsked = true
                if let handle = UnsafeMutableRawPointer(bitPattern: state.handle) { curl_multi_wakeup(handle) }
            }
        }

        func watch(_ handle: UnsafeMutableRawPointer?) { state.withLock { $0.handle = UInt(bitPattern: handle) } }
    }

    /// Once for the process; other threads wait meanwhile.
    private static let isReady = percept_curl_global_init() == CURLE_OK

    private func perform(
        _ authorities: TrustedAuthorities, _ stallTimeout: Duration, _ interruption: Interruption
    ) throws -> HTTPAnswer {
        guard Self.isReady, let easy = curl_easy_init() else {
            throw TransferFault.cut(reason: "libcurl does not start")
        }
        defer { curl_easy_cleanup(easy) }
        guard let multi = curl_multi_init() else { throw TransferFault.cut(reason: "libcurl does not start") }
        defer { curl_multi_cleanup(multi) }
        var fields: UnsafeMutablePointer<curl_slist>?
        for (name, value) in request.headers { fields = curl_slist_append(fields, "\(name): \(value)") ?? fields }
        defer { curl_slist_free_all(fields) }
        let reason = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
        reason.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        defer { reason.deallocate() }
        prepare(easy, fields, reason, authorities)

        curl_multi_add_handle(multi, easy)
        interruption.watch(multi)
        defer {
            interruption.watch(nil)
            curl_multi_remove_handle(multi, easy)
        }
        let nap = max(1, min(1000, stallTimeout / .milliseconds(4)))
        var running: Int32 = 1
        var code = CURLE_OK
        while true {
            guard curl_multi_perform(multi, &running) == CURLM_OK else {
                throw TransferFault.cut(reason: "libcurl failed")
            }
            if running == 0, percept_curl_result(multi, &code) == 1 { break }
            if interruption.isAsked { throw CancellationError() }
            if lastSign.duration(to: .now) > stallTimeout { throw TransferFault.stalled(stallTimeout) }
            curl_multi_poll(multi, nil, 0, Int32(nap), nil)
        }
        if let failure { throw failure }
        if let answer, code == CURLE_OK || !takesBody { return answer }
        let text = String(cString: reason)
        throw fault(code, text.isEmpty ? String(cString: curl_easy_strerror(code)) : text)
    }

    private func prepare(
        _ easy: UnsafeMutableRawPointer, _ fields: UnsafeMutablePointer<curl_slist>?,
        _ reason: UnsafeMutablePointer<CChar>, _ authorities: TrustedAuthorities
    ) {
        percept_curl_set_text(easy, CURLOPT_URL, request.url.absoluteString)
        if request.method == "HEAD" { percept_curl_set_number(easy, CURLOPT_NOBODY, 1) }
        percept_curl_set_pointer(easy, CURLOPT_HTTPHEADER, fields)
        // Sizes and offsets are those of the file, not of something packed. What comes packed all the same is unpacked.
        percept_curl_set_text(easy, CURLOPT_ACCEPT_ENCODING, "identity")
        // One transfer for a connection gains nothing by HTTP/2.
        percept_curl_set_number(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1)
        // The largest pieces in which bytes are handed out.
        percept_curl_set_number(easy, CURLOPT_BUFFERSIZE, 256 << 10)
        percept_curl_set_number(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
        percept_curl_set_number(easy, CURLOPT_NOSIGNAL, 1)
        percept_curl_set_number(easy, CURLOPT_TCP_KEEPALIVE, 1)
        percept_curl_set_pointer(easy, CURLOPT_ERRORBUFFER, reason)
        if authorities.variable != nil {
            let file = authorities.isDirectory ? nil : authorities.path
            let directory = authorities.isDirectory ? authorities.path : nil
            for option in [CURLOPT_CAINFO, CURLOPT_PROXY_CAINFO] { percept_curl_set_text(easy, option, file) }
            for option in [CURLOPT_CAPATH, CURLOPT_PROXY_CAPATH] { percept_curl_set_text(easy, option, directory) }
        }
        let context = Unmanaged.passUnretained(self).toOpaque()
        percept_curl_set_pointer(easy, CURLOPT_HEADERDATA, context)
        percept_curl_set_receiver(easy, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
            HTTPTransfer.from(context).takeHead(UnsafeRawBufferPointer(start: bytes, count: size * count))
        }
        percept_curl_set_pointer(easy, CURLOPT_WRITEDATA, context)
        percept_curl_set_receiver(easy, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
            HTTPTransfer.from(context).takeBody(UnsafeRawBufferPointer(start: bytes, count: size * count))
        }
    }

    private static func from(_ context: UnsafeMutableRawPointer?) -> HTTPTransfer {
        // It is what `prepare` gave, and `perform`, which is running, holds it.
        Unmanaged<HTTPTransfer>.fromOpaque(context.unsafelyUnwrapped).takeUnretainedValue()
    }

    /// Takes a line of the head; the empty one ends it.
    ///
    /// - Returns: the number of bytes, or another one to end the transfer.
    private func takeHead(_ line: UnsafeRawBufferPointer) -> Int {
        lastSign = .now
        // Fields behind a body in chunks.
        if answer != nil { return line.count }
        if line.count > 2 || (line.first != 0x0A && line.first != 0x0D) {
            head += line
            return line.count
        }
        guard let answer = HTTPAnswer(head: head, url: request.url) else { return 0 }
        head = []
        // "100 Continue" and its like: the real one follows.
        guard answer.status >= 200 else { return line.count }
        self.answer = answer
        do { takesBody = try accept(answer) } catch {
            failure = error
            return 0
        }
        return line.count
    }

    /// - Returns: the number of bytes, or another one to end the transfer.
    private func takeBody(_ bytes: UnsafeRawBufferPointer) -> Int {
        guard takesBody, failure == nil else { return 0 }
        do { try receive(bytes) } catch {
            failure = error
            return 0
        }
        // A slow disk is no silence of the server.
        lastSign = .now
        return bytes.count
    }

    private func fault(_ code: CURLcode, _ reason: String) -> TransferFault {
        let host = request.url.host() ?? "the hub"
        switch code {
        case CURLE_SSL_CACERT_BADFILE:
            let advice = "the list of authorities cannot be read, and the system's is in the package ca-certificates"
            return .untrusted(host: host, reason: "\(reason) (\(advice))")
        case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_CRL_BADFILE:
            return .untrusted(host: host, reason: reason)
        case CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT, CURLE_SSL_CONNECT_ERROR,
            CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL:
            return .unreachable(host: host, reason: reason)
        default: return .cut(reason: reason)
        }
    }
}
