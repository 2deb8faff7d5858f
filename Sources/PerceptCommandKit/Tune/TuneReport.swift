import Percept

/// What tuning has found: a table before and after, or JSON.
struct TuneReport {
    let tuning: Tuning
    let model: TunedModel

    var text: String {
        var lines = [Self.heading(model), table.text]
        let before = total(\.before), after = total { $0.after }
        if let before, let after {
            lines.append(
                "all of them in one run: \(Format.fixed(before, 3)) ms before, \(Format.fixed(after, 3)) ms after")
        }
        for shape in tuning.shapes {
            for refusal in shape.refused {
                lines.append("refused for \(shape.name): \(refusal.kernel): \(refusal.reason)")
            }
        }
        return lines.joined(separator: "\n")
    }

    private static func heading(_ model: TunedModel) -> String {
        "\(model.name), \(model.precision.rawValue), on \(model.gpu.description.name) "
            + "(\(model.gpu.description.driver)), tuned as \(model.gpu.family)"
    }

    /// Milliseconds of all uses; nil where one was not timed.
    private func total(_ candidate: (Tuning.Shape) -> Tuning.Candidate?) -> Double? {
        let times = tuning.shapes.map { shape in
            candidate(shape).map { Double(shape.uses) * Format.milliseconds($0.time) }
        }
        return times.contains { $0 == nil } ? nil : times.reduce(0) { $0 + ($1 ?? 0) }
    }

    /// Columns of what drivers tell are there where one does.
    private var table: Table {
        let tells = tuning.shapes.contains { $0.candidates.contains { $0.registers != nil || $0.spills != nil } }
        let columns: [(name: String, alignment: Table.Alignment)] = [
            ("shape", .left), ("uses", .right), ("before", .left), ("ms", .right), ("after", .left), ("ms", .right),
            ("times as fast", .right),
        ]
        let further: [(name: String, alignment: Table.Alignment)] = [
            ("registers", .right), ("spills", .right), ("subgroups a unit", .right),
        ]
        var table = Table(tells ? columns + further : columns)
        func text(_ value: Int?) -> String { value.map(String.init) ?? "–" }
        for shape in tuning.shapes {
            let isSame = shape.before?.kernel == shape.after.kernel
            let after = shape.after
            let cells = [
                shape.name, String(shape.uses), shape.before?.kernel ?? "refused",
                shape.before.map { Format.fixed(Format.milliseconds($0.time), 3) } ?? "–",
                isSame ? "the same" : after.kernel, Format.fixed(Format.milliseconds(after.time), 3),
                Format.fixed(shape.gain, 2),
            ]
            table.add(
                tells
                    ? cells + [text(after.registers), text(after.spills), text(after.subgroupsPerUnit)] : cells)
        }
        return table
    }

    var json: JSONText {
        let device = model.gpu.description
        return .members([
            "device": .string(device.name), "driver": .string(device.driver), "family": .string(model.gpu.family),
            "model": .string(model.name), "precision": .string(model.precision.rawValue),
            "kept": .bool(tuning.fault == nil), "shapes": .array(tuning.shapes.map(Self.json)),
        ])
    }

    private static func json(_ shape: Tuning.Shape) -> JSONText {
        .members([
            "shape": .string(shape.name), "uses": .integer(shape.uses),
            "before": shape.before.map(json) ?? .null, "after": json(shape.after), "gain": .number(shape.gain),
            "timed": .array(shape.candidates.map(json)),
            "refused": .array(
                shape.refused.map { .members(["kernel": .string($0.kernel), "reason": .string($0.reason)]) }),
        ])
    }

    private static func json(_ candidate: Tuning.Candidate) -> JSONText {
        func number(_ value: Int?) -> JSONText { value.map(JSONText.integer) ?? .null }
        return .members([
            "kernel": .string(candidate.kernel), "us": .number(candidate.time / .microseconds(1)),
            "registers": number(candidate.registers), "spills": number(candidate.spills),
            "scratch_bytes": number(candidate.scratchBytes), "subgroups_per_unit": number(candidate.subgroupsPerUnit),
        ])
    }

    /// What would be timed.
    static func list(_ shapes: [TuningCandidates], model: TunedModel, isJSON: Bool) -> String {
        if isJSON {
            return JSONText.members([
                "device": .string(model.gpu.description.name), "model": .string(model.name),
                "shapes": .array(
                    shapes.map {
                        .members([
                            "shape": .string($0.shape), "uses": .integer($0.uses), "candidates": .strings($0.kernels),
                        ])
                    }),
            ]).text
        }
        let blocks = shapes.map { shape in
            ([shape.kernels.count > 1 ? "\(shape.shape), \(shape.uses) uses" : "\(shape.shape): no choice"]
                + shape.kernels.map { "  \($0)" }).joined(separator: "\n")
        }
        return ([heading(model)] + blocks).joined(separator: "\n")
    }
}
