/// Events of Chrome's trace format, which ui.perfetto.dev opens.
enum TraceEvent {
    /// A stretch of time in a row.
    ///
    /// Times are whole nanoseconds before they are written as microseconds, so that a slice ends exactly where the slice
    /// around it does.
    static func slice(
        _ name: String, _ start: Duration, _ end: Duration, process: Int, thread: Int,
        _ others: [(name: String, value: JSONText)] = []
    ) -> JSONText {
        let times = [start, end].map(nanoseconds)
        return .object(
            [
                (name: "name", value: .string(name)), (name: "ph", value: .string("X")),
                (name: "ts", value: .number(Double(times[0]) / 1000)),
                (name: "dur", value: .number(Double(times[1] - times[0]) / 1000)),
                (name: "pid", value: .integer(process)), (name: "tid", value: .integer(thread)),
            ] + others)
    }

    /// What a process or a row is called.
    ///
    /// - Parameter kind: `process_name` or `thread_name`.
    static func named(_ kind: String, _ name: String, process: Int, thread: Int = 0) -> JSONText {
        .members([
            "name": .string(kind), "ph": .string("M"), "pid": .integer(process), "tid": .integer(thread),
            "args": .members(["name": .string(name)]),
        ])
    }

    static func nanoseconds(_ time: Duration) -> Int { Int((time / .nanoseconds(1)).rounded()) }
}
