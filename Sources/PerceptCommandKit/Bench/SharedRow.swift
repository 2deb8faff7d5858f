import Percept

/// What `bench` tells of callers that ask at the same time.
struct SharedRow {
    let timing: SharedTiming

    private var imagesPerSecond: Double { Double(timing.requests.count) / (timing.total / .seconds(1)) }
    /// Percent of the time in which the device had nothing to compute.
    private var idle: Double { max(0, 100 * (1 - timing.busy / timing.total)) }

    /// In milliseconds; `fraction` 0.5 is the median.
    private func latency(_ fraction: Double) -> Double {
        BenchCommand.Row.quantile(timing.requests.map(Format.milliseconds), fraction)
    }

    var json: JSONText {
        .members([
            "callers": .integer(timing.callers), "requests": .integer(timing.requests.count),
            "images_per_second": .number(imagesPerSecond), "median_ms": .number(latency(0.5)),
            "p95_ms": .number(latency(0.95)), "p99_ms": .number(latency(0.99)), "idle_percent": .number(idle),
            "pieces": .integer(timing.pieces),
            "longest_piece_ms": .number(Format.milliseconds(timing.longestPiece)),
        ])
    }

    static func table(_ rows: [SharedRow]) -> Table {
        var table = Table([
            "callers": .right, "images/s": .right, "median ms": .right, "p95 ms": .right, "p99 ms": .right,
            "device idle": .right, "longest piece ms": .right,
        ])
        for row in rows {
            table.add([
                String(row.timing.callers), Format.fixed(row.imagesPerSecond, 2), Format.fixed(row.latency(0.5), 2),
                Format.fixed(row.latency(0.95), 2), Format.fixed(row.latency(0.99), 2),
                Format.fixed(row.idle, 1) + " %", Format.fixed(Format.milliseconds(row.timing.longestPiece), 2),
            ])
        }
        return table
    }
}
