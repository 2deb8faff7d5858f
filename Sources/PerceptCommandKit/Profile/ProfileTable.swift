import Percept

/// What the rows of a profile's table are.
enum ProfileGrouping: String, CaseIterable {
    case kernel, layer
    case layerAndKernel = "layer-kernel"
    case dispatch
}

extension ProfileReport {
    /// Totals, and a table for each grouping.
    func text(_ groupings: [ProfileGrouping]) -> String {
        let roofs = profile.roofs
        let head = [
            title,
            "roofs: \(Self.flops(roofs.scalarFlopsPerSecond)) scalar, \(Self.flops(roofs.matrixFlopsPerSecond)) matrix, "
                + "\(Self.rate(roofs.bytesPerSecond, "B/s")) copies",
        ]
        let stages = profile.stages.indices.map { index in
            ([summary(index)] + groupings.map { table(profile.stages[index], $0) }).joined(separator: "\n\n")
        }
        return ([head.joined(separator: "\n")] + stages).joined(separator: "\n\n")
    }

    private func summary(_ index: Int) -> String {
        let stage = profile.stages[index]
        let first = stage.totals[0], last = stage.totals[stage.totals.count - 1]
        var lines = [
            "\(stage.name) (\(stage.units)): \(Self.milliseconds(stage.total)) ms \(profile.mode.rawValue), "
                + "kernels \(Self.milliseconds(stage.total - stage.gaps)), gaps \(Self.milliseconds(stage.gaps)); "
                + "\(stage.totals.count) runs took \(Self.milliseconds(first)) to \(Self.milliseconds(last))"
        ]
        if let concurrent { lines.append("  \(Self.milliseconds(concurrent[index])) ms concurrent") }
        let host = ["pipelines", "record", "submit"].map { "\($0) \(Self.milliseconds(stage.hostTime($0)))" }
        lines.append(
            "  \(stage.entries.count { $0.kernel != "copy" }) dispatches, \(stage.barriers) barriers, "
                + "\(stage.submissions.count) submissions; host, ms: \(host.joined(separator: ", "))")
        return lines.joined(separator: "\n")
    }

    private func table(_ stage: Profile.Stage, _ grouping: ProfileGrouping) -> String {
        switch grouping {
        case .kernel: table(stage, ["kernel": .left], stage.byKernel) { [$0.kernel] }
        case .layer: table(stage, ["layer": .left], stage.byLayer) { [$0.layer] }
        case .layerAndKernel:
            table(stage, ["layer": .left, "kernel": .left], stage.byLayerAndKernel) { [$0.layer, $0.kernel] }
        case .dispatch:
            table(stage, ["layer": .left, "operation": .left, "kernel": .left], stage.entries) {
                [$0.layer, $0.operation, $0.kernel]
            }
        }
    }

    private func table<Row: Timed>(
        _ stage: Profile.Stage, _ names: KeyValuePairs<String, Table.Alignment>, _ rows: [Row],
        _ name: (Row) -> [String]
    ) -> String {
        var table = Table(
            names.map { ($0.key, $0.value) }
                + [
                    ("runs", .right), ("ms", .right), ("% of time", .right), ("GFLOP", .right), ("MB", .right),
                    ("FLOP/s", .right), ("B/s", .right), ("% of roof", .right),
                ])
        for row in rows {
            let count = (row as? Profile.Row)?.count ?? 1
            table.add(
                name(row) + [
                    String(count), Self.milliseconds(row.time), Format.fixed(100 * (row.time / stage.total), 1),
                    Format.fixed(row.flops / 1e9, 3), Format.fixed(row.bytes / 1e6, 2),
                    row.flops > 0 ? Self.rate(row.flopsPerSecond, "") : "–", Self.rate(row.bytesPerSecond, ""),
                    Format.fixed(100 * row.share(of: profile.roofs), 1),
                ])
        }
        return table.text
    }

    /// Enough digits for a microsecond.
    private static func milliseconds(_ time: Duration) -> String {
        let value = Format.milliseconds(time)
        return Format.fixed(value, abs(value) < 100 ? 3 : 1)
    }

    private static func flops(_ rate: Double) -> String { Self.rate(rate, "FLOP/s") }

    /// With a decimal unit.
    static func rate(_ value: Double, _ unit: String) -> String {
        let (scale, prefix) = value >= 1e12 ? (1e12, "T") : value >= 1e9 ? (1e9, "G") : (1e6, "M")
        return "\(Format.fixed(value / scale, value / scale < 100 ? 2 : 0)) \(prefix)\(unit)"
    }
}
