import ArgumentParser
import Foundation
import PerceptCommandKit
import PerceptEngine
import PerceptJSON

/// Puts the parts of a report that `Tools/gpu-report` has collected so far into one page and one JSON file.
struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report", abstract: "Makes report.md and report.json of the results in a folder.",
        discussion: "The folder has parts/NAME.json, one for each command whose result is in it, in their order.")

    @Argument(help: ArgumentHelp("The folder; the report is written into it.", valueName: "folder"))
    var folder: String

    func run() throws {
        let base = URL(filePath: folder)
        let parts = base.appending(path: "parts")
        let names = try FileManager.default.contentsOfDirectory(atPath: parts.path).filter { $0.hasSuffix(".json") }
        var texts: [(name: String, text: String)] = []
        var report = DeviceReport()
        for name in names.sorted() {
            let file = parts.appending(path: name)
            guard let text = try? String(contentsOf: file, encoding: .utf8), !text.isEmpty else { continue }
            // A part that was cut short is left out; its log says why.
            guard let json = try? JSON(file: file.path) else { continue }
            texts.append((String(name.dropLast(5)), text.trimmingCharacters(in: .whitespacesAndNewlines)))
            // `NN-NAME`, and `NN-NAME-tuned` for what ran with the tuning of an earlier part.
            report.add(json, isTuned: name.hasSuffix("-tuned.json"))
        }
        let members = texts.map { "\(JSONText.string($0.name).text): \($0.text)" }.joined(separator: ",\n")
        try Data("{\n\(members)\n}\n".utf8).write(to: base.appending(path: "report.json"), options: .atomic)
        try Data(report.markdown.utf8).write(to: base.appending(path: "report.md"), options: .atomic)
    }
}

/// What was measured, by model and size, Percept beside PyTorch.
struct DeviceReport {
    /// One line of a table.
    private struct Key: Hashable {
        let model: String
        let precision: String
        let size: String
    }
    private var device = ""
    private var checks: [String] = []
    private var order: [Key] = []
    private var isLanguage: Set<String> = []
    /// Images or tokens a second by engine.
    private var rates: [Key: [String: Double]] = [:]
    private var milliseconds: [Key: [String: Double]] = [:]
    private var failures: [String] = []
    private var tunings: [(title: String, shapes: [JSON])] = []

    /// - Parameters:
    ///   - json: what a command printed.
    ///   - isTuned: whether it used kernels that tuning had chosen.
    mutating func add(_ json: JSON, isTuned: Bool) {
        let own = isTuned ? "tuned" : "percept"
        let engine = json["engine"].map { _ in json["mode"]?.string ?? "PyTorch" } ?? own
        if device.isEmpty, let name = json["device"]?.string, let driver = json["driver"]?.string {
            device = "\(name), \(driver)"
        }
        if let results = json["results"]?.array, let passed = json["passed"]?.bool {
            let right = results.count { $0["passed"]?.bool == true }
            checks.append(
                passed ? "all \(right) kernel checks are right" : "\(right) of \(results.count) kernel checks are right"
            )
            checks += results.filter { $0["passed"]?.bool != true }.compactMap {
                $0["case"]?.string.map { "WRONG: \($0)" }
            }
            return
        }
        guard let model = json["model"]?.string else { return }
        if let shapes = json["shapes"]?.array {
            let family = json["family"]?.string ?? "unknown"
            tunings.append(("\(model), \(json["precision"]?.string ?? ""), tuned as \(family)", shapes))
            return
        }
        let weights = json["weights"]?.string.map { $0 == "full" ? "" : " \($0)" } ?? ""
        let precision = (json["precision"]?.string ?? "") + weights
        if let failure = json["failure"]?.string { failures.append("\(model), \(engine): \(failure)") }
        for row in json["results"]?.array ?? [] {
            let size: String
            if let test = row["test"]?.string {
                isLanguage.insert(model)
                let count = row["tokens"]?.integer ?? 0
                let depth = row["depth"]?.integer ?? 0
                size = test == "generation" ? "generation behind \(depth)" : "\(test) of \(count)"
            } else {
                size = "batch \(row["batch"]?.integer ?? 0)"
            }
            let key = Key(model: model, precision: precision, size: size)
            if rates[key] == nil { order.append(key) }
            rates[key, default: [:]][engine] = row["images_per_second"]?.number ?? row["tokens_per_second"]?.number
            milliseconds[key, default: [:]][engine] = row["median_ms"]?.number
        }
    }

    var markdown: String {
        var text = "# Percept on \(device.isEmpty ? "an unknown device" : device)\n\n"
        for check in checks { text += "- \(check)\n" }
        for failure in failures { text += "- \(failure)\n" }
        text += table("Encoders, images a second", order.filter { !isLanguage.contains($0.model) })
        text += table("Language models, tokens a second", order.filter { isLanguage.contains($0.model) })
        for tuning in tunings {
            text +=
                "\n## \(tuning.title)\n\n| shape | before | ms | after | ms | times as fast |\n|---|---|---|---|---|---|\n"
            for shape in tuning.shapes { text += Self.row(ofTuned: shape) }
        }
        return text
    }

    private static func row(ofTuned shape: JSON) -> String {
        func cells(_ candidate: JSON?) -> [String] {
            let time = candidate?["us"]?.number.map { Format.fixed($0 / 1000, 3) }
            return [candidate?["kernel"]?.string ?? "–", time ?? "–"]
        }
        let gain = shape["gain"]?.number.map { Format.fixed($0, 2) } ?? "–"
        let all = [shape["shape"]?.string ?? "–"] + cells(shape["before"]) + cells(shape["after"]) + [gain]
        return "| \(all.joined(separator: " | ")) |\n"
    }

    private func table(_ title: String, _ keys: [Key]) -> String {
        guard !keys.isEmpty else { return "" }
        var text = """
            \n## \(title)

            | model | precision | size | Percept | tuned | PyTorch eager | PyTorch compiled | to the best of PyTorch |
            |---|---|---|---|---|---|---|---|\n
            """
        for key in keys {
            let found = rates[key] ?? [:]
            // PyTorch is measured in one precision; other rows compare with the same size there.
            let others = rates.filter { $0.key.model == key.model && $0.key.size == key.size }
            func torch(_ mode: String) -> Double? { found[mode] ?? others.compactMap { $0.value[mode] }.max() }
            guard found["percept"] != nil || order.allSatisfy({ $0.model != key.model || rates[$0]?["percept"] == nil })
            else { continue }
            let best = [torch("eager"), torch("compiled")].compactMap { $0 }.max()
            let own = [found["percept"], found["tuned"]].compactMap { $0 }.max()
            let ratio = own.flatMap { own in best.map { Format.fixed(own / $0, 2) } }
            let cells = [found["percept"], found["tuned"], torch("eager"), torch("compiled")].map {
                $0.map { Format.fixed($0, 1) } ?? "–"
            }
            text +=
                "| \(key.model) | \(key.precision) | \(key.size) | \(cells.joined(separator: " | ")) | \(ratio ?? "–") |\n"
        }
        return text
    }
}
