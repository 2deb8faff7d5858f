import Percept
import PerceptCommandKit
import PerceptEngine
import Synchronization

/// Files on their way to embeddings: in input order, decoded one portion ahead of the device, by all cores.
struct EncodingRun {
    let inputs: InputQueue
    /// Images that go to the device at once; nil leaves it to the library.
    let batch: Int?
    /// Frames of a video; of animations, which are pictures, too if a number is given. nil takes 8 of videos alone.
    let frames: Int?

    /// What goes to the device at once: images up to a batch, or one video; what was lost before is told in its place.
    private enum Portion: Sendable {
        case images([InputQueue.Item])
        case video(InputFile)
    }

    private enum Decoded: Sendable {
        case images([Input<Image>])
        case video(Input<VideoClip>)

        /// Nothing of it could be read.
        var isEmpty: Bool {
            switch self {
            case .images(let images): images.allSatisfy { (try? $0.content.get()) == nil }
            case .video(let video): (try? video.content.get()) == nil
            }
        }

        var count: Int {
            switch self {
            case .images(let images): images.count
            case .video: 1
            }
        }
    }

    private struct Input<Content: Sendable>: Sendable {
        /// Nil for a folder.
        let origin: InputOrigin?
        let content: Result<Content, PerceptError>
        /// Whether the user knows already that it could not be read.
        var isReported = false

        func lose(_ body: (InputOrigin, PerceptError) throws -> Void) rethrows {
            if let origin, case .failure(let error) = content { try body(origin, error) }
        }
    }

    /// Encodes all files.
    ///
    /// - Parameters:
    ///   - load: gives the model; called when the first file has been decoded, not at all when none can be.
    ///   - lose: takes a file that cannot be read, when its turn comes.
    ///   - deliver: takes an embedding with its file and kind.
    ///   - complete: called when all that was decoded at once has been delivered or lost: who begins anew behind it gets the
    ///     same embeddings, bit for bit.
    func encode(
        faults: inout InputFaults, load: () async throws -> PerceptionEncoder,
        lose: (InputOrigin, PerceptError) throws -> Void = { _, _ in },
        deliver: (InputOrigin, MediaKind, Embedding) throws -> Void,
        complete: () throws -> Void = {}
    ) async throws {
        let portions = PortionSource(inputs, limit: batch ?? 8, frames: frames)
        // Waiting for a pipe, or for who writes a list, takes a thread of its own.
        let thread = try BlockingThread(name: "percept.inputs")
        var upcoming = Self.decode(portions, on: thread)
        var done = 0
        defer { Console.shared.progress("encoding", 1) }
        while let decoded = try await upcoming.value() {
            upcoming = Self.decode(portions, on: thread)
            if let count = inputs.count, count > decoded.count {
                Console.shared.progress("encoding", min(Double(done) / Double(count), 0.99))
            }
            done += decoded.count
            report(decoded, &faults)
            if decoded.isEmpty {
                if case .images(let images) = decoded { for image in images { try image.lose(lose) } }
                if case .video(let video) = decoded { try video.lose(lose) }
            } else {
                try await encode(decoded, with: try await load(), &faults, lose, deliver)
            }
            try complete()
        }
    }

    private func encode(
        _ decoded: Decoded, with encoder: PerceptionEncoder, _ faults: inout InputFaults,
        _ lose: (InputOrigin, PerceptError) throws -> Void,
        _ deliver: (InputOrigin, MediaKind, Embedding) throws -> Void
    ) async throws {
        switch decoded {
        case .images(let images):
            var embeddings = try await encoder.embed(images.compactMap { try? $0.content.get() }, batch: batch)[...]
            for image in images {
                guard let origin = image.origin else { continue }
                if case .success = image.content, let embedding = embeddings.popFirst() {
                    try deliver(origin, .image, embedding.checked(origin.name))
                } else {
                    try image.lose(lose)
                }
            }
        case .video(let video):
            guard let origin = video.origin, let clip = try? video.content.get() else { return }
            do {
                let embedding = try await encoder.embed(clip, frames: frames ?? 8, batch: batch)
                try deliver(origin, .video, embedding.checked(origin.name))
            } catch let error as PerceptError where InputFaults.concerns(input: error) {
                // Damage in a frame shows only when the frame is decoded.
                faults.report(error)
                try lose(origin, error)
            }
        }
    }

