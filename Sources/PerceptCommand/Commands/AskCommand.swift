import ArgumentParser
import Percept
import PerceptCommandKit

struct AskCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ask", abstract: "Answers a question about images and videos.",
        discussion: "The last argument is the question; a region given with --box goes where it says <|bbox0|>.")

    @OptionGroup var global: GlobalOptions
    @OptionGroup var language: LanguageOptions

    @Option(
        help: ArgumentHelp(
            "A region in pixels of the first image; may be given several times.", valueName: "x0,y0,x1,y1"))
    var box: [BoxOption] = []

    @Argument(
        help: ArgumentHelp(
            "Images and videos (- is standard input), then the question.", valueName: "file ... question"),
        completion: .file())
    var arguments: [String]

    func run() async throws {
        let asked = try AskedQuestion(arguments)
        try StandardInput.check(asked.files)
        var faults = InputFaults()
        let files = try InputFile.find(asked.files, recursive: false, faults: &faults, advice: Advice.word)
            .map { $0.taken(frames: language.frames) }
        try faults.finish()
        var question = asked.question
        let media = try files.map { try $0.media() }
        if !box.isEmpty {
            guard let file = files.first(where: { $0.kind == .image }) else {
                throw ValidationError("--box needs an image.")
            }
            let filled = try Region.inserted(
                box.map(\.box), of: try file.decodedImage(isFirst: false).get(), into: question)
            for index in box.indices where !question.contains("<|bbox\(index)|>") {
                throw ValidationError("--box goes where the question says <|bbox\(index)|>, which it does not.")
            }
            question = filled
        }
        language.noteIdleDrawing()
        language.noteIdleMedia(files.map(\.kind))
        let model = try await language.open(global)
        let answer = try await Answer(
            model.generate(question, about: media, options: language.options), streams: !global.json,
            limitIsChosen: language.maxTokens != nil)
        if global.json {
            let memory: JSONText = .members([
                "planned_bytes": .integer(model.memoryPlan.total), "peak_bytes": .integer(model.gpu.peakMemory),
            ])
            Console.shared.result(JSONText.object(answer.members + [("memory", memory)]).text)
        }
        await model.report()
    }
}
