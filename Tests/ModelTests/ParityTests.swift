import Foundation
import PerceptCheckpoint
import PerceptGraph
import PerceptModels
import PerceptNumbers
import PerceptRuntime
import TestSupport
import Testing

/// Every tap of the tiny towers against PyTorch, in every storage type.
///
/// Bounds, as relative L2 of a tensor: fp32 1e-5 (sums in another order cost about 1e-6), f16 3e-3 and bf16 2e-2 (storing
/// weights and activations costs up to 1.7e-3 and 1.5e-2 on these fixtures, measured in PyTorch). In fp32 no element may
/// be off by more than 1e-4 of the tensor's largest; embeddings keep a cosine of 0.99999 in f16 and 0.9998 in bf16.
@Suite("Parity with PyTorch")
struct ParityTests {
    static let vision = [
        "golden-a", "golden-b", "head-20", "head-64", "head-96", "lang", "spatial", "pool-token", "pool-average",
        "clip",
    ]
    static let text = ["golden-c", "text-32", "text-72", "clip"]

    @Test("vision", arguments: vision, StorageType.allCases)
    func visionTower(name: String, storage: StorageType) throws {
        for fusesNorms in [false, true] { try visionTower(name, storage, fusesNorms: fusesNorms) }
    }

    private func visionTower(_ name: String, _ storage: StorageType, fusesNorms: Bool) throws {
        let fixture = try ParityFixture(name)
        let config = try #require(fixture.vision)
        let expected = try fixture.checkpoint()
        for input in fixture.inputs where input.ids == nil {
            let shape = try [#require(input.batch), 3, #require(input.height), #require(input.width)]
            var graph = Graph()
            let pixels = graph.input("pixels", shape)
            let taps = recordVision(
                VisionTransformer(config, storage: storage, fusedNormRows: fusesNorms ? .max : 0), pixels, in: &graph)
            let weights = FormulaWeights(config.weights.byName, prefix: "visual.")
            let found = try run(
                graph, weights,
                fill: { program in
                    let memory = program.input("pixels").bindMemory(to: Float.self)
                    for row in 0..<pixels.rows {
                        for column in 0..<pixels.columns {
                            memory[row * pixels.paddedColumns + column] =
                                Float(sin(0.05 * Double(row * pixels.columns + column)))
                        }
                    }
                })
            try compare(found, taps, fixture, input, expected, storage)
        }
    }

    @Test("text", arguments: text, StorageType.allCases)
    func textTower(name: String, storage: StorageType) throws {
        for fusesNorms in [false, true] { try textTower(name, storage, fusesNorms: fusesNorms) }
    }

    private func textTower(_ name: String, _ storage: StorageType, fusesNorms: Bool) throws {
        let fixture = try ParityFixture(name)
        let config = try #require(fixture.text)
        let expected = try fixture.checkpoint()
        for input in fixture.inputs {
            guard let ids = input.ids else { continue }
            var graph = Graph()
            let words = graph.input("ids", [ids.count, config.context])
            let features = TextTransformer(config, storage: storage, fusedNormRows: fusesNorms ? .max : 0)(
                words, in: &graph)
            var taps = ["embedded": features.embedded, "pooled": features.pooled, "embedding": features.embedding]
            for (index, block) in features.blocks.enumerated() { taps["block.\(index)"] = block }
            taps["normalized"] = graph.l2Normalize("normalize", features.embedding)
            for (name, tensor) in taps { graph.output(name, tensor) }
            let weights = FormulaWeights(config.weights.byName)
            let found = try run(
                graph, weights,
                fill: { program in
                    let memory = program.input("ids").bindMemory(to: UInt32.self)
                    for (row, text) in ids.enumerated() {
                        for (column, id) in text.enumerated() { memory[row * words.paddedColumns + column] = id }
                    }
                })
            try compare(found, taps, fixture, input, expected, storage)
        }
    }

    private func recordVision(
        _ tower: VisionTransformer, _ pixels: Tensor, in graph: inout Graph
    ) -> [String: Tensor] {
        let features = tower(pixels, lastLayer: tower.config.layers - 1, in: &graph)
        let last = features.blocks[features.blocks.count - 1]
        var taps = ["embedded": features.embedded, "tokens": tower.postNorm(last, to: .f32, in: &graph)]
        for (index, block) in features.blocks.enumerated() { taps["block.\(index)"] = block }
        if tower.config.pool != .none {
            let pooled = tower.pool(last, in: &graph)
            taps["pooled"] = pooled
            let embedding = tower.project(pooled, in: &graph)
            taps["embedding"] = embedding
            taps["normalized"] = graph.l2Normalize("normalize", embedding)
        }
        for (name, tensor) in taps { graph.output(name, tensor) }
        return taps
    }

    private func run(
        _ graph: Graph, _ weights: FormulaWeights, fill: (Program) -> Void
    ) throws -> [String: [Float]] {
        try TestGPU.run { gpu in
            let store = WeightStore(on: gpu)
            try store.load(graph, from: weights)
            let plan = try Plan(graph, for: gpu.profile, weightTypes: store.types)
            let program = try Program(plan, store, on: gpu)
            fill(program)
            try program.run()
            var values: [String: [Float]] = [:]
            for output in plan.outputs { values[output.name] = program.values(output.name) }
            return values
        }
    }

    private func compare(
        _ found: [String: [Float]], _ taps: [String: Tensor], _ fixture: ParityFixture,
        _ input: ParityFixture.Input, _ expected: Checkpoint, _ storage: StorageType
    ) throws {
        var compared = 0
        for (tap, values) in found {
            guard let wanted = try fixture.expected(input, tap, in: expected) else { continue }
            compared += 1
            let error = TensorError(values, wanted)
            let bound =
                switch storage {
                case .f32: 1e-5
                case .f16: 3e-3
                case .bf16: 2e-2
                }
            #expect(error.relativeL2 <= bound, "\(fixture.name)/\(input.name)/\(tap) \(storage): \(error)")
            if storage == .f32 {
                #expect(error.largest <= 1e-4, "\(fixture.name)/\(input.name)/\(tap): \(error)")
            }
            if tap == "normalized" {
                let least = storage == .bf16 ? 0.9998 : 0.99999
                #expect(error.cosine >= least, "\(fixture.name)/\(input.name) \(storage): \(error)")
            }
        }
        #expect(compared >= 2, "\(fixture.name)/\(input.name): only \(compared) taps compared")
    }
}
