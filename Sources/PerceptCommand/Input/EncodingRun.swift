import Percept
import PerceptCommandKit

/// Files on their way to embeddings: in input order, decoded one portion ahead of the device, by all cores.
struct EncodingRun {
    let files: [InputFile]
    /// Images that go to the device at once; nil leaves it to the library.
    let batch: Int?
    let frames: Int

    /// What goes to the device at once: images up to a batch, or one video.
    private enum Portion: Sendable {
        case images([InputFile])
        case video(InputFile)
    }

    private enum Decoded: Sendable {
        case images([(file: InputFile, image: Result<Image, PerceptError>)])
        case video(InputFile, Result<VideoClip, PerceptError>)

        /// Nothing of it could be read.
        var isEmpty: Bool {
            switch self {
            case .images(let images): images.allSatisfy { (try? $0.image.get()) == nil }
            case .video(_, let clip): (try? clip.get()) == nil
            }
        }
    }

    /// Encodes all files.
    ///
    /// - Parameters:
    ///   - load: gives the model; called when the first file has been decoded, not at all when none can be.
    ///   - deliver: takes an embedding with its file's name and kind.
    func encode(
        faults: inout InputFaults, load: () async throws -> PerceptionEncoder,
        deliver: (_ source: String, _ kind: MediaKind, Embedding) throws -> Void
    ) async throws {
        let portions = self.portions
        guard var upcoming = portions.first.map(Self.decode) else { return }
        defer { Console.shared.progress("encoding", 1) }
        for index in portions.indices {
            let decoded = await upcoming.value
            if index + 1 < portions.count { upcoming = Self.decode(portions[index + 1]) }
            if decoded.isEmpty {
                report(decoded, &faults)
                continue
            }
            let encoder = try await load()
            if portions.count > 1 {
                Console.shared.progress("encoding", Double(index) / Double(portions.count))
            }
            try await encode(decoded, with: encoder, &faults, deliver)
        }
    }

    private func encode(
        _ decoded: Decoded, with encoder: PerceptionEncoder, _ faults: inout InputFaults,
        _ deliver: (String, MediaKind, Embedding) throws -> Void
    ) async throws {
        report(decoded, &faults)
        switch decoded {
        case .images(let images):
            let readable = images.compactMap { file, image in (try? image.get()).map { (file.source, $0) } }
            let embeddings = try await encoder.embed(readable.map(\.1), batch: batch)
            for ((source, _), embedding) in zip(readable, embeddings) {
                try deliver(source, .image, embedding.checked(source))
            }
        case .video(let file, let clip):
            guard let clip = try? clip.get() else { return }
            do {
                let embedding = try await encoder.embed(clip, frames: frames)
                try deliver(file.source, .video, embedding.checked(file.source))
            } catch let error as PerceptError where InputFaults.concerns(input: error) {
                // Damage in a frame shows only when the frame is decoded.
                faults.report(error.naming(file))
            }
        }
    }

    private func report(_ decoded: Decoded, _ faults: inout InputFaults) {
        let results: [Result<Void, PerceptError>] =
            switch decoded {
            case .images(let images): images.map { $0.image.map { _ in } }
            case .video(_, let clip): [clip.map { _ in }]
            }
        for case .failure(let error) in results { faults.report(error) }
    }

    private var portions: [Portion] {
        var portions: [Portion] = []
        var images: [InputFile] = []
        func flush() {
            if !images.isEmpty { portions.append(.images(images)) }
            images = []
        }
        for file in files {
            switch file.kind {
            case .video:
                flush()
                portions.append(.video(file))
            case .image:
                images.append(file)
                if images.count == batch ?? 8 { flush() }
            }
        }
        flush()
        return portions
    }

    private static func decode(_ portion: Portion) -> Task<Decoded, Never> {
        Task {
            switch portion {
            case .video(let file): return .video(file, file.openedVideo())
            case .images(let files):
                return await withTaskGroup(of: (Int, Result<Image, PerceptError>).self) { group in
                    for (index, file) in files.enumerated() { group.addTask { (index, file.decodedImage()) } }
                    var images = [Result<Image, PerceptError>?](repeating: nil, count: files.count)
                    for await (index, image) in group { images[index] = image }
                    return .images(zip(files, images).compactMap { file, image in image.map { (file, $0) } })
                }
            }
        }
    }
}
