import Foundation
import Percept
import PerceptCheckpoint
import PerceptEngine
import PerceptGraph
import PerceptModels
import PerceptNumbers
import PerceptRuntime
import TestSupport
import Testing

/// Whole language models against transformers, from pixels to the greedy continuation.
@Suite("Language model parity with transformers")
struct PLMParityTests {
    /// Relative L2 of media features and logits.
    private static let bounds: [StorageType: Double] = [.f32: 1e-5, .f16: 3e-3, .bf16: 2e-2]

    /// The formula makes rounding show in `wide` (Tools/fixtures/plm.py), so 16 bits are not compared there; random weights
    /// of its width, which PyTorch itself keeps within the bounds, are.
    private static let models = PLMModelFixture.names.flatMap { name in
        (name == "wide" ? [.f32] : StorageType.allCases).map { (name, $0) }
    }

    /// A model on the device with room for the fixture's prompts.
    private final class Loaded {
        let config: PLMConfig
        let session: LanguageEngine
        private let vision: Program
        private let prompt: Program
        /// Those of the tower and of the prompt.
        private(set) var graphs: [Graph] = []

        init(
            _ fixture: PLMModelFixture, _ weights: any WeightProvider, _ storage: StorageType,
            weightType: WeightType? = nil, on gpu: OpenDevice
        ) throws {
            config = fixture.config
            let decoder = LanguageDecoder(
                config.language, storage: storage, weightType: weightType, positions: 160,
                mediaRows: 8 * config.tokensPerChunk,
                keepsLogits: true)
            session = LanguageEngine(PLMGraphs(config, decoder), from: weights, on: gpu)
            var graph = Graph()
            let pixels = graph.input("pixels", [1, 3, config.imageSize, config.imageSize])
            let media = decoder.media(in: &graph)
            PLMVision(config, storage: storage, weightType: weightType)(pixels, into: media, in: &graph)
            vision = try session.host.record(graph)
            self.graphs.append(graph)
            graph = Graph()
            let x = decoder.prefill(rows: fixture.cases.map(\.ids.count).max() ?? 1, in: &graph).stream
            graph.output("logits", decoder.logits(x, in: &graph))
            prompt = try session.host.record(graph)
            self.graphs.append(graph)
        }

        /// Runs the tower on pixels whose flat element i is sin(0.05 i); gives ids that point at its features.
        func encode(_ test: PLMModelFixture.Case) throws -> [UInt32] {
            let count = 3 * config.imageSize * config.imageSize
            for chunk in 0..<test.chunks {
                fill(vision, "pixels", (0..<count).map { Float(sin(0.05 * Double(chunk * count + $0))).bitPattern })
                fill(vision, "first", [UInt32(chunk * config.tokensPerChunk)])
                try vision.run()
            }
            var ids = test.ids.map(UInt32.init)
            for (row, place) in test.placeholders.enumerated() { ids[place] = 0x8000_0000 | UInt32(row) }
            return ids
        }

        /// Features of the first `rows` rows.
        func media(rows: Int) throws -> [Float] {
            let width = config.language.dim, stride = width.roundedUp(to: 8)
            let storage = session.graphs.decoder.storage
            return try session.host.states.contents(LanguageDecoder.mediaSlot).withUnsafeBytes { bytes in
                (0..<rows * width).map { bytes.loadWidened($0 / width * stride + $0 % width, as: storage) }
            }
        }

        func logits(_ ids: [UInt32]) throws -> [Float] {
            fill(prompt, "ids", ids)
            let rows = prompt.plan.inputs.first { $0.name == "places" }?.tensor.rows ?? 0
            fill(prompt, "places", Place.prompt(first: 0, count: ids.count, rows: rows).words)
            fill(prompt, "pages", (0..<Pages.count(positions: ids.count)).map(UInt32.init))
            try prompt.run()
            return Array(prompt.values("logits").prefix(ids.count * config.language.vocabulary))
        }

        private func fill(_ program: Program, _ name: String, _ words: [UInt32]) {
            let memory = program.input(name)
            memory.initializeMemory(as: UInt8.self, repeating: 0)
            guard let tensor = program.plan.inputs.first(where: { $0.name == name })?.tensor else { return }
            let target = memory.bindMemory(to: UInt32.self)
            for (index, word) in words.enumerated() {
                target[index / tensor.columns * tensor.paddedColumns + index % tensor.columns] = word
            }
        }
    }

    private func weights(_ fixture: PLMModelFixture, layout: String = "original") throws -> any WeightProvider {
        if fixture.name == "files" {
            return CheckpointWeights(try PLMCheckpoint(contentsOf: PLMFixture.path("files/\(layout)")).weights)
        }
        if PLMModelFixture.random.contains(fixture.name) { return RandomWeights(seed: PLMModelFixture.seed) }
        return FormulaWeights(
            Dictionary(uniqueKeysWithValues: fixture.config.weights.map { ($0.name, $0.shape) }))
    }

