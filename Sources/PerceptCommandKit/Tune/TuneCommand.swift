package import ArgumentParser
package import Percept

package struct TuneCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "tune",
        abstract: "Times the kernels that could serve a model on this device, and keeps the fastest.",
        discussion: """
            For each shape of the model's products and attentions, every kernel and tile that the device could use is \
            checked against the CPU and timed. The winners are kept for this device, driver and build, and every command \
            uses them from then on; without them the defaults for the device's family apply. No weights are read.
            """)

    @OptionGroup package var global: GlobalOptions
    @OptionGroup package var modelOptions: ModelOptions

    @Flag(help: "Take a published model's name for its shapes, so that no file is needed.")
    package var random = false

    @Option(help: "Images of one run of an encoder (default: 1).")
    package var batch: Int?

    @Option(help: "How a language model's matrices are stored: auto, full, q8 or q4 (default: auto).")
    package var weights: LanguageWeights?

    @Option(help: ArgumentHelp("How long it may take; what serves now is timed in any case.", valueName: "seconds"))
    package var seconds = 120.0

    @Flag(help: "Only list what would be timed.")
    package var dryRun = false

    package init() {}

    package func validate() throws {
        if let batch, batch < 1 { throw ValidationError("--batch is at least 1.") }
        guard seconds > 0, seconds <= 86400 else { throw ValidationError("--seconds is more than 0, at most a day.") }
    }

    package func run() async throws {
        let model = try await open(ModelOpening(modelOptions.model, global, random: random))
        let batch = batch ?? 1
        if dryRun {
            let candidates = try await model.candidates(batch: batch)
            let text = TuneReport.list(candidates, model: model, isJSON: global.json)
            return Console.shared.result(text)
        }
        let state = model.gpu.tuning
        if state.stale > 0 { Console.shared.note("kernels have changed since \(state.stale) shapes were tuned") }
        let tuning = try await model.tune(batch: batch, seconds: seconds) { fraction, shape in
            Console.shared.progress("tuning", fraction)
            if fraction < 1 { Console.shared.detail("timing \(shape)") }
        }
        if let fault = tuning.fault { Console.shared.note("the winners are not kept: \(fault)") }
        let report = TuneReport(tuning: tuning, model: model)
        Console.shared.result(global.json ? report.json.text : report.text)
    }

    private func open(_ opening: ModelOpening) async throws -> TunedModel {
        guard opening.family == .language else {
            if weights != nil { throw ValidationError("--weights is for language models.") }
            return .encoder(try await opening.encoder(inputSize: modelOptions.inputSize))
        }
        if batch != nil || modelOptions.inputSize != nil {
            throw ValidationError("--batch and --input-size are for encoders.")
        }
        return .language(try await opening.languageModel(weights: weights ?? .auto, context: 1024))
    }
}

/// A model of either kind.
enum TunedModel {
    case encoder(PerceptionEncoder)
    case language(PerceptionLanguageModel)

    var gpu: GPU {
        switch self {
        case .encoder(let model): model.gpu
        case .language(let model): model.gpu
        }
    }

    var name: String {
        switch self {
        case .encoder(let model): model.modelName
        case .language(let model): model.modelName
        }
    }

    var precision: Precision {
        switch self {
        case .encoder(let model): model.precision
        case .language(let model): model.precision
        }
    }

    func candidates(batch: Int) async throws -> [TuningCandidates] {
        switch self {
        case .encoder(let model): try await model.tuningCandidates(batch: batch)
        case .language(let model): try await model.tuningCandidates()
        }
    }

    func tune(
        batch: Int, seconds: Double, progress: @Sendable (Double, String) -> Void
    ) async throws -> Tuning {
        switch self {
        case .encoder(let model): try await model.tune(batch: batch, seconds: seconds, progress: progress)
        case .language(let model): try await model.tune(seconds: seconds, progress: progress)
        }
    }
}
