import Percept

extension ProfileReport {
    /// A line for each dispatch under a line of names (RFC 4180, but for lines that end as everywhere else).
    var csv: String {
        let names = [
            "stage", "layer", "operation", "kernel", "start_us", "us", "flops", "bytes", "flops_per_second",
            "bytes_per_second", "roof",
        ]
        let lines = profile.stages.flatMap { stage in
            stage.entries.map { entry in
                [stage.name, entry.layer, entry.operation, entry.kernel].map(Self.quoted)
                    + [
                        Format.fixed(entry.spans[0].start.microseconds, 3), Format.fixed(entry.time.microseconds, 3),
                        Format.fixed(entry.flops, 0), Format.fixed(entry.bytes, 0),
                        Format.fixed(entry.flopsPerSecond, 0), Format.fixed(entry.bytesPerSecond, 0),
                        Format.fixed(entry.share(of: profile.roofs), 4),
                    ]
            }
        }
        return ([names] + lines).map { $0.joined(separator: ",") }.joined(separator: "\n")
    }

    private static func quoted(_ text: String) -> String {
        guard text.contains(where: { ",\"\r\n".contains($0) }) else { return text }
        return "\"" + text.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }
}