    @Test("media features, logits of every position, 64 greedy tokens", arguments: models)
    func parity(name: String, storage: StorageType) async throws {
        let fixture = try PLMModelFixture(name)
        let bound = Self.bounds[storage] ?? 0
        try await TestGPU.runByTurns { gpu in
            let model = try Loaded(fixture, try self.weights(fixture), storage, on: gpu)
            for test in fixture.cases {
                let ids = try model.encode(test)
                if let expected = test.media?.values {
                    let error = relativeError(try model.media(rows: test.placeholders.count), expected)
                    #expect(error <= bound, "\(test.name): media off by \(error)")
                }
                let error = relativeError(try model.logits(ids), test.logits.values)
                #expect(error <= bound, "\(test.name): logits off by \(error)")
                // Greedy tokens lead by less than 16-bit storage rounds.
                guard storage == .f32 else { continue }
                // The prompt in two runs, as a conversation goes on.
                let found = try await model.session.greedy(ids, cuts: [ids.count / 2], count: 64)
                #expect(found.tokens == test.continuation.map(UInt32.init), "\(test.name)")
            }
        }
    }

    /// The fixtures' weights, quantised and widened again on the host, show that the kernels read what the encoder wrote.
    @Test("quantised weights are read as they were written", arguments: PLMModelFixture.names, QuantizedFormat.allCases)
    func quantizedAsWritten(name: String, format: QuantizedFormat) throws {
        let fixture = try PLMModelFixture(name)
        try TestGPU.run { gpu in
            let weights = try self.weights(fixture)
            let model = try Loaded(fixture, weights, .f32, weightType: .quantized(format), on: gpu)
            let widened = try Loaded(fixture, FakeQuantized(weights, like: model.graphs), .f32, on: gpu)
            for test in fixture.cases {
                let error = relativeError(
                    try model.logits(try model.encode(test)), try widened.logits(try widened.encode(test)))
                #expect(error <= 1e-5, "\(test.name): \(error) off from the widened weights")
            }
        }
    }

    /// What quantising may move logits by, relative L2, in a model of two blocks. Storage that is coarse itself adds an
    /// error of its own, independent of the other.
    private static func quantizedBound(_ format: QuantizedFormat, _ storage: StorageType) -> Double {
        let own = format == .q8 ? 2e-2 : 2e-1
        guard storage == .bf16, let coarse = bounds[.bf16] else { return own }
        return (own * own + coarse * coarse).squareRoot()
    }

    @Test("quantised weights: transformers' logits", arguments: PLMModelFixture.random, QuantizedFormat.allCases)
    func quantized(name: String, format: QuantizedFormat) throws {
        let fixture = try PLMModelFixture(name)
        try TestGPU.run { gpu in
            for storage in StorageType.allCases {
                let model = try Loaded(
                    fixture, try self.weights(fixture), storage, weightType: .quantized(format), on: gpu)
                let bound = Self.quantizedBound(format, storage)
                for test in fixture.cases {
                    let error = relativeError(try model.logits(try model.encode(test)), test.logits.values)
                    #expect(error <= bound, "\(test.name), \(storage): logits off by \(error)")
                }
            }
        }
    }

    /// Other shapes with random weights, against the same weights in full. Formula weights cannot show how far off a format
    /// is: matrices of sin(a i + b) have rank two, so that products keep two directions of their input, while rounding
    /// errors answer to all of them.
    @Test("quantised weights: narrow shapes", arguments: PLMModelFixture.formulas, QuantizedFormat.allCases)
    func quantizedNarrow(name: String, format: QuantizedFormat) throws {
        let fixture = try PLMModelFixture(name)
        var bound = Self.quantizedBound(format, .f32)
        // Products of 24 average few errors, so that three such blocks vary with the seed: up to 3.2e-1 in q4 on llvmpipe. These
        // bounds only guard against gross faults; that kernels compute the format exactly is tested to 1e-5 elsewhere.
        if name == "narrow" { bound *= format == .q8 ? 1.4 : 1.7 }
        try TestGPU.run { gpu in
            let weights = RandomWeights(seed: PLMModelFixture.seed)
            let exact = try Loaded(fixture, weights, .f32, on: gpu)
            let model = try Loaded(fixture, weights, .f32, weightType: .quantized(format), on: gpu)
            for test in fixture.cases {
                let error = relativeError(
                    try model.logits(try model.encode(test)), try exact.logits(try exact.encode(test)))
                #expect(error <= bound, "\(test.name): logits off by \(error)")
            }
        }
    }

    @Test("both layouts of the same weights: the same logits and tokens", arguments: StorageType.allCases)
    func layouts(storage: StorageType) async throws {
        let fixture = try PLMModelFixture("files")
        try await TestGPU.runByTurns { gpu in
            var found: [(logits: [Float], tokens: [UInt32])] = []
            for layout in ["original", "transformers"] {
                let model = try Loaded(fixture, try self.weights(fixture, layout: layout), storage, on: gpu)
                for test in fixture.cases {
                    let ids = try model.encode(test)
                    let logits = try model.logits(ids)
                    found.append((logits, try await model.session.greedy(ids, count: 64).tokens))
                }
            }
            let half = found.count / 2
            for index in 0..<half {
                #expect(found[index].logits == found[half + index].logits)
                #expect(found[index].tokens == found[half + index].tokens)
            }
        }
    }
}
