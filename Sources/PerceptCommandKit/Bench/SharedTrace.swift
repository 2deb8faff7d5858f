import Percept
import PerceptFiles

/// A trace of a shared device in the trace event format of Chrome, which ui.perfetto.dev opens: a row for each who had the
/// device, and requests in as few rows as have room for them side by side.
struct SharedTrace {
    let trace: DeviceTrace
    let device: DeviceDescription
    let model: String

    /// Does something and, where a file is named, writes there what the device did meanwhile.
    static func written<T>(
        to file: String?, _ gpu: GPU, model: String, _ body: () async throws -> T
    ) async throws -> T {
        guard let file else { return try await body() }
        let (value, trace) = try await gpu.tracing(body)
        let text = SharedTrace(trace: trace, device: gpu.description, model: model).json.text
        try NewFile.write(Array(text.utf8), to: file)
        return value
    }

    private static let (deviceProcess, requestProcess) = (1, 2)

    var json: JSONText {
        var events = [
            TraceEvent.named("process_name", "device", process: Self.deviceProcess),
            TraceEvent.named("process_name", "requests", process: Self.requestProcess),
        ]
        let clients = Array(Set(trace.pieces.map(\.name))).sorted()
        for (index, client) in clients.enumerated() {
            events.append(TraceEvent.named("thread_name", client, process: Self.deviceProcess, thread: index + 1))
            events += trace.pieces.filter { $0.name == client }.map {
                TraceEvent.slice($0.name, $0.start, $0.end, process: Self.deviceProcess, thread: index + 1)
            }
        }
        // The first row that has ended by the time a request begins.
        var ends: [Duration] = []
        for request in trace.requests.sorted(by: { $0.start < $1.start }) {
            let row = ends.firstIndex { $0 <= request.start } ?? ends.count
            if row == ends.count { ends.append(.zero) }
            ends[row] = request.end
            events.append(
                TraceEvent.slice(
                    request.name, request.start, request.end, process: Self.requestProcess, thread: row + 1))
            events += request.spans.filter { $0.end > $0.start }.map {
                TraceEvent.slice($0.name, $0.start, $0.end, process: Self.requestProcess, thread: row + 1)
            }
        }
        for row in ends.indices {
            events.append(
                TraceEvent.named("thread_name", "request \(row + 1)", process: Self.requestProcess, thread: row + 1))
        }
        return .members([
            "traceEvents": .array(events), "displayTimeUnit": .string("ms"),
            "otherData": .members([
                "device": .string(device.name), "driver": .string(device.driver), "model": .string(model),
            ]),
        ])
    }
}

extension DeviceTrace.Request {
    fileprivate var start: Duration { spans.first?.start ?? .zero }
    fileprivate var end: Duration { spans.last?.end ?? .zero }
}