    private func report(_ decoded: Decoded, _ faults: inout InputFaults) {
        switch decoded {
        case .images(let images):
            for image in images where !image.isReported {
                if case .failure(let error) = image.content { faults.report(error) }
            }
        case .video(let video): if case .failure(let error) = video.content { faults.report(error) }
        }
    }

    /// Makes portions of the inputs, one after the other: whoever asks waits until the last has been made.
    private final class PortionSource: Sendable {
        private let inputs: InputQueue
        private let limit: Int
        private let frames: Int?
        /// What was taken and did not belong to the portion before: a video, or a fault of the list.
        private let held = Mutex<Result<InputFile, PerceptError>?>(nil)

        init(_ inputs: InputQueue, limit: Int, frames: Int?) {
            (self.inputs, self.limit, self.frames) = (inputs, limit, frames)
        }

        /// The next portion; nil behind the last.
        func next() throws(PerceptError) -> Portion? {
            try held.withLock { held throws(PerceptError) in
                if let next = held {
                    held = nil
                    return .video(try next.get())
                }
                var items: [InputQueue.Item] = []
                var images = 0
                // What cannot be read takes no room in a batch, and yet should be told before long.
                while images < limit && items.count < limit + 64 {
                    do throws(PerceptError) {
                        guard var item = try inputs.next() else { break }
                        if case .file(let file) = item { item = .file(file.taken(frames: frames)) }
                        guard case .file(let file) = item, file.kind == .video else {
                            if case .file = item { images += 1 }
                            items.append(item)
                            continue
                        }
                        held = .success(file)
                    } catch {
                        held = .failure(error)
                    }
                    guard items.isEmpty else { break }
                    defer { held = nil }
                    guard let next = held else { return nil }
                    return .video(try next.get())
                }
                return items.isEmpty ? nil : .images(items)
            }
        }
    }

    /// A portion that is on its way.
    private struct Upcoming {
        let taking: Task<Portion?, any Error>
        let decoding: Task<Decoded?, any Error>

        func value() async throws -> Decoded? {
            try await withTaskCancellationHandler {
                try await decoding.value
            } onCancel: {
                taking.cancel()
            }
        }
    }

    private static func decode(_ portions: PortionSource, on thread: BlockingThread) -> Upcoming {
        let taking = Task(executorPreference: thread.tasks) { try portions.next() }
        let decoding = Task { () async throws -> Decoded? in
            guard let portion = try await taking.value else { return nil }
            return await decode(portion)
        }
        return Upcoming(taking: taking, decoding: decoding)
    }

    private static func decode(_ portion: Portion) async -> Decoded {
        switch portion {
        case .video(let file): return .video(Input(origin: InputOrigin(file), content: file.openedVideo()))
        case .images(let items):
            return await withTaskGroup(of: (Int, Input<Image>).self) { group in
                for (index, item) in items.enumerated() { group.addTask { (index, decode(item)) } }
                var images = [Input<Image>?](repeating: nil, count: items.count)
                for await (index, image) in group { images[index] = image }
                return .images(images.compactMap { $0 })
            }
        }
    }

    private static func decode(_ item: InputQueue.Item) -> Input<Image> {
        switch item {
        case .file(let file): Input(origin: InputOrigin(file), content: file.decodedImage())
        case .lost(let name, let error, let isReported):
            Input(origin: name.map { InputOrigin(lost: $0) }, content: .failure(error), isReported: isReported)
        }
    }
}
