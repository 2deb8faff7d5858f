import Percept

extension ProfileReport {
    /// The profile in the trace event format of Chrome, which ui.perfetto.dev opens: what the host and the device did, on
    /// the host's clock.
    var trace: JSONText {
        let origin = profile.stages.flatMap { stage in stage.host.map { stage.start + $0.span.start } }.min() ?? .zero
        var events = [
            TraceEvent.named("process_name", "CPU", process: Self.cpu),
            TraceEvent.named("process_name", "GPU", process: Self.gpu),
            TraceEvent.named("thread_name", "percept.device", process: Self.cpu, thread: 1),
            TraceEvent.named("thread_name", "submissions", process: Self.gpu, thread: 1),
            TraceEvent.named("thread_name", "layers and dispatches", process: Self.gpu, thread: 2),
        ]
        for (index, stage) in profile.stages.enumerated() { events += Self.events(stage, index, origin, profile.roofs) }
        return .members([
            "traceEvents": .array(events), "displayTimeUnit": .string("ms"),
            "otherData": .members([
                "device": .string(profile.device.name), "driver": .string(profile.device.driver),
                "model": .string(profile.model), "precision": .string(profile.precision.rawValue),
                "mode": .string(profile.mode.rawValue),
                "clock_deviation_us": .number(
                    profile.stages.map(\.clockDeviation.microseconds).max() ?? 0),
            ]),
        ])
    }

    private static let (cpu, gpu) = (1, 2)

    private static func events(
        _ stage: Profile.Stage, _ index: Int, _ origin: Duration, _ roofs: Profile.Roofs
    ) -> [JSONText] {
        func slice(
            _ name: String, _ category: String, _ start: Duration, _ end: Duration, process: Int, thread: Int,
            _ arguments: [(name: String, value: JSONText)] = []
        ) -> JSONText {
            TraceEvent.slice(
                name, stage.start + start - origin, stage.start + end - origin, process: process, thread: thread,
                [(name: "cat", value: .string(category)), (name: "args", value: .object(arguments))])
        }
        func moment(
            _ name: String, _ phase: String, _ time: Duration, process: Int, thread: Int,
            _ others: [(name: String, value: JSONText)]
        ) -> JSONText {
            .object(
                [
                    (name: "name", value: .string(name)), (name: "ph", value: .string(phase)),
                    (name: "ts", value: .number(Double(TraceEvent.nanoseconds(stage.start + time - origin)) / 1000)),
                    (name: "pid", value: .integer(process)), (name: "tid", value: .integer(thread)),
                ] + others)
        }

        var events: [JSONText] = []
        for activity in stage.host {
            events.append(
                slice(
                    "\(stage.name): \(activity.name)", "host", activity.span.start, activity.span.end, process: cpu,
                    thread: 1))
        }
        for (number, span) in stage.submissions.enumerated() {
            events.append(
                slice("\(stage.name) \(number)", "submission", span.start, span.end, process: gpu, thread: 1))
        }
        // An arrow from the submission to the device's first work.
        if let submit = stage.host.first(where: { $0.name == "submit" }), let first = stage.submissions.first {
            let flow: [(name: String, value: JSONText)] = [
                (name: "cat", value: .string("flow")), (name: "id", value: .integer(index + 1)),
            ]
            events.append(moment("submit", "s", submit.span.start, process: cpu, thread: 1, flow))
            events.append(
                moment("submit", "f", first.start, process: gpu, thread: 1, flow + [(name: "bp", value: .string("e"))])
            )
        }
        for layer in stage.layerRuns {
            guard let first = layer.first?.spans.first, let last = layer.last?.spans.last else { continue }
            events.append(slice(layer[0].layer, "layer", first.start, last.end, process: gpu, thread: 2))
            for entry in layer {
                let share = entry.share(of: roofs)
                for span in entry.spans {
                    events.append(
                        slice(
                            entry.operation.isEmpty ? entry.kernel : "\(entry.operation) (\(entry.kernel))", "dispatch",
                            span.start, span.end, process: gpu, thread: 2,
                            [
                                (name: "kernel", value: .string(entry.kernel)),
                                (name: "GFLOP/s", value: .number(entry.flopsPerSecond / 1e9)),
                                (name: "GB/s", value: .number(entry.bytesPerSecond / 1e9)),
                                (name: "% of roof", value: .number(100 * share)),
                            ]))
                    for (time, value) in [(span.start, 100 * share), (span.end, 0)] {
                        events.append(
                            moment(
                                "% of roof", "C", time, process: gpu, thread: 0,
                                [(name: "args", value: .members(["%": .number(value)]))]))
                    }
                }
            }
        }
        return events
    }
}

extension Profile.Stage {
    /// Neighbouring entries of one layer, together.
    var layerRuns: [[Profile.Entry]] {
        entries.reduce(into: []) { runs, entry in
            if runs.last?.last?.layer == entry.layer {
                runs[runs.count - 1].append(entry)
            } else {
                runs.append([entry])
            }
        }
    }
}
