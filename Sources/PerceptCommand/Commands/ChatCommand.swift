import ArgumentParser
import Foundation
import Percept
import PerceptCommandKit

struct ChatCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chat", abstract: "Talks about images and videos, turn by turn.",
        discussion: """
            /image FILE shows an image or a video with the next question, /reset forgets everything said, /quit or the \
            end of input ends. Media are encoded once, however many questions there are about them. Where the context is \
            full, the oldest questions and answers are left out, those that show media last, and a note says so.
            """)

    @OptionGroup var global: GlobalOptions
    @OptionGroup var language: LanguageOptions

    @Argument(help: ArgumentHelp("Images and videos to begin with.", valueName: "file"), completion: .file())
    var files: [String] = []

    private static let help = "/image FILE, /reset, /quit; anything else is a question"

    func run() async throws {
        var faults = InputFaults()
        try files.forEach(Self.requireOther)
        var shown = try InputFile.find(files, recursive: false, faults: &faults) { name in
            Advice.question(name).map { _ in "questions are typed once the model is there" }
        }.map { try $0.taken(frames: language.frames).media() }
        try faults.finish()
        language.noteIdleDrawing()
        let model = try await language.open(global)
        try await model.prepare()
        Console.shared.progress("loading", 1)
        let lines = LineReader(prompt: "> ")
        if lines.isInteractive { Console.shared.note(Self.help) }
        var conversation = Conversation()
        while let line = lines.next() {
            let text = line.trimmingCharacters(in: .whitespaces)
            if text.isEmpty { continue }
            if text.hasPrefix("/") {
                guard let command = Command(text) else {
                    Console.shared.note(Self.help)
                    continue
                }
                switch command {
                case .quit: return
                case .reset:
                    conversation = Conversation()
                    shown = []
                case .image(let path): shown += read(path)
                }
                continue
            }
            var asked = conversation
            do {
                asked.ask(try requireText(text, "the question"), about: shown)
                asked = try fitting(asked, model)
                let answer = try await Answer(
                    model.generate(asked, options: language.options), streams: !global.json,
                    limitIsChosen: language.maxTokens != nil)
                if global.json { Console.shared.result(JSONText.object(answer.members).text) }
                asked.answer(answer.text)
                conversation = asked
                shown = []
            } catch let error as PerceptError where error.code == .usage || InputFaults.concerns(input: error) {
                // What was said before still stands.
                Console.shared.error(error.message)
            }
        }
        await model.report()
    }

    /// Refuses standard input, where questions come from.
    private static func requireOther(_ name: String) throws(PerceptError) {
        if StandardInput.isNamed(name) {
            throw PerceptError(.usage, "\(name): standard input is where questions are read from")
        }
    }

    /// The conversation, without its oldest parts where there is no room for an answer behind them.
    private func fitting(_ asked: Conversation, _ model: PerceptionLanguageModel) throws -> Conversation {
        let options = language.options
        // An answer may be allowed to be longer than all that was said.
        let room = min(options.maxTokens, model.contextLength / 4)
        let shorter = try model.shortened(asked, leaving: room, options: options)
        let left = asked.turns.count(where: \.isUser) - shorter.turns.count(where: \.isUser)
        // What is too long by itself is refused, and nothing forgotten.
        guard left > 0, try model.promptLength(of: shorter, options: options) < model.contextLength else {
            return shorter
        }
        let media = [asked, shorter].map { $0.turns.reduce(0) { $0 + $1.media.count } }
        Console.shared.note(
            "the context of \(model.contextLength) positions is full: going on without the \(left == 1 ? "oldest question" : "\(left) oldest questions") "
                + "and what was answered\(media[1] < media[0] ? ", and without what they showed" : ""); /reset forgets everything"
        )
        return shorter
    }

    private func read(_ path: String) -> [Media] {
        var faults = InputFaults()
        do {
            try Self.requireOther(path)
            return try InputFile.find([path], recursive: false, faults: &faults)
                .map { try $0.taken(frames: language.frames).media() }
        } catch {
            Console.shared.error(PerceptError(error).message)
            return []
        }
    }

    private enum Command {
        case image(String)
        case reset
        case quit

        init?(_ line: String) {
            let words = line.split(separator: " ", maxSplits: 1).map(String.init)
            switch (words[0], words.count) {
            case ("/image", 2): self = .image(words[1].trimmingCharacters(in: .whitespaces))
            case ("/reset", 1): self = .reset
            case ("/quit", 1): self = .quit
            default: return nil
            }
        }
    }
}
