import PerceptEngine
import PerceptModels
import PerceptRuntime

extension PerceptionEncoder {
    /// Embeds pictures and videos as they come from a sequence: unit vectors in their order.
    ///
    /// ```swift
    /// let files = urls.map { EncodingInput.file($0) }
    /// for try await result in encoder.embed(files) {
    ///     switch result.output {
    ///     case .success(let embedding): index.add(result.name, embedding)
    ///     case .failure(let error): print(error)
    ///     }
    /// }
    /// ```
    ///
    /// - Parameters:
    ///   - inputs: asked for the next when there is room for it.
    ///   - options: how.
    public nonisolated func embed<Inputs: AsyncSequence & Sendable>(
        _ inputs: Inputs, options: EncodingOptions = EncodingOptions()
    ) -> EncodingStream<Embedding> where Inputs.Element == EncodingInput {
        Self.embeddings(Self.source(inputs), options) { self }
    }

    /// Embeds the pictures and videos of an array, read as their turns come: unit vectors in their order.
    public nonisolated func embed(
        _ inputs: [EncodingInput], options: EncodingOptions = EncodingOptions()
    ) -> EncodingStream<Embedding> {
        Self.embeddings(Self.source(AsyncArray(inputs)), options) { self }
    }

    /// Probabilities of each label for pictures and videos as they come: the softmax of ``probabilities(_:_:)``.
    ///
    /// - Parameter labels: embeddings of this model.
    public nonisolated func classify<Inputs: AsyncSequence & Sendable>(
        _ inputs: Inputs, labels: [Embedding], options: EncodingOptions = EncodingOptions()
    ) -> EncodingStream<[Float]> where Inputs.Element == EncodingInput {
        EncodingStream(Self.source(inputs), options, encoder: { self }) { encoder, images in
            encoder.probabilities(try await encoder.embedApart(images), labels)
        } video: { encoder, clip in
            encoder.probabilities([try await encoder.embedApart(clip, options)], labels)[0]
        }
    }

    /// Tokens of pictures as they come; of a video those of its middle frame. See ``features(_:layer:norm:)``.
    public nonisolated func features<Inputs: AsyncSequence & Sendable>(
        _ inputs: Inputs, layer: Int = -1, norm: Bool = false, options: EncodingOptions = EncodingOptions()
    ) -> EncodingStream<DenseFeatures> where Inputs.Element == EncodingInput {
        EncodingStream(Self.source(inputs), options, encoder: { self }) { encoder, images in
            var features: [DenseFeatures] = []
            for image in images { features.append(try await encoder.features(image, layer: layer, norm: norm)) }
            return features
        } video: { encoder, clip in
            try await encoder.features(try await encoder.frames(of: clip, 1)[0], layer: layer, norm: norm)
        }
    }

    /// Embeddings by an encoder that is asked for once something has been read.
    package static func embeddings(
        _ source: @escaping @Sendable () async throws -> EncodingInput?, _ options: EncodingOptions,
        encoder: @escaping @Sendable () async throws -> PerceptionEncoder
    ) -> EncodingStream<Embedding> {
        EncodingStream(source, options, encoder: encoder) { encoder, images in
            try await encoder.embedApart(images)
        } video: { encoder, clip in
            try await encoder.embedApart(clip, options)
        }
    }

    private static func source<Inputs: AsyncSequence & Sendable>(
        _ inputs: Inputs
    ) -> @Sendable () async throws -> EncodingInput? where Inputs.Element == EncodingInput {
        let iterator = OneByOne(inputs)
        return { try await iterator.next() }
    }

    /// Embeddings of pictures that share no batch with what others ask for, so that they are the same each time.
    private func embedApart(_ images: [Image]) async throws(PerceptError) -> [Embedding] {
        let call = EncoderCall(
            .images(.embedding, labels: []), images.map { .image($0.frame) }, limit: images.count, urgency: .bulk,
            sharesBatches: false)
        return try await results(of: call).map { Embedding($0, model: space) }
    }

    private nonisolated func embedApart(
        _ clip: VideoClip, _ options: EncodingOptions
    ) async throws(PerceptError) -> Embedding {
        let frames = try await frames(of: clip, options.frames)
        let limit = max(options.batch ?? Self.defaultBatch, 1)
        var embeddings: [Embedding] = []
        for start in stride(from: 0, to: frames.count, by: limit) {
            embeddings += try await embedApart(Array(frames[start..<min(start + limit, frames.count)]))
        }
        return Embedding.mean(embeddings)
    }

    /// Evenly spaced frames, decoded on a thread of the pool.
    nonisolated func frames(of clip: VideoClip, _ count: Int) async throws(PerceptError) -> [Image] {
        do {
            let pool = try WorkerPool.shared.get()
            let task = Task(executorPreference: pool) { try clip.frames(count) }
            return try await withTaskCancellationHandler {
                try await task.value
            } onCancel: {
                task.cancel()
            }
        } catch { throw PerceptError(error) }
    }
}

/// An iterator that is asked by several tasks.
///
/// Unchecked, since those that ask wait for one another: inputs are taken one by one.
private final class OneByOne<Inputs: AsyncSequence & Sendable>: @unchecked Sendable {
    private var iterator: Inputs.AsyncIterator

    init(_ inputs: Inputs) { iterator = inputs.makeAsyncIterator() }

    func next() async throws -> Inputs.Element? { try await iterator.next() }
}

/// The elements of an array, one by one.
private struct AsyncArray<Element: Sendable>: AsyncSequence, Sendable {
    private let elements: [Element]

    init(_ elements: [Element]) { self.elements = elements }

    func makeAsyncIterator() -> Iterator { Iterator(elements: elements[...]) }

    struct Iterator: AsyncIteratorProtocol {
        fileprivate var elements: ArraySlice<Element>
        mutating func next() async -> Element? { elements.popFirst() }
    }
}
