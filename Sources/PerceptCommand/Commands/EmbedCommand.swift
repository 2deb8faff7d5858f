import ArgumentParser
import Percept
import PerceptCommandKit
import PerceptFiles

struct EmbedCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "embed", abstract: "Images, videos and texts in, embeddings of unit length out.")

    @OptionGroup var global: GlobalOptions
    @OptionGroup var modelOptions: ModelOptions

    @Option(help: ArgumentHelp("A text to embed; may be repeated.", valueName: "text"))
    var text: [String] = []

    @Option(
        help: ArgumentHelp(
            "Write the embeddings as rows of an array, .npy or .safetensors.", valueName: "file.npy|.safetensors"))
    var out: ArrayFile?

    @OptionGroup var input: InputOptions

    private struct Item {
        let kind: String
        let source: String
        let embedding: Embedding

        var json: JSONText {
            .members(["kind": .string(kind), "source": .string(source), "embedding": .floats(embedding.values)])
        }
    }

    func validate() throws {
        if !input.areGiven && text.isEmpty { throw ValidationError("Give files or --text.") }
        if !input.areGiven {
            for (option, isGiven) in [
                ("--batch", input.batch != nil), ("--frames", input.frames != nil),
                ("--preprocess", input.preprocess != .official), ("--input-size", modelOptions.inputSize != nil),
            ] where isGiven {
                throw ValidationError("\(option) is for images and videos; give some.")
            }
        }
        try validating { () throws(PerceptError) in for text in text { _ = try requireText(text, "--text") } }
        if input.jsonl && global.json { throw ValidationError("--json and --jsonl exclude each other.") }
        if let out { try requireWritableDirectory(of: out.path) }
    }

    func run() async throws {
        var faults = InputFaults()
        let inputs = try input.list.queue(input.files, recursive: input.recursive, faults: &faults)
        let text = try self.text.map { try requireText($0, "--text") }
        for text in text where MediaNames.isMedia(text) && Files.exists(text) {
            Console.shared.note("--text \(text) embeds these letters; the file of that name is named without --text")
        }

        var kinds: Set<MediaKind> = []
        let session = ModelSession(global, modelOptions, input.preprocess)
        var items: [Item] = []
        func deliver(_ item: Item) {
            if input.jsonl { Console.shared.result(item.json.text) }
            if !input.jsonl || out != nil { items.append(item) }
        }
        let run = EncodingRun(inputs: inputs, batch: input.batch, frames: input.frames)
        try await run.encode(faults: &faults) {
            try await session.encoder(forTexts: !text.isEmpty)
        } deliver: { source, kind, embedding in
            kinds.insert(kind)
            deliver(Item(kind: kind == .image ? "image" : "video", source: source, embedding: embedding))
        }
        if !text.isEmpty {
            let encoder = try await session.encoder(forTexts: true)
            for note in try encoder.notes(onTexts: text) { Console.shared.note(note) }
            let embeddings = try await encoder.embed(texts: text)
            for (text, embedding) in zip(text, embeddings) {
                deliver(Item(kind: "text", source: text, embedding: try embedding.checked("“\(text)”")))
            }
        }
        input.noteIdle(kinds)
        if let encoder = session.opened {
            try write(items, encoder)
            await encoder.report()
        }
        try faults.finish()
    }

    private func write(_ items: [Item], _ encoder: PerceptionEncoder) throws {
        if let out {
            try out.write(
                .init(
                    name: "embeddings", shape: [items.count, encoder.embeddingWidth],
                    elements: items.flatMap(\.embedding.values)),
                metadata: [
                    "model": encoder.modelName, "precision": encoder.precision.rawValue,
                    "device": encoder.gpu.description.name, "kinds": JSONText.strings(items.map(\.kind)).text,
                    "sources": JSONText.strings(items.map(\.source)).text,
                ])
        }
        if global.json {
            let document = JSONText.members([
                "model": .string(encoder.modelName), "device": .string(encoder.gpu.description.name),
                "precision": .string(encoder.precision.rawValue), "items": .array(items.map(\.json)),
            ])
            Console.shared.result(document.text)
        } else if out == nil && !input.jsonl {
            var table = Table(["kind": .left, "source": .left, "embedding": .left])
            for item in items {
                let start = item.embedding.values.prefix(4).map { Format.fixed(Double($0), 4) }
                table.add([
                    item.kind, item.source, start.joined(separator: " ") + " … (\(item.embedding.values.count))",
                ])
            }
            Console.shared.result(table.text)
        }
    }
}
