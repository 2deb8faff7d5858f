import ArgumentParser
import Foundation
import Percept
import PerceptCommandKit
import PerceptEngine

struct ClassifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "classify", abstract: "Probabilities of labels for images and videos.")

    @OptionGroup var global: GlobalOptions
    @OptionGroup var modelOptions: ModelOptions
    @OptionGroup var labels: LabelOptions
    @OptionGroup var input: InputOptions

    /// Labels of a file that the table shows; JSON has all.
    private static let shown = 3

    func validate() throws {
        if !input.areGiven { throw ValidationError("Give files to classify.") }
        if !labels.areGiven { throw ValidationError("Give either --labels or --labels-file.") }
        if input.jsonl && global.json { throw ValidationError("--json and --jsonl exclude each other.") }
    }

    private struct Item {
        let source: String
        /// By probability, highest first.
        let labels: [(label: String, probability: Float)]

        var json: JSONText {
            .members([
                "source": .string(source),
                "labels": .array(
                    labels.map { .members(["label": .string($0.label), "probability": .float($0.probability)]) }),
            ])
        }
    }

    func run() async throws {
        var faults = InputFaults()
        let inputs = try input.list.queue(
            input.files, recursive: input.recursive, others: [labels.labelsFile], faults: &faults, advice: Advice.label)
        let labels = try self.labels.names()
        let session = ModelSession(global, modelOptions, input.preprocess)
        let templates = self.labels.templates
        let labelEmbeddings = Once {
            let encoder = try await session.encoder(forTexts: true)
            for note in try encoder.notes(onLabels: labels, templates: templates) { Console.shared.note(note) }
            return try await encoder.embed(labels: labels, templates: templates)
        }
        var items: [Item] = []
        var kinds: Set<MediaKind> = []
        let run = EncodingRun(inputs: inputs, batch: input.batch, frames: input.frames)
        try await run.encode(faults: &faults) {
            _ = try await labelEmbeddings.value
            return try await session.encoder(forTexts: true)
        } deliver: { origin, kind, embedding in
            kinds.insert(kind)
            let encoder = try await session.encoder(forTexts: true)
            let probabilities = encoder.probabilities([embedding], try await labelEmbeddings.value)[0]
            // Equals keep the order of the labels.
            let order = labels.indices.sorted { (probabilities[$1], $0) < (probabilities[$0], $1) }
            let item = Item(source: origin.shown, labels: order.map { (labels[$0], probabilities[$0]) })
            if input.jsonl { Console.shared.result(item.json.text) } else { items.append(item) }
        }
        if global.json {
            Console.shared.result(JSONText.members(["items": .array(items.map(\.json))]).text)
        } else if !items.isEmpty {
            Console.shared.result(table(items).text)
        }
        input.noteIdle(kinds)
        await session.opened?.report()
        try faults.finish()
    }

    private func table(_ items: [Item]) -> Table {
        var table = Table(["file": .left, "label": .left, "probability": .right])
        for item in items {
            for (rank, entry) in item.labels.prefix(Self.shown).enumerated() {
                table.add([
                    rank == 0 ? item.source : "", entry.label, Format.fixed(100 * Double(entry.probability), 1) + " %",
                ])
            }
        }
        return table
    }
}
