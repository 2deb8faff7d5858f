public import ArgumentParser
import Foundation
public import Percept
import PerceptFiles

package struct ProfileCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "profile", abstract: "Where the time of a model's runs goes: by kernel, by layer, by dispatch.",
        discussion: """
            Runs an encoder's image tower, or a language model's prompt and one step of decoding, and times every \
            dispatch on the device. No input is needed. Each is compared with the roof of the device: its own rate of \
            copies or of arithmetic, whichever bounds the dispatch, as micro-benchmarks found it.
            """)

    @OptionGroup package var global: GlobalOptions
    @OptionGroup package var modelOptions: ModelOptions

    @Flag(help: "Use made-up weights for a model's name, so that no file is needed.")
    package var random = false

    @Option(help: "Images, or texts, of one run of an encoder (default: 1).")
    package var batch: Int?

    @Flag(help: "Profile the text tower, on texts that fill its context.")
    package var text = false

    @Option(help: "How a language model's matrices are stored: auto, full, q8 or q4 (default: auto).")
    package var weights: LanguageWeights?

    @Option(
        help: ArgumentHelp("Length of a language model's prompt, in tokens (default: 128).", valueName: "tokens"))
    package var prompt: Int?

    @Option(
        help: ArgumentHelp("Positions behind which a language model decodes (default: 128).", valueName: "positions"))
    package var depth: Int?

    @Option(
        help: ArgumentHelp(
            "Answers that a step generates at a time: 1, 2, 4, 8, 16 or 32 (default: 1).", valueName: "count"))
    package var answers: Int?

    @Option(
        help: ArgumentHelp(
            "serialised: dispatch after dispatch, exact for each; concurrent: as always, exact in total (default: the first, "
                + "and the total of the second).", valueName: "mode"))
    package var mode: Profile.Mode?

    @Option(help: ArgumentHelp("How often each mode is run; the median is shown.", valueName: "count"))
    package var runs = 5

    @Option(
        help: ArgumentHelp(
            "Tables to print: kernel, layer, layer-kernel, dispatch (default: kernel,layer).", valueName: "kernel,layer"
        ))
    package var by: Groupings?

    @Flag(help: "Print CSV, a line a dispatch.")
    package var csv = false

    @Option(
        help: ArgumentHelp("Write a trace for ui.perfetto.dev or chrome://tracing.", valueName: "file.json"))
    package var trace: String?

    @Option(help: ArgumentHelp("Write a page with roofline, time line and table.", valueName: "file.html"))
    package var html: String?

    @Flag(help: "Measure the roofs of the device anew, rather than take those kept from before.")
    package var measureRoofs = false

    package struct Groupings: ExpressibleByArgument {
        let list: [ProfileGrouping]

        init(list: [ProfileGrouping]) { self.list = list }

        package init?(argument: String) {
            let names = argument.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
            let list = names.compactMap(ProfileGrouping.init(rawValue:))
            guard list.count == names.count else { return nil }
            self.list = list
        }
    }

    package init() {}

    package func validate() throws {
        if [batch, prompt, depth, answers, runs].contains(where: { ($0 ?? 1) < 1 }) {
            throw ValidationError("--batch, --prompt, --depth, --answers and --runs are at least 1.")
        }
        if by != nil && (csv || global.json) { throw ValidationError("--by is for tables, not for --json or --csv.") }
        if csv && global.json { throw ValidationError("--csv and --json exclude each other.") }
    }

    package func run() async throws {
        let outputs = [trace, html].compactMap { $0 }
        for path in outputs { try requireWritableDirectory(of: path) }
        try requireDifferentFiles(outputs)
        let opening = ModelOpening(modelOptions.model, global, random: random)
        let report = opening.family == .language ? try await language(opening) : try await encoder(opening)
        for note in report.notes { Console.shared.note(note) }
        if let trace { try write(report.trace.text, to: trace) }
        if let html { try write(report.page, to: html) }
        if global.json {
            Console.shared.result(report.json.text)
        } else if csv {
            Console.shared.result(report.csv)
        } else {
            Console.shared.result(report.text(by?.list ?? [.kernel, .layer]))
        }
    }

    private func options(_ mode: Profile.Mode, measuresRoofs: Bool) -> ProfileOptions {
        var options = ProfileOptions()
        options.mode = mode
        options.runs = runs
        options.measuresRoofs = measuresRoofs
        return options
    }

    /// A profile in the mode asked for; in none, one of each.
    private func report(_ profile: (ProfileOptions) async throws -> Profile) async throws -> ProfileReport {
        let main = try await profile(options(mode ?? .serialised, measuresRoofs: measureRoofs))
        guard mode == nil else { return ProfileReport(profile: main, concurrent: nil) }
        let other = try await profile(options(.concurrent, measuresRoofs: false))
        return ProfileReport(profile: main, concurrent: other.stages.map(\.total))
    }

    private func encoder(_ opening: ModelOpening) async throws -> ProfileReport {
        if weights != nil || prompt != nil || depth != nil || answers != nil {
            throw ValidationError(
                "--weights, --prompt, --depth and --answers are for language models; \(modelOptions.model) is an encoder."
            )
        }
        let batch = batch ?? 1
        if text && modelOptions.inputSize != nil {
            throw ValidationError("--input-size is for images, --text for texts.")
        }
        let encoder = try await opening.encoder(inputSize: modelOptions.inputSize)
        let image = try BenchCommand.testImage(height: encoder.inputSize.height, width: encoder.inputSize.width)
        let report = try await report { options in
            text
                ? try await encoder.profile(textBatch: batch, options: options)
                : try await encoder.profile(Array(repeating: image, count: batch), options: options)
        }
        Console.shared.progress("loading", 1)
        await encoder.report()
        return report
    }

    private func language(_ opening: ModelOpening) async throws -> ProfileReport {
        if text || batch != nil || modelOptions.inputSize != nil {
            throw ValidationError("--text, --batch and --input-size are for encoders.")
        }
        let (prompt, depth) = (prompt ?? 128, depth ?? 128)
        let model = try await opening.languageModel(
            weights: weights ?? .auto, context: max(prompt, depth, 1023) + 1)
        let report = try await report {
            try await model.profile(prompt: prompt, depth: depth, answers: answers ?? 1, options: $0)
        }
        opening.finishProgress()
        await model.report()
        return report
    }

    private func write(_ text: String, to path: String) throws {
        try NewFile.write(Array(text.utf8), to: path)
        Console.shared.detail("wrote \(path)")
    }
}

extension Profile.Mode: ExpressibleByArgument {}
