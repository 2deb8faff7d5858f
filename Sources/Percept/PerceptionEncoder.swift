public import Logging
import PerceptEngine
import PerceptGraph
import PerceptModels
import PerceptNumbers
import PerceptRuntime
import PerceptTokenizer
import PerceptVulkan

/// How matrices, and the activations that feed them, are stored on the device. Arithmetic is always f32; see
/// <doc:NumbersAndBounds>.
public enum Precision: String, Sendable, CaseIterable {
    /// 32 bits: 8 of exponent, 23 of fraction.
    case f32
    /// 16 bits: 5 of exponent, 10 of fraction, up to ±65504.
    case f16
    /// 16 bits: 8 of exponent, 7 of fraction; the range of f32.
    case bf16

    var storage: StorageType {
        switch self {
        case .f32: .f32
        case .f16: .f16
        case .bf16: .bf16
        }
    }
}

/// Whose preprocessing images get.
public enum Preprocessing: Sendable, Hashable {
    /// That of the original release. For Perception Encoder: squashed to the input size, bilinear, mean and deviation 0.5.
    case official
    /// What the JSON beside the checkpoint says: for an encoder timm's or open_clip's, for a language model that of
    /// transformers' processors.
    case checkpoint
}

/// Perception Encoder on a Vulkan device: images, videos and texts in, embeddings out.
///
/// Weights are uploaded when first needed and shared by everything the encoder runs. Command buffers are recorded once
/// for each batch size and replayed. What several callers ask for goes through the device together; see
/// <doc:SharingADevice>.
///
/// ```swift
/// let encoder = try await PerceptionEncoder(.demo, on: try GPU.preferred())
/// let images = try await encoder.embed([Image(contentsOf: url)])
/// let labels = try await encoder.embed(texts: ["a red circle", "a blue star"])
/// print(encoder.probabilities(images, labels))
/// ```
public actor PerceptionEncoder {
    /// The device that everything runs on.
    public nonisolated let gpu: GPU
    /// How matrices and activations are stored.
    public nonisolated let precision: Precision
    /// The name of the published model, or of the file.
    public nonisolated let modelName: String
    /// Whether texts can be embedded: PE-Core has a text tower, PE-Lang and PE-Spatial have none.
    public nonisolated let hasTextTower: Bool
    /// Height and width in pixels that images are resized to.
    public nonisolated let inputSize: (height: Int, width: Int)
    /// Numbers in an embedding.
    public nonisolated let embeddingWidth: Int
    /// Whether the model has a norm behind its last block, which ``features(_:layer:norm:)`` can apply.
    public nonisolated let hasFinalNorm: Bool
    /// Whether the model has no pooling of its own, so that an embedding is the mean of the patch tokens.
    public nonisolated let usesPatchMean: Bool
    /// What cosines are multiplied by before a softmax, exp of the learned `logit_scale`; 1 for a checkpoint
    /// that has none.
    public nonisolated let logitScale: Float

    /// The published model whose space embeddings lie in; nil for files of another name, which may be the same.
    nonisolated let space: String?
    nonisolated let traits: TowerTraits
    nonisolated let text: TextConfig?
    let engine: EncoderEngine
    private nonisolated let preparation: ImagePreparation
    /// What is asked for and not done, by number.
    private var calls: [Int: EncoderCall] = [:]
    private var lastCall = 0
    /// Sources that are being watched, by their flows.
    var streams: [Int: FramePipeline] = [:]
    private let model: LoadedEncoder
    nonisolated let tokenizer: CLIPTokenizer?

    /// Work runs on the device's thread.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { gpu.runtime.thread.asUnownedSerialExecutor() }

    /// Opens a model; its weights are uploaded when they are first needed, or by ``prepare(texts:)``.
    ///
    /// - Parameters:
    ///   - source: where configuration and weights are read from.
    ///   - gpu: an opened device; several encoders may share it.
    ///   - precision: how matrices and activations are stored.
    ///   - preprocessing: how an image becomes the tower's input.
    ///   - inputSize: height and width in pixels of the tower's input, whole patches and at most 2²⁶ pixels in all; nil for
    ///     the size of its training. Positions are interpolated as the reference does.
    ///   - logger: told of recorded programs, and of pipelines that could not be kept; silent unless given.
    ///   - progress: told the fraction, 0 to 1, of the weights that the program at hand still lacked.
    /// - Throws: ``PerceptError`` naming the file and the fault, or with ``PerceptError/Code/usage`` for a name that no model
    ///   has and an input size that cannot be.
    public init(
        _ source: ModelSource, on gpu: GPU, precision: Precision = .f16, preprocessing: Preprocessing = .official,
        inputSize: (height: Int, width: Int)? = nil, logger: Logger = GPU.silent,
        progress: @escaping @Sendable (Double) -> Void = { _ in }
    ) async throws(PerceptError) {
        let (model, transform) = try PerceptError.wrap {
            let model = try LoadedEncoder(source.origin)
            let transform =
                if preprocessing == .checkpoint { try ImageTransform(checkpoint: model.directory) } else {
                    ImageTransform.official
                }
            return (model, transform)
        }
        let traits = model.encoder.vision.traits
        let size = inputSize ?? (traits.height, traits.width)
        guard size.height > 0, size.width > 0, size.height % traits.patch == 0, size.width % traits.patch == 0
        else {
            throw PerceptError(
                .usage,
                "an input of \(size.width) x \(size.height) pixels is not made of patches of \(traits.patch)"
                    + Self.nearest(size, patch: traits.patch))
        }
        let (pixels, overflow) = size.height.multipliedReportingOverflow(by: size.width)
        guard !overflow, pixels <= Self.largestInput else {
            throw PerceptError(
                .usage, "an input of \(size.width) x \(size.height) pixels is more than \(Self.largestInput) in all")
        }
        if case .centreCrop = transform.fit, size.height != size.width {
            throw PerceptError(.usage, "preprocessing by the checkpoint crops to a square; the input size must be one")
        }
        self.gpu = gpu
        self.precision = precision
        self.model = model
        self.inputSize = size
        self.traits = traits
        text = model.encoder.text
        modelName = model.encoder.name
        space = source == .demo ? modelName : PublishedModel.named(modelName)?.name
        hasTextTower = text != nil
        embeddingWidth = traits.embeddingWidth
        hasFinalNorm = traits.hasFinalNorm
        usesPatchMean = traits.usesPatchMean
        logitScale = model.logitScale
        tokenizer = text == nil ? nil : CLIPTokenizer()
        let graphs = EncoderGraphs(
            model.encoder, storage: precision.storage, height: size.height, width: size.width,
            logitScale: model.logitScale)
        engine = EncoderEngine(
            model, graphs, transform: transform, on: gpu.runtime, programMemory: gpu.programMemory, logger: logger
        ) { fraction in
            try Task.checkCancellation()
            progress(fraction)
        }
        preparation = engine.preparation
    }

    /// Most pixels of an input; kernels count elements in 32 bits.
    private static let largestInput = 1 << 26

    /// The size of whole patches that is nearest, for a message; nothing for sizes that make no sense.
    private static func nearest(_ size: (height: Int, width: Int), patch: Int) -> String {
        let sides = [size.width, size.height]
        guard sides.allSatisfy((1...largestInput).contains) else { return "" }
        let near = sides.map { max(($0 + patch / 2) / patch * patch, patch) }
        return "; the nearest is \(near[0]) x \(near[1])"
    }

    /// What a user may want to know of how the model was loaded.
    public var notes: [String] { model.notes + engine.host.notes }

    /// Uploads weights and records programs before the first image or text.
    ///
    /// - Parameter texts: true for the text tower, false for the vision tower.
    /// - Throws: ``PerceptError`` with ``PerceptError/Code/temporary`` where device memory does not suffice, and with
    ///   ``PerceptError/Code/usage`` for texts without a text tower.
    public func prepare(texts: Bool = false) throws(PerceptError) {
        try working {
            if texts {
                _ = try engine.textProgram(batch: 1, length: text?.context ?? 1)
            } else {
                _ = try engine.program(.embedding, batch: 1, holding: .none)
            }
        }
    }

    // MARK: Embeddings

    /// Embeddings of images, unit length, in their order.
    ///
    /// - Parameters:
    ///   - images: any number, of any sizes.
    ///   - batch: the most that go through the device at a time; nil leaves it to Percept.
    /// - Throws: ``PerceptError``: ``PerceptError/Code/temporary`` where device memory does not suffice,
    ///   ``PerceptError/Code/badData`` where the weights lead to numbers that are not finite, and
    ///   ``PerceptError/Code/cancelled`` between two batches of a cancelled task.
    public nonisolated func embed(_ images: [Image], batch: Int? = nil) async throws(PerceptError) -> [Embedding] {
        try await compute(
            .images(.embedding, labels: []), items(images), limit: batch ?? Self.defaultBatch
        ).map(embedding)
    }

    /// Embeddings of pixels that a program has preprocessed itself, unit length, in their order.
    ///
    /// - Parameter tensors: for each image [3, height, width] of ``inputSize``, red, green and blue in planes, normalised as
    ///   the model wants them: by the official preprocessing `(value / 255 - 0.5) / 0.5`.
    /// - Throws: ``PerceptError`` with ``PerceptError/Code/usage`` for another number of values, and as ``embed(_:batch:)``.
    public nonisolated func embed(tensors: [[Float]]) async throws(PerceptError) -> [Embedding] {
        let count = 3 * inputSize.height * inputSize.width
        if let other = tensors.first(where: { $0.count != count }) {
            throw PerceptError(
                .usage,
                "\(other.count) values are no input of 3 x \(inputSize.height) x \(inputSize.width), which has \(count)"
            )
        }
        return try await compute(.tensors, tensors.map { .tensor($0) }, limit: Self.defaultBatch).map(embedding)
    }

    /// Embedding of a video: the mean of the embeddings of evenly spaced frames, made unit length.
    ///
    /// - Parameters:
    ///   - clip: the video; its frames are decoded before the first is embedded, apart from the device's thread.
    ///   - frames: how many, at least 1.
    ///   - batch: the most frames that go through the device at a time; nil leaves it to Percept.
    /// - Throws: ``PerceptError`` naming the file and the fault.
    public nonisolated func embed(
        _ clip: VideoClip, frames: Int = 8, batch: Int? = nil
    ) async throws(PerceptError) -> Embedding {
        Embedding.mean(try await embed(try await self.frames(of: clip, frames), batch: batch))
    }

    /// Embeddings of texts, unit length, in their order. What is longer than the model's context is cut, as in the
    /// reference; ``lengths(ofTexts:)`` tells by how much.
    ///
    /// - Parameter texts: any number, as people write them; they are cleaned as the reference cleans them.
    /// - Throws: ``PerceptError`` with ``PerceptError/Code/usage`` for a model without a text tower.
    public nonisolated func embed(texts: [String]) async throws(PerceptError) -> [Embedding] {
        guard let text, let tokenizer else {
            throw PerceptError(.usage, "\(modelName) has no text tower")
        }
        let ids = texts.map { EncoderItem.ids(tokenizer.encode($0, contextLength: text.context)) }
        return try await compute(.texts, ids, limit: 32).map(embedding)
    }

    /// Embeddings of labels: each is put into every template for its `{}`, and the embeddings are averaged and made unit
    /// length.
    ///
    /// - Parameters:
    ///   - labels: names of classes.
    ///   - templates: sentences such as `a photo of a {}.`; at least one, and each with a `{}`.
    /// - Throws: ``PerceptError`` with ``PerceptError/Code/usage`` for a model without a text tower and for templates that
    ///   would make one sentence of all labels.
    public nonisolated func embed(
        labels: [String], templates: [String] = ["{}"]
    ) async throws(PerceptError) -> [Embedding] {
        guard !templates.isEmpty else { throw PerceptError(.usage, "labels need at least one template") }
        if let template = templates.first(where: { !$0.contains("{}") }) {
            throw PerceptError(.usage, "the template “\(template)” has no {} for the label")
        }
        let texts = labels.flatMap { Self.texts($0, templates) }
        let all = try await embed(texts: texts)
        if templates.count == 1 { return all }
        return labels.indices.map { index in
            Embedding.mean(Array(all[index * templates.count..<(index + 1) * templates.count]))
        }
    }

    // MARK: Classification

    /// Probabilities of each label for each image: softmax of the cosines times ``logitScale``, on the host in double
    /// precision. [images, labels]
    ///
    /// All must be embeddings of this model: others end the program, as ``Embedding/cosine(_:_:)`` says.
    public nonisolated func probabilities(_ images: [Embedding], _ labels: [Embedding]) -> [[Float]] {
        for label in labels { for image in images.prefix(1) { _ = Embedding.cosine(image, label) } }
        var softmax = LabelProbabilities(labels.map(\.values), scale: logitScale)
        return images.map { image in
            var row = [Float](repeating: 0, count: labels.count)
            softmax.write(image.values, to: &row)
            return row
        }
    }

    /// Cosines of each image and each label times ``logitScale``: what ``probabilities(_:_:)`` are the softmax of.
    /// [images, labels]
    public nonisolated func logits(_ images: [Embedding], _ labels: [Embedding]) -> [[Float]] {
        images.map { image in labels.map { logitScale * Embedding.cosine(image, $0) } }
    }

    /// Probabilities of each label for each image, computed on the device in the same run as the embeddings.
    /// [images, labels]
    ///
    /// - Parameters:
    ///   - images: any number, of any sizes.
    ///   - labels: embeddings of this model, ``embeddingWidth`` numbers each.
    ///   - batch: the most images that go through the device at a time; nil leaves it to Percept.
    /// - Throws: ``PerceptError`` as ``embed(_:batch:)``.
    public nonisolated func classify(
        _ images: [Image], labels: [Embedding], batch: Int? = nil
    ) async throws(PerceptError) -> [[Float]] {
        guard !labels.isEmpty else { return images.map { _ in [] } }
        if let other = labels.first(where: { $0.values.count != embeddingWidth }) {
            throw PerceptError(
                .usage, "\(modelName) has embeddings of \(embeddingWidth) values; a label has \(other.values.count)")
        }
        return try await compute(
            .images(.classification(labels: labels.count), labels: labels.map(\.values)),
            items(images), limit: batch ?? Self.defaultBatch)
    }

    // MARK: Dense features

    /// Tokens of an image behind block `layer`, counted from the end if negative (the reference's `layer_idx`).
    ///
    /// - Parameters:
    ///   - image: of any size.
    ///   - layer: from 0, or from -1 backwards.
    ///   - norm: whether the final norm is applied, in models that have one.
    /// - Throws: ``PerceptError`` with ``PerceptError/Code/usage`` for a layer there is not.
    public nonisolated func features(
        _ image: Image, layer: Int = -1, norm: Bool = false
    ) async throws(PerceptError) -> DenseFeatures {
        let layers = traits.layers
        guard (-layers..<layers).contains(layer) else {
            throw PerceptError(.usage, "\(modelName) has \(layers) layers; there is no layer \(layer)")
        }
        let index = layer < 0 ? layers + layer : layer
        let rows = try await compute(
            .images(.features(layer: index, norm: norm), labels: []), items([image]), limit: 1)
        return denseFeatures(rows[0])
    }

    /// Tokens of one image, the class token first if there is one.
    nonisolated func denseFeatures(_ values: [Float]) -> DenseFeatures {
        let width = traits.tokenWidth
        return DenseFeatures(
            gridHeight: inputSize.height / traits.patch, gridWidth: inputSize.width / traits.patch, width: width,
            tokens: traits.hasClassToken ? Array(values[width...]) : values,
            classToken: traits.hasClassToken ? Array(values[..<width]) : nil)
    }

    // MARK: Measurement

    /// Stores, each of four or eight neighbouring values, in which f16 could not hold a value and kept it at ±65504; all
    /// since the encoder was made. Any advise ``Precision/bf16``.
    public var saturations: Int { engine.host.saturations }

    /// The plan of a batch of images as a table: a line a dispatch with its label, kernel, grid, operands and barrier.
    ///
    /// - Parameter batch: number of images, at least 1.
    /// - Throws: ``PerceptError`` as ``prepare(texts:)``, since weights are uploaded and the plan is recorded.
    public func plan(batch: Int = 1) throws(PerceptError) -> String {
        try working {
            String(describing: try engine.program(.embedding, batch: batch, holding: .none).program.plan)
        }
    }

    /// Sources that are being watched.
    public var watchedSources: Int { streams.count }

    /// Device memory in bytes: weights loaded so far, and what recorded programs hold.
    public var memoryUse: (weights: Int, programs: Int) {
        let recorded = engine.host.programByteCount
        return (engine.host.weights.byteCount, streams.values.reduce(recorded) { $0 + $1.byteCount })
    }

    /// Lets go of everything on the device: weights are uploaded and programs recorded anew when they are next needed.
    func unload() async {
        // What is on its way reads them.
        await engine.waitUntilIdle()
        engine.host.unload()
    }

    // MARK: Running

    private nonisolated func embedding(_ values: [Float]) -> Embedding { Embedding(values, model: space) }

    /// Does a piece of work that somebody has asked for.
    private func working<T>(_ body: () throws -> T) throws(PerceptError) -> T {
        try PerceptError.wrap { try engine.host.working(body) }
    }

    nonisolated func items(_ images: [Image]) -> [EncoderItem] {
        preparation.items(images.map(\.frame), few: Self.defaultBatch)
    }

    /// Has the device compute a row for each item, beside what others have asked for.
    private func compute(
        _ work: EncoderWork, _ items: [EncoderItem], limit: Int
    ) async throws(PerceptError) -> [[Float]] {
        let urgency: TurnClient.Urgency = Task.currentPriority < .medium ? .bulk : .interactive
        return try await results(of: EncoderCall(work, items, limit: limit, urgency: urgency))
    }

    /// Waits for what a call asks for.
    func results(of call: EncoderCall) async throws(PerceptError) -> [[Float]] {
        do {
            try Task.checkCancellation()
            lastCall += 1
            let number = lastCall
            calls[number] = call
            let start = ContinuousClock.now
            defer {
                calls[number] = nil
                gpu.runtime.turns.trace.note("embedding", from: start, ["waiting and computing": .now - start])
            }
            engine.add(call)
            startBatches(call.urgency)
            return try await withTaskCancellationHandler {
                // Said, since a closure that does not mention its actor is not known to be on it.
                try await call.results(isolation: self)
            } onCancel: {
                Task { await self.cancel(number) }
            }
        } catch { throw PerceptError(error) }
    }

    private func cancel(_ number: Int) { calls[number]?.fail(CancellationError()) }

    /// Has what waits go through the device, each batch in a task of its own.
    private func startBatches(_ urgency: TurnClient.Urgency) {
        while let batch = engine.nextBatch(urgency) {
            Task(priority: urgency == .bulk ? .utility : nil) {
                if let run = await engine.handIn(batch) {
                    // What came meanwhile is made ready while this one runs.
                    startBatches(urgency)
                    await engine.finish(batch, run)
                }
                startBatches(urgency)
            }
        }
    }

    /// Images that fill a device; a CPU gains a fifth from fewer waits between its kernels.
    static let defaultBatch = 8
}
