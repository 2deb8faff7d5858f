import Foundation
import Synchronization

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// The head of an answer.
struct HTTPAnswer: Sendable {
    let status: Int
    let url: URL
    /// By names in lower case.
    private let fields: [String: String]

    init(_ response: HTTPURLResponse, url: URL) {
        status = response.statusCode
        self.url = response.url ?? url
        fields = response.allHeaderFields.reduce(into: [:]) { fields, field in
            fields["\(field.key)".lowercased()] = "\(field.value)"
        }
    }

    subscript(name: String) -> String? { fields[name.lowercased()] }

    var isRedirect: Bool { [301, 302, 303, 307, 308].contains(status) }
}

/// Why a transfer ended before its end; all of these are worth another attempt.
enum TransferFault: Error {
    /// No connection came about.
    case unreachable(reason: String)
    /// The connection was cut.
    case cut(reason: String)
    /// Nothing came for so long.
    case stalled(Duration)
    /// A status that says "later". `wait` is what the server asks for.
    case status(Int, wait: Duration?)
}

/// One request and its answer, through URLSession, whose body goes piece by piece to a closure. Redirects are answers.
///
/// A session of its own for each: its queue holds up this transfer and no other.
final class HTTPTransfer: NSObject, URLSessionDataDelegate, Sendable {
    /// Decides by the head of the answer whether the body is wanted; a throw ends the transfer.
    typealias Accept = @Sendable (HTTPAnswer) throws -> Bool
    typealias Receive = @Sendable (UnsafeRawBufferPointer) throws -> Void

    private struct State {
        var answer: HTTPAnswer?
        var takesBody = false
        var failure: (any Error)?
        var lastSign = ContinuousClock.now
        /// Its cancellation was asked for.
        var isEnding = false
        var isCancelled = false
        /// Its end was delivered.
        var isOver = false
        var continuation: CheckedContinuation<Void, Never>?
    }

    private let url: URL
    private let accept: Accept
    private let receive: Receive
    private let queue = DeliveryQueue()
    private let state = Mutex(State())

    private init(url: URL, accept: @escaping Accept, receive: @escaping Receive) {
        self.url = url
        self.accept = accept
        self.receive = receive
    }

    /// Sends `request` and hands its body out, in order, from a thread of the transfer.
    ///
    /// - Throws: ``TransferFault``, what the closures throw, `CancellationError`.
    static func run(
        _ request: URLRequest, url: URL, stallTimeout: Duration, accept: @escaping Accept, receive: @escaping Receive
    ) async throws -> HTTPAnswer {
        try Task.checkCancellation()
        let transfer = HTTPTransfer(url: url, accept: accept, receive: receive)
        let configuration = URLSessionConfiguration.ephemeral
        // A cache would keep every body in memory.
        configuration.urlCache = nil
        configuration.httpCookieStorage = nil
        configuration.urlCredentialStorage = nil
        let session = URLSession(configuration: configuration, delegate: transfer, delegateQueue: transfer.queue)
        defer { session.finishTasksAndInvalidate() }
        var request = request
        // URLSession's own limit counts from the beginning; the watch below counts from the last sign of life.
        request.timeoutInterval = 7 * 86400
        let task = session.dataTask(with: request)
        let watch = Task { await transfer.watch(task, stallTimeout) }
        defer { watch.cancel() }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = transfer.state.withLock { state in
                    state.lastSign = .now
                    // Cancelled, and its end delivered, before it began.
                    if !state.isOver { state.continuation = continuation }
                    return state.isOver
                }
                if isOver { continuation.resume() } else { task.resume() }
            }
        } onCancel: {
            transfer.end(task)
        }
        try Task.checkCancellation()
        return try transfer.state.withLock { state in
            if let failure = state.failure { throw failure }
            guard let answer = state.answer else { throw TransferFault.cut(reason: "the server said nothing") }
            return answer
        }
    }

    /// Breaks the transfer off when it stands still.
    private func watch(_ task: URLSessionDataTask, _ timeout: Duration) async {
        while (try? await Task.sleep(for: timeout / 8)) != nil {
            let isStalled = state.withLock { state in
                guard state.lastSign.duration(to: .now) > timeout else { return false }
                state.failure = state.failure ?? TransferFault.stalled(timeout)
                return true
            }
            if isStalled { return end(task) }
        }
    }

    /// Cancels the task, once.
    private func end(_ task: URLSessionTask) {
        let isFirst = state.withLock { state in
            defer { state.isEnding = true }
            return !state.isEnding
        }
        guard isFirst else { return }
        queue.end { [self] in
            guard state.withLock({ !$0.isOver }) else { return }
            state.withLock { $0.isCancelled = true }
            task.cancel()
        }
    }

    // MARK: Called on the transfer's queue

    func urlSession(
        _ session: URLSession, task: URLSessionTask, willPerformHTTPRedirection response: HTTPURLResponse,
        newRequest request: URLRequest, completionHandler: @escaping (URLRequest?) -> Void
    ) {
        // After a cancellation nobody waits for the answer, and giving it would stop the process (HTTPURLProtocol.swift).
        guard state.withLock({ !$0.isEnding }) else { return }
        completionHandler(nil)
    }

    func urlSession(
        _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
        completionHandler: @escaping (URLSession.ResponseDisposition) -> Void
    ) {
        take(response, dataTask)
        completionHandler(.allow)
    }

    private func take(_ response: URLResponse, _ task: URLSessionTask) {
        guard let response = response as? HTTPURLResponse else { return }
        let answer = HTTPAnswer(response, url: url)
        let result = Result { try accept(answer) }
        state.withLock { state in
            state.lastSign = .now
            state.answer = answer
            switch result {
            case .success(let isWanted): state.takesBody = isWanted
            case .failure(let error): state.failure = state.failure ?? error
            }
        }
        if case .failure = result { end(task) }
    }

    func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
        let isWanted = state.withLock { state in
            state.lastSign = .now
            return state.takesBody && state.failure == nil
        }
        guard isWanted else { return }
        do { try data.withUnsafeBytes(receive) } catch {
            state.withLock { $0.failure = $0.failure ?? error }
            end(dataTask)
        }
    }

    func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
        // A task whose end is delivered between its cancellation and its effect stops the process ("Trying to access a
        // behaviour for a task that in not in the registry", TaskRegistry.swift of swift-corelibs-foundation). The effect
        // begins with setting the error.
        if state.withLock({ $0.isCancelled }) {
            for _ in 0..<10_000 where task.error == nil { usleep(1000) }
        }
        if state.withLock({ $0.answer == nil }), error == nil, let response = task.response { take(response, task) }
        let continuation = state.withLock { state in
            if let error { state.failure = state.failure ?? Self.fault(error) }
            defer { state.continuation = nil }
            state.isOver = true
            return state.continuation
        }
        continuation?.resume()
    }

    private static func fault(_ error: any Error) -> TransferFault {
        let reason = (error as NSError).localizedDescription
        let unreachable: [URLError.Code] = [
            .cannotConnectToHost, .cannotFindHost, .dnsLookupFailed, .notConnectedToInternet, .secureConnectionFailed,
            .serverCertificateUntrusted, .badURL, .unsupportedURL,
        ]
        guard let code = (error as? URLError)?.code, unreachable.contains(code) else { return .cut(reason: reason) }
        return .unreachable(reason: reason)
    }
}
