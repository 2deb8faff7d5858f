import Percept

/// What `bench` tells of callers that ask at the same time.
struct SharedRow {
    let timing: SharedTiming
    /// Tokens a second of an answer that is made all the while.
    let answer: (alone: Double, beside: Double)?

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
            "answer_tokens_per_second": answer.map { .number($0.beside) } ?? .null,
            "answer_alone_tokens_per_second": answer.map { .number($0.alone) } ?? .null,
        ])
    }

    static func table(_ rows: [SharedRow]) -> Table {
        var table = Table([
            "callers": .right, "images/s": .right, "median ms": .right, "p95 ms": .right, "p99 ms": .right,
            "device idle": .right, "longest piece ms": .right, "answer tokens/s": .right,
        ])
        for row in rows {
            table.add([
                String(row.timing.callers), Format.fixed(row.imagesPerSecond, 2), Format.fixed(row.latency(0.5), 2),
                Format.fixed(row.latency(0.95), 2), Format.fixed(row.latency(0.99), 2),
                Format.fixed(row.idle, 1) + " %", Format.fixed(Format.milliseconds(row.timing.longestPiece), 2),
                row.answer.map { Format.fixed($0.beside, 2) + " of " + Format.fixed($0.alone, 2) } ?? "–",
            ])
        }
        return table
    }
}
