import Percept

/// What `bench` prints, whatever kind of model it measured.
struct BenchReport {
    let device: DeviceDescription
    let model: String
    let precision: Precision
    /// How a language model's matrices are stored.
    let weights: String?
    /// How a language model's keys and values are stored.
    let cache: String?
    let table: Table
    /// What callers at the same time met with, where that was measured.
    var sharedTable: Table?
    /// The elements of `shared`.
    var sharedRows: [JSONText] = []
    /// The elements of `results`.
    let rows: [JSONText]
    let results: [BenchRecord.Result]
    let kernels: [KernelTimes]
    /// Device memory in bytes, by what it is for.
    let memory: KeyValuePairs<String, Int>
    /// Of what was computed, where that must not change.
    let checksum: String?

    private var conditions: [String] {
        [device.name, device.driver, model, precision.rawValue] + [weights, cache].compactMap { $0 }
    }

    var record: BenchRecord { BenchRecord(conditions: conditions, results: results, kernels: kernels) }

    private var title: String {
        let storage =
            precision.rawValue + (weights.map { ", weights \($0)" } ?? "") + (cache.map { ", cache \($0)" } ?? "")
        return "\(model), \(storage), \(device.name), \(device.driver)"
    }

    private var memoryLine: String {
        "device memory: " + memory.map { "\($0.key) \(Format.bytes($0.value))" }.joined(separator: ", ")
    }

    /// For a terminal.
    func text(_ comparison: BenchComparison?) -> String {
        let lines =
            [title, table.text] + [sharedTable?.text].compactMap { $0 } + [memoryLine]
            + [checksum.map { "output checksum \($0)" }].compactMap { $0 }
        return lines.joined(separator: "\n") + (comparison.map { "\n\n" + $0.text } ?? "")
    }

    /// For a page or an issue.
    func markdown(_ comparison: BenchComparison?) -> String {
        ([title, table.markdown] + [sharedTable?.markdown, memoryLine, comparison?.markdown].compactMap { $0 }).joined(
            separator: "\n\n")
    }

    func json(_ comparison: BenchComparison?) -> JSONText {
        var members: [(name: String, value: JSONText)] = [
            (name: "device", value: .string(device.name)), (name: "driver", value: .string(device.driver)),
            (name: "model", value: .string(model)), (name: "precision", value: .string(precision.rawValue)),
        ]
        if let weights { members.append((name: "weights", value: .string(weights))) }
        if let cache { members.append((name: "cache", value: .string(cache))) }
        members += [
            (name: "results", value: .array(rows)), (name: "kernels", value: .array(kernels.map(\.json))),
            (name: "memory_bytes", value: .object(memory.map { (name: $0.key, value: .integer($0.value)) })),
        ]
        if !sharedRows.isEmpty { members.append((name: "callers", value: .array(sharedRows))) }
        if let comparison { members.append((name: "comparison", value: comparison.json)) }
        return .object(members)
    }
}
