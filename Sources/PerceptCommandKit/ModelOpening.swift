package import Percept

/// Opens the model that a command was asked for: on the device and with the storage of its command line, and with a bar while
/// the model's weights are uploaded, which happens at their first use. All commands open their models here.
package struct ModelOpening: Sendable {
    /// The model as the user named it.
    package let name: String
    private let source: ModelSource
    private let global: GlobalOptions
    private let preprocessing: Preprocessing
    private let gpu: GPU?

    /// - Parameters:
    ///   - name: what the user typed: a model's name, a path, or `demo`.
    ///   - random: whether made-up weights stand in for those of a published model.
    ///   - gpu: the device, where one is open already; nil opens the one that is asked for.
    package init(
        _ name: String, _ global: GlobalOptions, random: Bool = false, preprocessing: Preprocessing = .official,
        on gpu: GPU? = nil
    ) {
        self.name = name
        self.global = global
        self.preprocessing = preprocessing
        self.gpu = gpu
        source = random ? .random(name) : ModelSource(argument: name)
    }

    /// What kind of model is meant; nil for the demo, which there is of each.
    var family: ModelFamily? { source.family }

    /// Opens an encoder.
    package func encoder(inputSize: InputSize?) async throws -> PerceptionEncoder {
        let encoder = try await PerceptionEncoder(
            source, on: try gpu ?? global.openGPU(), precision: global.precision, preprocessing: preprocessing,
            inputSize: inputSize.map { ($0.height, $0.width) }, logger: global.logger, progress: showProgress)
        Console.shared.detail("model \(encoder.modelName), \(encoder.precision.rawValue)")
        return encoder
    }

    /// Opens a language model.
    ///
    /// - Parameters:
    ///   - context: positions to make room for; nil for as many as the model was trained with.
    ///   - conversationMemory: as of ``PerceptionLanguageModel``; a command has one conversation at a time.
    package func languageModel(
        weights: LanguageWeights = .auto, cache: LanguageCache = .full, context: Int? = nil,
        conversationMemory: Int? = 0
    ) async throws -> PerceptionLanguageModel {
        try await PerceptionLanguageModel(
            source, on: try gpu ?? global.openGPU(), precision: global.precision, weights: weights, cache: cache,
            context: context, conversationMemory: conversationMemory, preprocessing: preprocessing,
            logger: global.logger, progress: showProgress)
    }

    private var showProgress: @Sendable (Double) -> Void {
        let title = "loading \(name)"
        return { Console.shared.progress(title, $0) }
    }

    /// Ends the bar, also where the weights were there already.
    func finishProgress() { Console.shared.progress("loading \(name)", 1) }
}
