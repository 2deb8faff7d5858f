import ArgumentParser
import Percept
import PerceptCommandKit
import PerceptFiles

struct CaptionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "caption", abstract: "Describes images and videos in words, each by itself.")

    @OptionGroup var global: GlobalOptions
    @OptionGroup var language: LanguageOptions

    @Option(help: ArgumentHelp("Describe this region of each image, in pixels.", valueName: "x0,y0,x1,y1"))
    var box: BoxOption?

    @Option(help: ArgumentHelp("What the model is asked to do.", valueName: "text"))
    var prompt: String?

    @Flag(help: "Look for images and videos in directories; links there are followed.")
    var recursive = false

    @OptionGroup var list: ListOptions

    @Argument(help: ArgumentHelp("Images and videos; - is standard input.", valueName: "file"), completion: .file())
    var files: [String] = []

    func validate() throws {
        if files.isEmpty && list.filesFrom == nil { throw ValidationError("Give files to describe.") }
        try validating { () throws(PerceptError) in if let prompt { _ = try requireText(prompt, "--prompt") } }
        if box != nil, let prompt, !prompt.contains("<|bbox0|>") {
            throw ValidationError("--box goes where --prompt says <|bbox0|>, which it does not.")
        }
    }

    private func question(_ kind: MediaKind) -> String {
        if let prompt { return FileName.literal(prompt) ?? prompt }
        if box != nil { return "Describe the region <|bbox0|> of the image." }
        return kind == .image ? "Describe the image." : "Describe the video."
    }

    func run() async throws {
        var faults = InputFaults()
        let inputs = try list.queue(files, recursive: recursive, faults: &faults, advice: Advice.question)
        // Of a list nobody knows how many it names.
        let areSeveral = inputs.count.map { $0 > 1 } ?? true
        language.noteIdleDrawing()
        var kinds: [MediaKind] = []
        var model: PerceptionLanguageModel?
        var items: [JSONText] = []
        while let item = try inputs.next() {
            let file: InputFile
            switch item {
            case .file(let found): file = found.taken(frames: language.frames)
            case .lost(_, let error, let isReported):
                if !isReported { faults.report(error) }
                continue
            }
            do {
                let media = try file.media()
                kinds.append(file.kind)
                var question = question(file.kind)
                if let box {
                    guard file.kind == .image else {
                        throw PerceptError(.usage, "\(file.source): --box is for images; this is a video")
                    }
                    question = try Region.inserted(
                        [box.box], of: try file.decodedImage(isFirst: false).get(), into: question)
                }
                let opened: PerceptionLanguageModel
                if let model { opened = model } else { opened = try await language.open(global) }
                model = opened
                if !global.json && areSeveral { Console.shared.stream(Table.printable(file.source) + ": ") }
                let answer = try await Answer(
                    opened.generate(question, about: [media], options: language.options), streams: !global.json,
                    limitIsChosen: language.maxTokens != nil)
                items.append(.object([("source", .string(file.source))] + answer.members))
            } catch let error as PerceptError where InputFaults.concerns(input: error) {
                faults.report(error)
            }
        }
        if global.json {
            let result = items.count == 1 && !areSeveral ? items[0] : JSONText.members(["items": .array(items)])
            Console.shared.result(result.text)
        }
        if !kinds.isEmpty { language.noteIdleMedia(kinds) }
        await model?.report()
        try faults.finish()
    }
}
