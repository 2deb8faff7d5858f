import PerceptEngine
import Synchronization

/// What is made of pictures and videos as they go through: in their order, with those that could not be read in their
/// places.
///
/// Files are decoded on all cores, a few batches ahead of the device; memory stays bounded by
/// ``EncodingOptions/memory``. Whoever takes results slowly slows the decoding. Iterated once; ending the iteration, or
/// cancelling its task, ends the work.
public struct EncodingStream<Output: Sendable>: AsyncSequence, Sendable {
    /// A batch's pictures, decoded, to a row each.
    typealias Images = @Sendable (PerceptionEncoder, [Image]) async throws -> [Output]
    /// A video to its row.
    typealias Video = @Sendable (PerceptionEncoder, VideoClip) async throws -> Output

    fileprivate struct Item: Sendable {
        let index: Int
        let name: String
        let content: Result<EncodingInput.Content, PerceptError>
    }

    fileprivate typealias Work = GroupedWork<(Int, EncodingInput), Item, EncodingResult<Output>>

    private let makeWork: @Sendable () throws -> Work

    /// - Parameters:
    ///   - source: the next input; nil behind the last.
    ///   - encoder: asked for once something has been read.
    init(
        _ source: @escaping @Sendable () async throws -> EncodingInput?, _ options: EncodingOptions,
        encoder: @escaping @Sendable () async throws -> PerceptionEncoder, images: @escaping Images,
        video: @escaping Video
    ) {
        makeWork = {
            let count = Counter()
            return try Work(
                size: options.batch ?? PerceptionEncoder.defaultBatch, memory: options.memory,
                source: { try await source().map { (count.next(), $0) } },
                Work.Stages(
                    load: { Item(index: $0.0, name: $0.1.name, content: $0.1.load()) },
                    byteCount: { (try? $0.content.get())?.byteCount ?? 0 },
                    compute: { items in try await Self.compute(items, encoder, images, video) }))
        }
    }

    /// Makes the results of a group whose items have been read.
    private static func compute(
        _ items: [Item], _ encoder: @Sendable () async throws -> PerceptionEncoder, _ images: Images, _ video: Video
    ) async throws -> [EncodingResult<Output>] {
        let pictures = items.compactMap { item -> Image? in
            if case .success(.image(let image)) = item.content { image } else { nil }
        }
        var rows = pictures.isEmpty ? [] : try await images(try await encoder(), pictures)[...]
        var results: [EncodingResult<Output>] = []
        for (place, item) in items.enumerated() {
            var isVideo = false
            let output: Result<Output, PerceptError>
            switch item.content {
            case .failure(let error): output = .failure(error)
            case .success(.image):
                guard let row = rows.popFirst() else { preconditionFailure("fewer rows than pictures") }
                output = .success(row)
            case .success(.video(let clip)):
                isVideo = true
                do { output = .success(try await video(try await encoder(), clip)) } catch let error as PerceptError
                    where error.code == .badData || error.code == .missingInput
                {
                    // Damage in a frame shows only when the frame is decoded.
                    output = .failure(error)
                }
            }
            results.append(
                EncodingResult(
                    index: item.index, name: item.name, isVideo: isVideo, output: output,
                    endsBatch: place == items.count - 1))
        }
        return results
    }

    /// Takes the results one by one.
    public func makeAsyncIterator() -> Iterator { Iterator(makeWork: makeWork) }

    /// Takes the results of a stream one by one.
    public struct Iterator: AsyncIteratorProtocol {
        fileprivate let makeWork: @Sendable () throws -> Work
        private var work: Work?
        private var results: ArraySlice<EncodingResult<Output>> = []

        fileprivate init(makeWork: @escaping @Sendable () throws -> Work) { self.makeWork = makeWork }

        /// The next result; nil behind the last.
        ///
        /// - Throws: ``PerceptError`` where not one input but the model, the device or the source of inputs fails.
        public mutating func next(
            isolation: isolated (any Actor)? = #isolation
        ) async throws(PerceptError) -> EncodingResult<Output>? {
            do {
                let work = try self.work ?? makeWork()
                self.work = work
                if results.isEmpty { results = try await work.next()?[...] ?? [] }
                return results.popFirst()
            } catch { throw PerceptError(error) }
        }

        /// The next result; nil behind the last.
        public mutating func next() async throws(PerceptError) -> EncodingResult<Output>? {
            try await next(isolation: nil)
        }
    }
}

/// Counts from 0.
private final class Counter: Sendable {
    private let count = Atomic<Int>(0)
    func next() -> Int { count.wrappingAdd(1, ordering: .relaxed).oldValue }
}
