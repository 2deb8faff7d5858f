import Foundation
import Percept
import PerceptEngine
import PerceptGraph
import PerceptModels
import PerceptNumbers
import PerceptRuntime
import TestSupport
import Testing

/// Whole decoders over keys and values in 8 bits, beside the same over plain ones.
@Suite("Language models with quantised keys and values")
struct QuantizedCacheTests {
    /// A decoder on the device, and a prompt whose media are made up.
    private final class Loaded {
        let session: LanguageEngine
        private let prompt: Program
        let ids: [UInt32]

        init(
            _ fixture: PLMModelFixture, _ test: PLMModelFixture.Case, _ weights: any WeightProvider,
            _ storage: StorageType = .f32, quantizesCache: Bool, on gpu: OpenDevice
        ) throws {
            let config = fixture.config
            let mediaRows = max(test.placeholders.count, 1)
            let decoder = LanguageDecoder(
                config.language, storage: storage, quantizesCache: quantizesCache, positions: 160,
                mediaRows: mediaRows, keepsLogits: true)
            session = LanguageEngine(PLMGraphs(config, decoder), from: weights, on: gpu)
            var ids = test.ids.map(UInt32.init)
            for (row, place) in test.placeholders.enumerated() { ids[place] = 0x8000_0000 | UInt32(row) }
            self.ids = ids
            var graph = Graph()
            graph.output("logits", decoder.logits(decoder.prefill(rows: ids.count, in: &graph).stream, in: &graph))
            prompt = try session.host.record(graph)
            // In 16 bits media stay zero: what a store can be filled with is f32.
            guard storage == .f32 else { return }
            let media = numbers(mediaRows * config.language.dim, seed: 5)
            try session.host.states.write(LanguageDecoder.mediaSlot, media.map(\.bitPattern))
        }

        /// Logits of every position of the prompt.
        func promptLogits() throws -> [Float] {
            let words = prompt.input("ids").bindMemory(to: UInt32.self)
            for (index, id) in ids.enumerated() { words[index] = id }
            let places = Place.prompt(first: 0, count: ids.count, rows: ids.count).words
            places.withUnsafeBytes { prompt.input("places").copyMemory(from: $0) }
            let pages = prompt.input("pages").bindMemory(to: UInt32.self)
            for index in pages.indices { pages[index] = UInt32(index) }
            try prompt.run()
            return prompt.values("logits")
        }

        func greedy(_ count: Int) async throws -> (tokens: [UInt32], logits: [Float]) {
            try await session.greedy(ids, count: count)
        }
    }

    /// Relative L2 of logits against plain keys and values: what was seen, and a tenth.
    ///
    /// In a group of 32 the largest lies about 2.4 deviations out, so that rounding to a 127th of it is off by 0.55 % of
    /// the spread in keys and values both; blocks add up. These widths are of one group or two, where errors hardly average
    /// out. In 16 bits the rest of the model rounds differently besides.
    private static let bound = 2.1e-2

    @Test("logits of every position", arguments: PLMModelFixture.names, StorageType.allCases)
    func logits(name: String, storage: StorageType) throws {
        let fixture = try PLMModelFixture(name)
        try TestGPU.run { gpu in
            for test in fixture.cases {
                func logits(_ quantizesCache: Bool) throws -> [Float] {
                    try Loaded(
                        fixture, test, RandomWeights(seed: 3), storage, quantizesCache: quantizesCache, on: gpu
                    ).promptLogits()
                }
                let error = relativeError(try logits(true), try logits(false))
                #expect(error <= Self.bound, "\(test.name): off by \(error)")
                #expect(error > 1e-4, "\(test.name): nothing was quantised")
            }
        }
    }

    /// Where a continuation leaves the other's, the lead was within reach of the error: a logit's is about the bound of the
    /// row's root mean square, and four times that of a difference is allowed.
    @Test("greedy tokens part only where the lead is small", arguments: PLMModelFixture.names)
    func tokens(name: String) async throws {
        let fixture = try PLMModelFixture(name)
        try await TestGPU.runByTurns { gpu in
            for test in fixture.cases {
                func found(_ quantizesCache: Bool) async throws -> [UInt32] {
                    try await Loaded(fixture, test, RandomWeights(seed: 3), quantizesCache: quantizesCache, on: gpu)
                        .greedy(64).tokens
                }
                let (quantized, exact) = (try await found(true), try await found(false))
                let same = zip(quantized, exact).prefix { $0 == $1 }.count
                guard same < exact.count else { continue }
                let plain = try Loaded(fixture, test, RandomWeights(seed: 3), quantizesCache: false, on: gpu)
                let row = try await plain.greedy(same + 1).logits
                let squares = row.reduce(0.0) { $0 + Double($1) * Double($1) }
                let lead = Double(row[Int(exact[same])] - row[Int(quantized[same])])
                let reach = 4 * 2.0.squareRoot() * Self.bound * (squares / Double(row.count)).squareRoot()
                #expect(lead <= reach, "\(test.name): token \(same) led by \(lead), and \(reach) are within reach")
            }
        }
    }

    @Test("however a prompt is cut, and wherever its pages lie", arguments: PLMModelFixture.names)
    func cut(name: String) async throws {
        let fixture = try PLMModelFixture(name)
        try await TestGPU.runByTurns { gpu in
            for test in fixture.cases {
                let model = try Loaded(fixture, test, RandomWeights(seed: 3), quantizesCache: true, on: gpu)
                let whole = try await model.greedy(21)
                let elsewhere = try await model.session.greedy(model.ids, pages: [3, 1, 2], count: 21)
                #expect(elsewhere.tokens == whole.tokens && elsewhere.logits == whole.logits, "\(test.name)")
                let half = model.ids.count / 2
                for cuts in [[half], [1, half, half + 1], [model.ids.count - 1]] {
                    let parts = try await model.session.greedy(model.ids, cuts: cuts, count: 21)
                    #expect(parts.tokens == whole.tokens, "\(test.name), cut at \(cuts)")
                    // Sums in another order may move a code.
                    #expect(relativeError(parts.logits, whole.logits) <= 1e-3, "\(test.name), cut at \(cuts)")
                }
            }
        }
    }
}
