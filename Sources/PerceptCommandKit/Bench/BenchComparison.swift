/// An earlier measurement against one of now: what has become slower, the surest and worst first.
struct BenchComparison {
    /// Something measured twice.
    struct Change: Hashable {
        /// Where: the stage of a kernel; empty for a whole result.
        let stage: String
        let name: String
        /// Times as long as before.
        let ratio: Double
        /// Milliseconds.
        let before: Double
        let after: Double
        /// The ranges of the runs before and now do not meet.
        let isBeyondNoise: Bool
    }

    let file: String
    /// Whole runs, in the order of now.
    let results: [Change]
    /// Kernels: those surely slower first, those surely faster last, and the largest ratio first among either.
    let kernels: [Change]
    /// Device, driver, model or precision that are not the same: what the numbers may rather tell about.
    let differences: [String]

    init(file: String, before: BenchRecord, after: BenchRecord) {
        self.file = file
        differences = zip(before.conditions, after.conditions).filter { $0 != $1 }.map { "\($0) became \($1)" }
        results = after.results.compactMap { now in
            guard let then = before.results.first(where: { $0.name == now.name }) else { return nil }
            return Change(
                stage: "", name: now.name, ratio: now.median / then.median, before: then.median, after: now.median,
                isBeyondNoise: now.low > then.high || now.high < then.low)
        }
        let kernels = after.kernels.compactMap { now -> Change? in
            guard let then = before.kernels.first(where: { $0.stage == now.stage && $0.name == now.name }) else {
                return nil
            }
            return Change(
                stage: now.stage, name: now.name, ratio: then.median > 0 ? now.median / then.median : 1,
                before: then.median / 1000, after: now.median / 1000,
                isBeyondNoise: now.low > then.high || now.high < then.low)
        }
        func rank(_ change: Change) -> Int { change.isBeyondNoise ? (change.ratio > 1 ? 0 : 2) : 1 }
        self.kernels = kernels.sorted { a, b in
            rank(a) == rank(b) ? a.ratio > b.ratio : rank(a) < rank(b)
        }
    }

    /// Kernels first: the first line names the one that most surely became slower.
    var text: String { ([heading] + differences + [table.text]).joined(separator: "\n") }

    var markdown: String { ([heading] + differences + [table.markdown]).joined(separator: "\n\n") }

    private var heading: String { "compared with \(file)" }

    private var table: Table {
        var table = Table([
            "what": .left, "before ms": .right, "now ms": .right, "times as long": .right, "": .left,
        ])
        for change in kernels + results {
            let name = change.stage.isEmpty ? change.name : "\(change.name) (\(change.stage))"
            table.add([
                name, Format.fixed(change.before, 3), Format.fixed(change.after, 3), Format.fixed(change.ratio, 3),
                change.isBeyondNoise ? (change.ratio > 1 ? "slower" : "faster") : "within the spread",
            ])
        }
        return table
    }

    var json: JSONText {
        func list(_ changes: [Change]) -> JSONText {
            .array(
                changes.map { change in
                    .members([
                        "stage": .string(change.stage), "name": .string(change.name), "ratio": .number(change.ratio),
                        "before_ms": .number(change.before), "after_ms": .number(change.after),
                        "beyond_noise": .bool(change.isBeyondNoise),
                    ])
                })
        }
        return .members([
            "file": .string(file), "differences": .strings(differences), "kernels": list(kernels),
            "results": list(results),
        ])
    }
}
