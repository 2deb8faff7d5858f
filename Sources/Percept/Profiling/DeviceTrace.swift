import PerceptRuntime

/// What a device computed for whom, and what those who asked waited for.
public struct DeviceTrace: Sendable, Hashable {
    /// A stretch of time since the trace began.
    public struct Span: Sendable, Hashable {
        /// Whose piece the device computed (`encoder`, `bulk`, `prompts`, `steps`, `frames`), or what happened with a request.
        public let name: String
        /// Since the trace began.
        public let start: Duration
        /// Since the trace began.
        public let end: Duration
    }

    /// What came of one request.
    public struct Request: Sendable, Hashable {
        /// `embedding` or `answer`.
        public let name: String
        /// One behind the other.
        public let spans: [Span]
    }

    /// Pieces of work in the order in which the device did them.
    public let pieces: [Span]
    /// In the order in which they ended.
    public let requests: [Request]
}

extension GPU {
    /// Notes what the device computes in turns (<doc:SharingADevice>), and for whom, while `body` runs.
    ///
    /// One trace of a device is made at a time.
    public func tracing<T>(
        isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> T
    ) async rethrows -> (value: T, trace: DeviceTrace) {
        let trace = runtime.turns.trace
        let start = ContinuousClock.now
        trace.start()
        let value: T
        do { value = try await body() } catch {
            _ = trace.stop()
            throw error
        }
        let found = trace.stop()
        func spans(_ spans: [TurnTrace.Span]) -> [DeviceTrace.Span] {
            spans.map { DeviceTrace.Span(name: $0.name, start: $0.start - start, end: $0.end - start) }
        }
        return (
            value,
            DeviceTrace(
                pieces: spans(found.pieces),
                requests: found.requests.map { DeviceTrace.Request(name: $0.name, spans: spans($0.spans)) })
        )
    }
}
