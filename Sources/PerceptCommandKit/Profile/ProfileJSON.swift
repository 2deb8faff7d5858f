import Percept

extension ProfileReport {
    /// The documented object: totals, an element for each dispatch, and the host's share.
    var json: JSONText {
        .members([
            "device": .string(profile.device.name), "driver": .string(profile.device.driver),
            "model": .string(profile.model), "precision": .string(profile.precision.rawValue),
            "mode": .string(profile.mode.rawValue), "total_us": .number(total.microseconds),
            "gaps_us": .number(gaps.microseconds),
            "concurrent_us": concurrent.map { .number($0.reduce(.zero, +).microseconds) } ?? .null,
            "kernels": .array(profile.stages.flatMap { stage in stage.entries.map { row($0, of: stage) } }),
            "cpu": .members([
                "pipelines_us": .number(hostTime("pipelines").microseconds),
                "record_us": .number(hostTime("record").microseconds),
                "submit_us": .number(hostTime("submit").microseconds),
            ]),
            "roofs": .members([
                "bytes_per_second": .number(profile.roofs.bytesPerSecond),
                "scalar_flops_per_second": .number(profile.roofs.scalarFlopsPerSecond),
                "matrix_flops_per_second": .number(profile.roofs.matrixFlopsPerSecond),
            ]),
            "stages": .array(profile.stages.indices.map(summary)),
        ])
    }

    private func row(_ entry: Profile.Entry, of stage: Profile.Stage) -> JSONText {
        .members([
            "stage": .string(stage.name), "name": .string(entry.kernel), "layer": .string(entry.layer),
            "operation": .string(entry.operation), "us": .number(entry.time.microseconds),
            "flops": .number(entry.flops), "bytes": .number(entry.bytes),
            "roof": .number(entry.share(of: profile.roofs)), "resolved": .bool(entry.isResolved),
        ])
    }

    private func summary(_ index: Int) -> JSONText {
        let stage = profile.stages[index]
        return .members([
            "name": .string(stage.name), "units": .integer(stage.units),
            "total_us": .number(stage.total.microseconds), "gaps_us": .number(stage.gaps.microseconds),
            "concurrent_us": concurrent.map { .number($0[index].microseconds) } ?? .null,
            "runs_us": .array(stage.totals.map { .number($0.microseconds) }),
            "dispatches": .integer(stage.entries.count { $0.kernel != "copy" }), "barriers": .integer(stage.barriers),
            "submissions": .integer(stage.submissions.count),
            "clock_deviation_us": .number(stage.clockDeviation.microseconds),
        ])
    }
}
