import Foundation
import Percept
import TestSupport
import Testing

/// Damaged models, through the library to the device and back: an embedding, or an error that names the file.
@Suite(.serialized) struct HostileModelTests {
    private let image: Image

    init() throws { image = try .waves(20, 20) }

    /// Opens a model and embeds an image and a text with it; true when there is an answer.
    ///
    /// - Parameter limit: how long it may take; the first time of all, a driver compiles kernels.
    private func answers(
        _ model: URL, _ gpu: GPU, preprocessing: Preprocessing = .official, within limit: Duration = .seconds(10)
    ) async -> Bool {
        let start = ContinuousClock.now
        defer { #expect(ContinuousClock.now - start < limit, "\(model.path) took too long") }
        do {
            let encoder = try await PerceptionEncoder(.path(model.path), on: gpu, preprocessing: preprocessing)
            let embedding = try await encoder.embed([image])[0]
            #expect(embedding.isFinite)
            if encoder.hasTextTower { _ = try await encoder.embed(texts: ["a"]) }
            return true
        } catch {
            #expect([.badData, .missingInput].contains(error.code), "\(error.code): \(error)")
            let folder = model.hasDirectoryPath ? model.path : model.deletingLastPathComponent().path
            #expect(error.message.contains(folder), "\(error)")
            return false
        }
    }

    /// A model to damage: the file, and what lies beside it.
    struct Target: Sendable, CustomTestStringConvertible {
        let damaged: String
        let others: [String]
        /// What is opened: the file itself, or the folder.
        var opensFolder = false

        var testDescription: String { damaged }
    }

    static let weights = [
        Target(damaged: "clip.pt", others: ["clip.json"]),
        Target(damaged: "timm/model.safetensors", others: ["timm/config.json"], opensFolder: true),
        Target(
            damaged: "open_clip/open_clip_model.safetensors", others: ["open_clip/open_clip_config.json"],
            opensFolder: true),
    ]
    static let configurations = [
        Target(damaged: "clip.json", others: ["clip.pt"]),
        Target(damaged: "timm/config.json", others: ["timm/model.safetensors"], opensFolder: true),
        Target(
            damaged: "open_clip/open_clip_config.json", others: ["open_clip/open_clip_model.safetensors"],
            opensFolder: true),
    ]

    /// Lends the target's files in a folder, and their original bytes.
    private func stage<T>(
        _ target: Target, _ body: (_ damaged: URL, _ model: URL, _ bytes: Data) async throws -> T
    ) async throws -> T {
        try await withTemporaryDirectory { directory in
            for name in target.others {
                let source = TestModel.files.appending(path: name)
                try FileManager.default.copyItem(at: source, to: directory.appending(path: source.lastPathComponent))
            }
            let source = TestModel.files.appending(path: target.damaged)
            let damaged = directory.appending(path: source.lastPathComponent)
            let model = target.damaged == "clip.json" ? directory.appending(path: "clip.pt") : damaged
            return try await body(damaged, target.opensFolder ? directory : model, try Data(contentsOf: source))
        }
    }

    @Test(arguments: weights)
    func truncatedWeightsAreErrors(target: Target) async throws {
        let gpu = try TestModel.gpu()
        try await stage(target) { damaged, model, bytes in
            try bytes.write(to: damaged)
            #expect(await answers(model, gpu, within: .seconds(120)))
            for length in stride(from: 0, to: bytes.count, by: 1024) {
                try bytes.prefix(length).write(to: damaged)
                #expect(await !answers(model, gpu), "\(length) of \(bytes.count) bytes were accepted")
            }
        }
    }

    @Test(arguments: configurations)
    func truncatedConfigurationsAreErrors(target: Target) async throws {
        let gpu = try TestModel.gpu()
        try await stage(target) { damaged, model, bytes in
            try bytes.write(to: damaged)
            #expect(await answers(model, gpu, within: .seconds(120)))
            // Without the final line break it is whole.
            for length in 0..<bytes.count - 1 {
                try bytes.prefix(length).write(to: damaged)
                #expect(await !answers(model, gpu), "\(length) of \(bytes.count) bytes were accepted")
            }
        }
    }

    @Test(arguments: weights)
    func flippedWeightsDoNoHarm(target: Target) async throws {
        let gpu = try TestModel.gpu()
        try await stage(target) { damaged, model, bytes in
            var generator = SplitMix64(state: 5)
            for round in 0..<400 {
                var changed = bytes
                for _ in 0...round % 4 {
                    // Structure lies at both ends, numbers between.
                    let end = min(changed.count, 4096)
                    let place = [0..<end, changed.count - end..<changed.count, 0..<changed.count][round % 3]
                    changed[Int.random(in: place, using: &generator)] ^= UInt8.random(in: 1...255, using: &generator)
                }
                try changed.write(to: damaged)
                _ = await answers(model, gpu)
            }
        }
    }

    /// Weights that are noise, infinities and NaN among them, in every precision.
    @Test(arguments: Precision.allCases)
    func noiseAsWeightsDoesNoHarm(precision: Precision) async throws {
        let gpu = try TestModel.gpu()
        for seed in 0..<10 {
            try await withTemporaryDirectory { directory in
                var generator = SplitMix64(state: UInt64(seed))
                let file = try TestModel.write(to: directory) { name, shape, values in
                    (
                        shape,
                        values.map { value in
                            name == "logit_scale" || seed % 3 == 0 && Bool.random(using: &generator)
                                ? value : Float(bitPattern: UInt32.random(in: 0...UInt32.max, using: &generator))
                        }
                    )
                }
                let encoder = try await PerceptionEncoder(.path(file.path), on: gpu, precision: precision)
                let error = await perceptError {
                    let embedding = try await encoder.embed([image])[0]
                    #expect(embedding.isFinite)
                }
                #expect(error == nil || error?.code == .badData)
            }
        }
    }

    @Test(arguments: configurations)
    func flippedConfigurationsDoNoHarm(target: Target) async throws {
        let gpu = try TestModel.gpu()
        try await stage(target) { damaged, model, bytes in
            var generator = SplitMix64(state: 7)
            let digits = Array("0123456789".utf8)
            let numbers = bytes.indices.filter { digits.contains(bytes[$0]) }
            for round in 0..<400 {
                var changed = bytes
                for _ in 0...round % 3 {
                    if round.isMultiple(of: 2) {
                        // Another digit keeps the JSON sound, and the sizes in it not.
                        changed[numbers.randomElement(using: &generator) ?? 0] =
                            digits.randomElement(using: &generator) ?? 0
                    } else {
                        changed[Int.random(in: 0..<changed.count, using: &generator)] ^=
                            UInt8.random(in: 1...255, using: &generator)
                    }
                }
                try changed.write(to: damaged)
                _ = await answers(
                    model, gpu, preprocessing: target.opensFolder ? .checkpoint : .official)
            }
        }
    }

    /// A pickle that would run a command when loaded is refused by name, in a bare file and inside an archive's place.
    @Test func aPickleThatImportsIsRefusedAndNothingRuns() async throws {
        let gpu = try TestModel.gpu()
        try await withTemporaryDirectory { directory in
            let witness = directory.appending(path: "witness")
            let file = directory.appending(path: "evil.pt")
            for module in ["os", "posix", "builtins", "subprocess"] {
                let call = module == "builtins" ? "eval" : module == "subprocess" ? "getoutput" : "system"
                let pickle = "\u{80}\u{2}c\(module)\n\(call)\n(Vtouch \(witness.path)\ntR."
                try Data(pickle.unicodeScalars.map { UInt8($0.value) }).write(to: file)
                let error = await perceptError { _ = try await PerceptionEncoder(.path(file.path), on: gpu) }
                #expect(error?.code == .badData)
                #expect(error?.message.contains(file.path) == true)
                #expect(!FileManager.default.fileExists(atPath: witness.path))
            }
        }
    }
}
