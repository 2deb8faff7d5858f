import Foundation
import Logging
import Percept
import Synchronization
import TestSupport
import Testing

/// What a model has on a device: programs within a budget, and pipelines that the next process finds.
@Suite("Programs and pipelines of a model", .serialized)
struct ModelHostTests {
    /// Counts recordings by what the logger is told.
    private final class Recordings: Sendable {
        private let counted = Atomic<Int>(0)
        var count: Int { counted.load(ordering: .relaxed) }

        var logger: Logger {
            var logger = Logger(label: "test") { _ in Handler(recordings: self) }
            logger.logLevel = .debug
            return logger
        }

        private struct Handler: LogHandler {
            let recordings: Recordings
            var metadata: Logger.Metadata = [:]
            var logLevel = Logger.Level.debug

            subscript(metadataKey key: String) -> Logger.Metadata.Value? {
                get { metadata[key] }
                set { metadata[key] = newValue }
            }

            func log(event: LogEvent) {
                if "\(event.message)".hasPrefix("recorded ") {
                    recordings.counted.wrappingAdd(1, ordering: .relaxed)
                }
            }
        }
    }

    private func open(cacheDirectory: URL? = nil, programMemory: Int? = nil) throws -> GPU {
        var options = GPU.Options()
        options.cacheDirectory = cacheDirectory
        options.programMemory = programMemory
        return try GPU.open(options)
    }

    @Test("A thousand different programs stay within the budget, and the one in use is not recorded again")
    func thousandPrograms() async throws {
        let budget = 16 << 20
        let recordings = Recordings()
        let encoder = try await PerceptionEncoder(
            .demo, on: open(programMemory: budget), logger: recordings.logger)
        let image = try Image.waves(64, 48)
        let label = try await encoder.embed(texts: ["a"])[0]
        let expected = try await encoder.embed([image])
        let alone = await encoder.memoryUse.programs
        #expect(alone < budget / 2, "\(alone) bytes")
        var asked = recordings.count
        for round in 0..<1000 {
            // Label counts, text lengths, batches and layers in turn.
            switch round % 20 {
            case 0: _ = try await encoder.embed(texts: [String(repeating: "a ", count: 1 + round / 20 % 24)])
            case 1: _ = try await encoder.features(image, layer: round / 20 % 2, norm: round % 40 == 1)
            case 2: _ = try await encoder.embed([Image](repeating: image, count: 2), batch: 2)
            default: _ = try await encoder.classify([image], labels: [Embedding](repeating: label, count: 1 + round))
            }
            if round % 5 == 0 {
                asked = recordings.count
                #expect(try await encoder.embed([image]) == expected)
                #expect(recordings.count == asked, "round \(round): the program in use was recorded again")
            }
            let used = await encoder.memoryUse.programs
            #expect(used <= budget, "round \(round): \(used) bytes")
        }
        // Those let go are recorded again when they are needed, and compute the same.
        let before = recordings.count
        #expect(before > 800)
        _ = try await encoder.classify([image], labels: [Embedding](repeating: label, count: 4))
        #expect(recordings.count == before + 1)
    }

    private func pipelines(in folder: URL) throws -> [(name: String, inode: UInt64)] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".pipelines") }.map {
            let attributes = try FileManager.default.attributesOfItem(atPath: folder.appending(path: $0).path)
            return ($0, (attributes[.systemFileNumber] as? NSNumber)?.uint64Value ?? 0)
        }
    }

    @Test(
        "An answer without a picture leaves compiled pipelines on disk; a second one, and a second process, write none")
    func pipelinesAreKept() async throws {
        try await withTemporaryDirectory { folder in
            func answer(_ model: PerceptionLanguageModel) async throws -> String {
                var options = GenerationOptions()
                options.maxTokens = 3
                var text = ""
                for try await piece in model.generate("What is this?", options: options) { text += piece.text }
                return text
            }
            let model = try await PerceptionLanguageModel(.demo, on: open(cacheDirectory: folder))
            #expect(try pipelines(in: folder).isEmpty)
            let first = try await answer(model)
            let written = try pipelines(in: folder)
            #expect(written.count == 1)
            #expect(try await answer(model) == first)
            #expect(try pipelines(in: folder).map(\.inode) == written.map(\.inode))
            // What a second process does.
            let again = try await PerceptionLanguageModel(.demo, on: open(cacheDirectory: folder))
            #expect(try await answer(again) == first)
            #expect(try pipelines(in: folder).map(\.inode) == written.map(\.inode))
        }
    }
}
