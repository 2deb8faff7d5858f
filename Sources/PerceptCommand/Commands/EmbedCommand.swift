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
            """
            Write the embeddings as rows of an array, one for every input, of NaN where it could not be read. An .npy has the \
            list of its inputs and their faults beside it, as FILE.sources, a .safetensors in its metadata.
            """, valueName: "file.npy|.safetensors"))
    var out: ArrayFile?

    @Flag(
        help: ArgumentHelp(
            """
            Go on where a run with the same options was ended, whose rows are kept beside the file of --out until it is \
            complete. Inputs that have changed, and all behind them, are encoded again.
            """))
    var resume = false

    @OptionGroup var input: InputOptions

    private struct Item {
        let kind: String
        let source: String
        let values: [Float]

        var json: JSONText {
            .members(["kind": .string(kind), "source": .string(source), "embedding": .floats(values)])
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
        if resume && out == nil { throw ValidationError("--resume goes on with the file of --out.") }
        if let out {
            try requireWritableDirectory(of: out.path)
            try EmbeddingOutput.check(out)
            if resume, (try? NewFile.isFile(out.path)) == false {
                throw ValidationError("\(FileName.shown(out.path)): --resume needs a file, not a pipe or a device.")
            }
        }
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
        let keepsItems = global.json || (out == nil && !input.jsonl)
        func deliver(_ item: Item) {
            if input.jsonl { Console.shared.result(item.json.text) }
            if keepsItems { items.append(item) }
        }
        let rows = try out.map { try EmbeddingRows(for: $0.path, options: rowOptions, resumes: resume) }
        try rows?.takeOver(inputs) { item, row in
            switch (item, row?.content) {
            case (.lost(_, let error, let isReported), _): if !isReported { faults.report(error) }
            case (_, .lost(let error)): faults.report(error)
            case (_, .embedding(let kind, let values)):
                deliver(Item(kind: kind.word, source: row?.origin.shown ?? "", values: values))
            case (_, nil): break
            }
        }
        if let kept = rows?.count, kept > 0 { Console.shared.note("\(kept) inputs were encoded before") }
        let run = EncodingRun(inputs: inputs, batch: input.batch, frames: input.frames)
        try await run.encode(faults: &faults) {
            try await session.encoder(forTexts: !text.isEmpty)
        } lose: { origin, error in
            rows?.append(.init(origin: origin, content: .lost(error)))
        } deliver: { origin, kind, embedding in
            kinds.insert(kind)
            deliver(Item(kind: kind.word, source: origin.shown, values: embedding.values))
            rows?.append(.init(origin: origin, content: .embedding(kind, embedding.values)))
        } complete: {
            try rows?.complete()
        }
        var texts: [(text: String, values: [Float])] = []
        if !text.isEmpty {
            let encoder = try await session.encoder(forTexts: true)
            for note in try encoder.notes(onTexts: text) { Console.shared.note(note) }
            let embeddings = try await encoder.embed(texts: text)
            for (text, embedding) in zip(text, embeddings) {
                let values = try embedding.checked("“\(text)”").values
                deliver(Item(kind: "text", source: text, values: values))
                texts.append((text, values))
            }
        }
        input.noteIdle(kinds)
        let encoder = rows?.width == nil ? await session.opened : try await session.encoder(forTexts: false)
        if let encoder {
            if let out, let rows {
                try EmbeddingOutput(out, encoder, texts: texts).write(rows, width: encoder.embeddingWidth)
            }
            rows?.remove()
            report(items, encoder)
            await encoder.report()
        } else {
            rows?.remove()
        }
        try faults.finish()
    }

    /// All that the numbers of a row depend on, as far as it was asked for.
    private var rowOptions: String {
        JSONText.members([
            "version": .string(toolVersion), "model": .string(FileName.shown(modelOptions.model)),
            "precision": .string(global.precision.rawValue), "preprocess": .string("\(input.preprocess)"),
            "frames": input.frames.map { .integer($0) } ?? .null,
            "input_size": .string("\(modelOptions.inputSize.map { "\($0)" } ?? "")"),
            "batch": input.batch.map { .integer($0) } ?? .null,
        ]).text
    }

    private func report(_ items: [Item], _ encoder: PerceptionEncoder) {
        if global.json {
            let document = JSONText.members([
                "model": .string(encoder.modelName), "device": .string(encoder.gpu.description.name),
                "precision": .string(encoder.precision.rawValue), "items": .array(items.map(\.json)),
            ])
            Console.shared.result(document.text)
        } else if out == nil && !input.jsonl {
            var table = Table(["kind": .left, "source": .left, "embedding": .left])
            for item in items {
                let start = item.values.prefix(4).map { Format.fixed(Double($0), 4) }
                table.add([
                    item.kind, item.source, start.joined(separator: " ") + " … (\(item.values.count))",
                ])
            }
            Console.shared.result(table.text)
        }
    }
}

extension MediaKind {
    fileprivate var word: String { self == .image ? "image" : "video" }
}
