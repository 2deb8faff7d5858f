import Percept
import PerceptCommandKit
import PerceptEngine
import Synchronization

/// Files on their way to embeddings: in input order, decoded on all cores ahead of the device.
struct EncodingRun {
    let inputs: InputQueue
    /// Images that go to the device at once; nil leaves it to the library.
    let batch: Int?
    /// Frames of a video; of animations, which are pictures, too if a number is given. nil takes 8 of videos alone.
    let frames: Int?

    /// What is known of an input beside what the library is given.
    private struct Told: Sendable {
        /// Nil for a folder.
        var origin: InputOrigin?
        /// Whether the user knows already that it could not be read.
        var isReported = false
        /// A fault not of one input, but of what names them: nothing comes behind it.
        var ends: PerceptError?
    }

    /// What has been taken from the queue and not come back, in order.
    private final class Ledger: Sendable {
        private let entries = Mutex<[Told]>([])
        private let isClosed = Atomic<Bool>(false)
        /// Whether nothing more is to be taken.
        var hasEnded: Bool { isClosed.load(ordering: .relaxed) }

        func add(_ told: Told) {
            entries.withLock { $0.append(told) }
            if told.ends != nil { isClosed.store(true, ordering: .relaxed) }
        }

        /// Takes out what is known of the input whose result comes next.
        func next() -> Told { entries.withLock { $0.removeFirst() } }
    }

    /// Encodes all files.
    ///
    /// - Parameters:
    ///   - load: gives the model; called when the first file has been decoded, not at all when none can be.
    ///   - lose: takes a file that cannot be read, when its turn comes.
    ///   - deliver: takes an embedding with its file and kind.
    ///   - complete: called when all of a batch has been delivered or lost: who begins anew behind it gets the same
    ///     embeddings, bit for bit.
    func encode(
        faults: inout InputFaults, load: @escaping @Sendable () async throws -> PerceptionEncoder,
        lose: (InputOrigin, PerceptError) throws -> Void = { _, _ in },
        deliver: (InputOrigin, MediaKind, Embedding) async throws -> Void,
        complete: () throws -> Void = {}
    ) async throws {
        let ledger = Ledger()
        // Waiting for a pipe, or for who writes a list, takes a thread of its own.
        let thread = try BlockingThread(name: "percept.inputs")
        let (inputs, frames) = (inputs, frames)
        let source = { @Sendable () async throws -> EncodingInput? in
            await Task(executorPreference: thread.tasks) { Self.take(from: inputs, frames: frames, ledger) }.value
        }
        let options = EncodingOptions(batch: batch, frames: frames ?? 8)
        let encoder = Once(load)
        var done = 0
        defer { Console.shared.progress("encoding", 1) }
        let results = PerceptionEncoder.embeddings(source, options) { try await encoder.value }
        for try await result in results {
            let told = ledger.next()
            if let error = told.ends { throw error }
            done += 1
            if let count = inputs.count, count > 1 {
                Console.shared.progress("encoding", min(Double(done) / Double(count), 0.99))
            }
            switch result.output {
            case .success(let embedding):
                guard let origin = told.origin else { continue }
                try await deliver(origin, result.isVideo ? .video : .image, embedding.checked(origin.name))
            case .failure(let error):
                if !told.isReported { faults.report(error) }
                if let origin = told.origin { try lose(origin, error) }
            }
            if result.endsBatch { try complete() }
        }
    }

    /// The next input; nil behind the last.
    private static func take(from inputs: InputQueue, frames: Int?, _ ledger: Ledger) -> EncodingInput? {
        do throws(PerceptError) {
            guard !ledger.hasEnded, let item = try inputs.next() else { return nil }
            switch item {
            case .file(let file):
                let file = file.taken(frames: frames)
                ledger.add(Told(origin: InputOrigin(file)))
                return EncodingInput(name: file.name) {
                    file.kind == .video
                        ? file.openedVideo().map { .video($0) } : file.decodedImage().map { .image($0) }
                }
            case .lost(let name, let error, let isReported):
                ledger.add(Told(origin: name.map { InputOrigin(lost: $0) }, isReported: isReported))
                return EncodingInput(name: name ?? "") { .failure(error) }
            }
        } catch {
            ledger.add(Told(ends: error))
            return EncodingInput(name: "") { .failure(error) }
        }
    }
}
