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
            Self.named("process_name", "device", process: Self.deviceProcess),
            Self.named("process_name", "requests", process: Self.requestProcess),
        ]
        let clients = Array(Set(trace.pieces.map(\.name))).sorted()
        for (index, client) in clients.enumerated() {
            events.append(Self.named("thread_name", client, process: Self.deviceProcess, thread: index + 1))
            events += trace.pieces.filter { $0.name == client }.map {
                Self.slice($0.name, $0.start, $0.end, process: Self.deviceProcess, thread: index + 1)
            }
        }
        // The first row that has ended by the time a request begins.
        var ends: [Duration] = []
        for request in trace.requests.sorted(by: { $0.start < $1.start }) {
            let row = ends.firstIndex { $0 <= request.start } ?? ends.count
            if row == ends.count { ends.append(.zero) }
            ends[row] = request.end
            events.append(
                Self.slice(
                    request.name, request.start, request.end, process: Self.requestProcess, thread: row + 1))
            events += request.spans.filter { $0.end > $0.start }.map {
                Self.slice($0.name, $0.start, $0.end, process: Self.requestProcess, thread: row + 1)
            }
        }
        for row in ends.indices {
            events.append(
                Self.named("thread_name", "request \(row + 1)", process: Self.requestProcess, thread: row + 1))
        }
        return .members([
            "traceEvents": .array(events), "displayTimeUnit": .string("ms"),
            "otherData": .members([
                "device": .string(device.name), "driver": .string(device.driver), "model": .string(model),
            ]),
        ])
    }

    /// Times are whole nanoseconds before they are written as microseconds, so that a slice ends exactly where the slice
    /// around it does.
    private static func slice(
        _ name: String, _ start: Duration, _ end: Duration, process: Int, thread: Int
    ) -> JSONText {
        let times = [start, end].map { Int(($0 / .nanoseconds(1)).rounded()) }
        return .members([
            "name": .string(name), "ph": .string("X"), "ts": .number(Double(times[0]) / 1000),
            "dur": .number(Double(times[1] - times[0]) / 1000), "pid": .integer(process), "tid": .integer(thread),
        ])
    }

    private static func named(_ kind: String, _ name: String, process: Int, thread: Int = 0) -> JSONText {
        .members([
            "name": .string(kind), "ph": .string("M"), "pid": .integer(process), "tid": .integer(thread),
            "args": .members(["name": .string(name)]),
        ])
    }
}

extension DeviceTrace.Request {
    fileprivate var start: Duration { spans.first?.start ?? .zero }
    fileprivate var end: Duration { spans.last?.end ?? .zero }
}
