import ArgumentParser
import Percept

/// What is told apart, and the sentences that it is asked in.
struct LabelOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Labels, separated by commas.", valueName: "a,b,c"))
    var labels: String?

    @Option(help: ArgumentHelp("A file with one label a line.", valueName: "file"))
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
        if let labels, LabelList(commaSeparated: labels) == nil {
            throw ValidationError("--labels has an empty label.")
        }
        for template in template where !template.contains("{}") {
            throw ValidationError("The template “\(template)” has no {} for the label.")
        }
    }

    /// None where none are given.
    func names() throws -> [String] {
        if let labels { return LabelList(commaSeparated: labels)?.labels ?? [] }
        guard let labelsFile else { return [] }
        return try LabelList(contentsOf: labelsFile).labels
    }
}
