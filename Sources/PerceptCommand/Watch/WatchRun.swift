import Foundation
import Percept
import PerceptCommandKit
import PerceptEngine
import PerceptFiles

/// One stream from its source to its outputs.
struct WatchRun: Sendable {
    private let global: GlobalOptions
    private let modelOptions: ModelOptions
    private let sourceOptions: SourceOptions
    private let wanted: WatchOptions
    private let results: ResultOptions

    init(_ command: WatchCommand) {
        global = command.global
        modelOptions = command.modelOptions
        sourceOptions = command.source
        wanted = command.wanted
        results = command.results
    }

    func run() async throws {
        try StandardInput.check([wanted.labels.labelsFile])
        if sourceOptions.source == StandardInput.name, wanted.labels.labelsFile == StandardInput.name {
            throw PerceptError(.usage, "standard input (-) cannot be both the source and the labels")
        }
        let labels = try wanted.labels.names()
        // A source that cannot be opened is told of before a model is loaded.
        let source = try await sourceOptions.open()
        defer { source.close() }
        let encoder = try await modelOptions.open(global: global, preprocessing: wanted.preprocess)
        if !labels.isEmpty && !encoder.hasTextTower {
            throw PerceptError(.usage, "\(encoder.modelName) has no text tower, so that it cannot tell labels apart")
        }
        if encoder.usesPatchMean {
            Console.shared.note("\(encoder.modelName) has no pooling: embeddings are the mean of its patch tokens")
        }
        var options = StreamOptions()
        options.everyFrame = sourceOptions.everyFrame
        options.window = wanted.window ?? 1
        options.keepsFeatures = wanted.pca != nil
        options.maxFrames = results.frames
        options.captions = try await captions(encoder)
        options.reopen = {
            let successor = try await modelOptions.open(global: global, preprocessing: wanted.preprocess)
            return StreamSuccessor(successor, captions: try await captions(successor))
        }
        if !labels.isEmpty {
            let notes = try encoder.notes(onLabels: labels, templates: wanted.labels.templates)
            for note in notes { Console.shared.note(note) }
            options.labels = try await encoder.embed(labels: labels, templates: wanted.labels.templates)
        }
        let gallery = try await wanted.gallery.asyncMap { try await Self.gallery($0, encoder) }
        try await encoder.prepare()
        Console.shared.progress("loading", 1)

        var view: LiveView?
        var outputs = try fileOutputs(source, encoder, labels)
        if global.json || wanted.events {
            outputs.append(JSONLines(frames: global.json, events: wanted.events))
        } else if TerminalScreen.isAvailable && !global.quiet {
            let preview =
                results.preview
                ? PreviewStyle.choose(
                    environment: ProcessInfo.processInfo.environment, answer: PreviewStyle.query()) : nil
            let live = LiveView(
                LiveState(
                    source: source.text, model: "\(encoder.modelName), \(encoder.precision.rawValue)",
                    device: encoder.gpu.description.name), preview: preview)
            outputs.append(live)
            view = live
        } else {
            outputs.append(PlainLines())
        }
        // Whatever is thrown, the terminal is given back first.
        defer { view?.close() }
        let stream = try encoder.watch(source, options: options)
        // A thread of their own: outputs may block, as a pipe does that nobody reads.
        let thread = try BlockingThread(name: "percept.results")
        try await withTaskExecutorPreference(thread.tasks) {
            try await deliver(stream, labels, gallery, to: outputs)
        }
        view?.close()
        await encoder.report()
    }

    private func deliver(
        _ stream: FrameStream, _ labels: [String], _ gallery: Gallery?, to outputs: [any WatchOutput]
    ) async throws {
        var scenes = SceneDetector()
        var ranking = RankedLabels(labels)
        var colours = FeatureColours()
        var timer: Task<Void, Never>?
        defer { timer?.cancel() }
        do {
            for try await event in stream {
                switch event {
                case .frame(let result):
                    if timer == nil, let duration = results.duration {
                        timer = Task {
                            try? await Task.sleep(for: .seconds(duration))
                            stream.stop()
                        }
                    }
                    let frame = WatchedFrame(
                        result: result, labels: ranking.rank(result.probabilities),
                        nearest: gallery?.nearest(result.windowEmbedding, count: wanted.nearest ?? 1) ?? [],
                        change: scenes.append(result.embedding),
                        overlay: result.features.map { colours.overlay($0) })
                    for output in outputs { try output.show(frame) }
                case .notice(let notice): for output in outputs { try output.show(notice) }
                case .caption(let caption): for output in outputs { try output.show(caption) }
                case .device(let notice): for output in outputs { try output.show(notice) }
                case .summary(let summary): try finish(outputs, summary)
                }
            }
        } catch {
            for output in outputs { output.abandon() }
            throw error
        }
    }

    /// Every output is finished, whatever becomes of the others.
    private func finish(_ outputs: [any WatchOutput], _ summary: StreamSummary) throws {
        var failure: (any Error)?
        for output in outputs {
            do { try output.finish(summary) } catch { failure = failure ?? error }
        }
        if let failure { throw failure }
    }

    private func fileOutputs(
        _ source: FrameSource, _ encoder: PerceptionEncoder, _ labels: [String]
    ) throws -> [any WatchOutput] {
        var outputs: [any WatchOutput] = []
        if let record = results.record {
            outputs.append(try EmbeddingRecorder(record, width: encoder.embeddingWidth))
        }
        if let trace = results.trace {
            outputs.append(
                try FrameTrace(
                    trace, source: source.name, model: encoder.modelName, device: encoder.gpu.description.name))
        }
        if let annotate = results.annotate {
            outputs.append(try AnnotatedVideo(annotate, waits: sourceOptions.everyFrame, labels: labels))
        }
        if let pca = wanted.pca { outputs.append(try FeatureSequence(pca)) }
        return outputs
    }

    /// The language model that describes what is seen, on the encoder's device.
    private func captions(_ encoder: PerceptionEncoder) async throws -> CaptionSchedule? {
        guard let seconds = wanted.captionEvery else { return nil }
        let model = try await ModelOpening(
            wanted.captionModel ?? "demo", global, preprocessing: wanted.captionPreprocess ?? wanted.preprocess,
            on: encoder.gpu
        ).languageModel()
        model.announce(asked: .auto)
        return CaptionSchedule(model, every: .seconds(seconds), question: wanted.captionPrompt ?? "Describe the image.")
    }

    /// Embeddings of the pictures in a directory, named by their paths in it.
    private static func gallery(_ directory: String, _ encoder: PerceptionEncoder) async throws -> Gallery {
        var faults = InputFaults()
        let files = try InputFile.find([directory], recursive: true, faults: &faults).filter { $0.kind == .image }
        var entries: [(name: String, embedding: Embedding)] = []
        let run = EncodingRun(inputs: InputQueue(files), batch: nil, frames: nil)
        try await run.encode(faults: &faults) {
            encoder
        } deliver: { origin, _, embedding in
            let source = origin.shown
            let folder = FileName.shown(directory)
            let name = source.hasPrefix(folder) ? String(source.dropFirst(folder.count)) : source
            entries.append((String(name.drop { $0 == "/" }), embedding))
        }
        guard !entries.isEmpty else {
            try faults.finish()
            throw PerceptError(.badData, "\(directory): holds no picture")
        }
        return Gallery(entries)
    }
}

extension Optional {
    fileprivate func asyncMap<Result>(_ transform: (Wrapped) async throws -> Result) async rethrows -> Result? {
        guard let self else { return nil }
        return try await transform(self)
    }
}
