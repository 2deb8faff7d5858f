import Percept
import PerceptEngine
import PerceptJSON

/// What two measurements are compared by: read from the JSON that `bench` prints, or just measured.
struct BenchRecord {
    /// One row of the results.
    struct Result: Hashable {
        /// What was run: `batch 8`, `prompt of 128`.
        let name: String
        /// Milliseconds.
        let median: Double
        let low: Double
        let high: Double
    }

    /// Device, driver, model and the storage of its numbers.
    let conditions: [String]
    let results: [Result]
    let kernels: [KernelTimes]

    init(conditions: [String], results: [Result], kernels: [KernelTimes]) {
        self.conditions = conditions
        self.results = results
        self.kernels = kernels
    }

    /// Reads what an earlier `bench --json` has printed.
    ///
    /// - Throws: an error with the file's name where it is missing or no such JSON.
    init(contentsOf path: String) throws {
        let document = try JSON(file: path)
        let results = try (document["results"]?.array ?? []).map { row in
            guard let median = row["median_ms"]?.number, let low = row["p10_ms"]?.number,
                let high = row["p90_ms"]?.number, median > 0, let name = Self.name(of: row)
            else { throw Self.malformed(path) }
            return Result(name: name, median: median, low: low, high: high)
        }
        let kernels = try (document["kernels"]?.array ?? []).map { row in
            guard let times = KernelTimes(row) else { throw Self.malformed(path) }
            return times
        }
        guard !results.isEmpty else { throw Self.malformed(path) }
        self.init(
            conditions: ["device", "driver", "model", "precision", "weights", "cache"].compactMap {
                document[$0]?.string
            },
            results: results, kernels: kernels)
    }

    /// How a row is called in messages; as unique as what was measured.
    static func name(batch: Int) -> String { "batch \(batch)" }
    static func name(test: String, answers: Int, tokens: Int, depth: Int) -> String {
        let name = answers > 1 ? "\(test) of \(answers) times \(tokens)" : "\(test) of \(tokens)"
        return depth > 0 ? "\(name) behind \(depth)" : name
    }

    private static func name(of row: JSON) -> String? {
        if let batch = row["batch"]?.integer { return name(batch: batch) }
        guard let test = row["test"]?.string, let tokens = row["tokens"]?.integer, let depth = row["depth"]?.integer
        else { return nil }
        return name(test: test, answers: row["answers"]?.integer ?? 1, tokens: tokens, depth: depth)
    }

    private static func malformed(_ path: String) -> PerceptError {
        PerceptError(.badData, "\(path): is not what `percept bench --json` prints")
    }
}
