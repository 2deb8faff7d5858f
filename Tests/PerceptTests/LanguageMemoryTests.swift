import Foundation
import Percept
import PerceptEngine
import PerceptGraph
import PerceptModels
import PerceptNumbers
import PerceptRuntime
import PerceptVulkan
import TestSupport
import Testing

/// Memory of the published language models, planned without loading them, and of a tiny one, allocated.
@Suite("Memory of language models")
struct LanguageMemoryTests {
    struct Bound: Sendable, CustomTestStringConvertible {
        let model: String
        let weights: LanguageWeights
        var cache = LanguageCache.full
        /// With the reference's full cache of 11,264 positions.
        let gibibytes: Double
        var testDescription: String { "\(model) \(weights.rawValue), cache \(cache.rawValue)" }
    }

    static let bounds = [
        Bound(model: "PLM-1B", weights: .full, gibibytes: 4), Bound(model: "PLM-3B", weights: .full, gibibytes: 9),
        Bound(model: "PLM-1B", weights: .q8, gibibytes: 2.5), Bound(model: "PLM-3B", weights: .q8, gibibytes: 6),
        Bound(model: "PLM-8B", weights: .q8, gibibytes: 12), Bound(model: "PLM-1B", weights: .q4, gibibytes: 2),
        Bound(model: "PLM-3B", weights: .q4, gibibytes: 4), Bound(model: "PLM-8B", weights: .q4, gibibytes: 8),
        Bound(model: "PLM-1B", weights: .q4, cache: .q8, gibibytes: 1.5),
        Bound(model: "PLM-3B", weights: .q4, cache: .q8, gibibytes: 3.25),
        Bound(model: "PLM-8B", weights: .q4, cache: .q8, gibibytes: 7.5),
    ]

    private func plan(_ bound: Bound, _ style: DeviceProfile.Style) throws -> LanguageMemory {
        let config = try #require(PublishedModel.named(bound.model)?.language)
        let profile = try TestGPU.shared.get().profile.inStyle(style)
        let format = LanguageFormat(matrices: bound.weights.format, quantizesCache: bound.cache == .q8)
        return try LanguageMemory(format.graphs(config, storage: .f16, positions: 11264), for: profile)
    }

    @Test("the plan keeps within bounds", arguments: bounds)
    func keepsWithin(bound: Bound) throws {
        for style in [DeviceProfile.Style.cpu, .gpu] {
            let found = Double(try plan(bound, style).total) / Double(1 << 30)
            #expect(found <= bound.gibibytes, "\(style): \(found) GiB")
        }
    }

    @Test("what is allocated is what was planned", arguments: [LanguageWeights.full, .q8, .q4], LanguageCache.allCases)
    func allocated(weights: LanguageWeights, cache: LanguageCache) async throws {
        let gpu = try TestModel.privateGPU()
        try await withTemporaryDirectory { directory in
            try TestLanguageModel.write(to: directory)
            let model = try await PerceptionLanguageModel(
                .path(directory.path), on: gpu, weights: weights, cache: cache)
            for try await _ in model.generate("What is it?", about: [.image(try .waves(50, 40))]) {}
            let used = await model.memoryUse
            let plan = model.memoryPlan
            #expect(used.weights == plan.weights && used.states >= plan.context)
            // Small states take 256 bytes each.
            #expect(used.states <= plan.context + 4096 && used.programs <= plan.programs)
            #expect(model.weights == weights && model.cache == cache)
        }
    }

    /// A code of 8 bits an element and a 32nd of an f16 scale, for what takes 16.
    @Test(
        "quantised keys and values take 17/32 of what they take in f16",
        arguments: PublishedModel.languageModels.map(\.name))
    func share(model: String) throws {
        let config = try #require(PublishedModel.named(model)?.language)
        let profile = try TestGPU.shared.get().profile
        func context(_ cache: LanguageCache, _ positions: Int) throws -> Int {
            let format = LanguageFormat(matrices: .q4, quantizesCache: cache == .q8)
            return try LanguageMemory(format.graphs(config, storage: .f16, positions: positions), for: profile).context
        }
        // What else grows with the context are angles and room for media.
        let (language, positions) = (config.language, 4096)
        let saved = try context(.full, positions) - context(.q8, positions)
        // One page more than a context takes, to copy from.
        let rows = (Pages.count(positions: positions) + 1) * Pages.rows
        let full = rows * language.layers * 2 * language.kvHeads * language.headSize * 2
        #expect(saved == full / 32 * 15)
    }

    @Test("too little memory: the sizes, and what would fit")
    func refused() async throws {
        let faults = FaultInjection()
        let gpu = try TestModel.privateGPU(faults: faults)
        faults.memoryLimit = 3 << 30
        // Nothing is loaded, so a published architecture will do.
        let automatic = try await PerceptionLanguageModel(.random("PLM-3B"), on: gpu, context: 1024)
        #expect(automatic.weights == .q4)
        let error = await #expect(throws: PerceptError.self) {
            try await PerceptionLanguageModel(.random("PLM-3B"), on: gpu, weights: .full)
        }
        #expect(error?.code == .temporary)
        #expect(
            error?.message.hasSuffix("weights in q4, the cache in q8 and a context of 4096 would fit") == true,
            "\(error?.message ?? "")")
        // With a little more, the whole context fits if its keys and values take half the room.
        faults.memoryLimit = 3500 << 20
        let smaller = await #expect(throws: PerceptError.self) {
            try await PerceptionLanguageModel(.random("PLM-3B"), on: gpu)
        }
        #expect(
            smaller?.message.hasSuffix("weights in q4 and the cache in q8 would fit") == true,
            "\(smaller?.message ?? "")")
        let halved = try await PerceptionLanguageModel(.random("PLM-3B"), on: gpu, cache: .q8)
        #expect(halved.weights == .q4 && halved.contextLength == 11264)
        let none = await #expect(throws: PerceptError.self) {
            try await PerceptionLanguageModel(.random("PLM-8B"), on: gpu)
        }
        #expect(none?.message.contains("no option makes it fit") == true, "\(none?.message ?? "")")
    }
}
