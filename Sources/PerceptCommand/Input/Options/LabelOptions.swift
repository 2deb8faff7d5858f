import ArgumentParser
import Percept
import PerceptFiles

/// What is told apart, and the sentences that it is asked in.
struct LabelOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Labels, separated by commas; blanks around them do not count.", valueName: "a,b,c"))
    var labels: String?

    @Option(
        help: ArgumentHelp(
            "A file with one label a line, taken byte for byte; - is standard input.", valueName: "file"),
        completion: .file())
    var labelsFile: String?

    @Option(
        help: ArgumentHelp(
            "A sentence with {} where the label goes (default: {}); the embeddings of several are averaged.",
            valueName: "template"))
    var template: [String] = []

    var areGiven: Bool { labels != nil || labelsFile != nil }
    var templates: [String] { template.isEmpty ? ["{}"] : template }

    func validate() throws {
        if labels != nil && labelsFile != nil { throw ValidationError("Give either --labels or --labels-file.") }
        try validating { () throws(PerceptError) in
            for template in template { _ = try requireText(template, "--template") }
            if let labels { _ = try LabelList(commaSeparated: requireText(labels, "--labels")) }
        }
        if !areGiven, !template.isEmpty { throw ValidationError("--template is for labels; give some.") }
        for template in template where !template.contains("{}") {
            throw ValidationError("The template “\(template)” has no {} for the label.")
        }
    }

    /// None where none are given.
    func names() throws -> [String] {
        if let labels {
            let names = try LabelList(commaSeparated: requireText(labels, "--labels")).labels
            // A folder of a class may well be called like its label.
            if names.count == 1, labels.contains("."), Files.exists(labels), !Files.isDirectory(labels) {
                throw PerceptError(.usage, "--labels \(labels): is a file; --labels-file takes the labels in it")
            }
            return names
        }
        guard let labelsFile else { return [] }
        return try LabelList(contentsOf: labelsFile).labels
    }
}
