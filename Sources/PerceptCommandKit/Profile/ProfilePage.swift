import CPerceptData
import Percept

extension ProfileReport {
    /// One HTML page that needs nothing else: the roofline, the time line and the table.
    var page: String {
        // Nothing in the data may end the element that it stands in. It comes last, so that it is not looked into.
        let document = pageData.text.split(separator: "<", omittingEmptySubsequences: false).joined(
            separator: "\\u003c")
        return [
            ("@STYLE@", Self.text(percept_profile_style())), ("@SCRIPT@", Self.text(percept_profile_script())),
            ("@PROFILE@", document),
        ].reduce(Self.text(percept_profile_page())) { page, part in
            page.split(separator: part.0, maxSplits: 1, omittingEmptySubsequences: false).joined(separator: part.1)
        }
    }

    private static func text(_ data: PerceptData) -> String {
        String(decoding: UnsafeBufferPointer(start: data.bytes, count: data.count), as: UTF8.self)
    }

    private var pageData: JSONText {
        .members([
            "model": .string(profile.model), "precision": .string(profile.precision.rawValue),
            "device": .string(profile.device.name), "driver": .string(profile.device.driver),
            "mode": .string(profile.mode.rawValue), "notes": .strings(notes),
            "roofs": .members([
                "bytes": .number(profile.roofs.bytesPerSecond), "scalar": .number(profile.roofs.scalarFlopsPerSecond),
                "matrix": .number(profile.roofs.matrixFlopsPerSecond),
            ]),
            "stages": .array(profile.stages.indices.map(pageStage)),
        ])
    }

    private func pageStage(_ index: Int) -> JSONText {
        let stage = profile.stages[index]
        return .members([
            "name": .string(stage.name), "units": .integer(stage.units), "total": .number(stage.total.microseconds),
            "gaps": .number(stage.gaps.microseconds),
            "concurrent": concurrent.map { .number($0[index].microseconds) } ?? .null,
            "runs": .array(stage.totals.map { .number($0.microseconds) }), "barriers": .integer(stage.barriers),
            "submissions": .integer(stage.submissions.count),
            "host": .object(
                ["pipelines", "record", "submit"].map { ($0, .number(stage.hostTime($0).microseconds)) }),
            "entries": .array(
                stage.entries.map { entry in
                    .members([
                        "layer": .string(entry.layer), "operation": .string(entry.operation),
                        "kernel": .string(entry.kernel), "flops": .number(entry.flops), "bytes": .number(entry.bytes),
                        "us": .number(entry.time.microseconds),
                        // Start and end of each part.
                        "spans": .array(
                            entry.spans.map {
                                .array([.number($0.start.microseconds), .number($0.end.microseconds)])
                            }),
                    ])
                }),
        ])
    }
}
