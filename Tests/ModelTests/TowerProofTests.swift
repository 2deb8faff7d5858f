import Foundation
import PerceptGraph
import PerceptModels
import PerceptNumbers
import PerceptRuntime
import TestSupport
import Testing

/// The engine's own proofs on every tower that has a fixture: no missing barrier, no byte read or written out of place.
@Suite("Proofs on the fixture towers")
struct TowerProofTests {
    private func visionGraph(
        _ config: VisionConfig, _ storage: StorageType, _ shape: [Int], weightType: WeightType? = nil,
        fusesNorms: Bool = false
    ) -> Graph {
        var graph = Graph()
        let tower = VisionTransformer(
            config, storage: storage, weightType: weightType, fusedNormRows: fusesNorms ? .max : 0)
        let pixels = graph.input("pixels", shape)
        let features = tower(pixels, lastLayer: config.layers - 1, in: &graph)
        let last = features.blocks[features.blocks.count - 1]
        let embedding = tower.project(tower.pool(last, in: &graph), in: &graph)
        graph.output("tokens", tower.postNorm(last, to: .f32, in: &graph))
        graph.output("embedding", graph.l2Normalize("normalize", embedding))
        return graph
    }

    private func prove(_ graph: Graph, _ weights: FormulaWeights) throws {
        try TestGPU.run { gpu in
            for style in [DeviceProfile.Style.cpu, .gpu] {
                let profile = gpu.profile.inStyle(style)
                let plan = try Plan(graph, for: profile)
                #expect(PlanChecker.findings(in: plan) == [])
                for (piece, list) in plan.commands.enumerated() {
                    for index in list.indices {
                        guard case .barrier = list[index] else { continue }
                        var commands = plan.commands
                        commands[piece].remove(at: index)
                        let findings = PlanChecker.findings(in: plan, commands: commands)
                        #expect(!findings.isEmpty, "barrier \(index) of piece \(piece) is not missed")
                    }
                }
                let run = try PoisonedRun(plan, graph, from: weights, on: gpu)
                for (name, tensor) in plan.inputs where name == "pixels" {
                    let floats = run.input(name).bindMemory(to: Float.self)
                    for row in 0..<tensor.rows {
                        for column in 0..<tensor.columns {
                            floats[row * tensor.paddedColumns + column] = Float(sin(0.05 * Double(row + column)))
                        }
                    }
                }
                #expect(try run.findings() == [])
            }
        }
    }

    @Test("vision", arguments: ParityTests.vision, StorageType.allCases)
    func vision(name: String, storage: StorageType) throws {
        let fixture = try ParityFixture(name)
        let config = try #require(fixture.vision)
        let weights = FormulaWeights(shapes(config.weights), prefix: "visual.")
        let input = try #require(fixture.inputs.last { $0.ids == nil })
        let shape = try [#require(input.batch), 3, #require(input.height), #require(input.width)]
        for fusesNorms in [false, true] {
            try prove(visionGraph(config, storage, shape, fusesNorms: fusesNorms), weights)
        }
    }

    @Test("vision with quantised blocks", arguments: ParityTests.vision, QuantizedFormat.allCases)
    func quantized(name: String, format: QuantizedFormat) throws {
        let fixture = try ParityFixture(name)
        let config = try #require(fixture.vision)
        let shape = [1, 3, config.imageSize, config.imageSize]
        try prove(
            visionGraph(config, .f16, shape, weightType: .quantized(format)),
            FormulaWeights(shapes(config.weights), prefix: "visual."))
    }

    @Test("text", arguments: ParityTests.text, StorageType.allCases)
    func text(name: String, storage: StorageType) throws {
        let config = try #require(try ParityFixture(name).text)
        for fusesNorms in [false, true] {
            var graph = Graph()
            let ids = graph.input("ids", [3, config.context])
            let features = TextTransformer(config, storage: storage, fusedNormRows: fusesNorms ? .max : 0)(
                ids, in: &graph)
            graph.output("embedding", graph.l2Normalize("normalize", features.embedding))
            try prove(graph, FormulaWeights(shapes(config.weights)))
        }
    }

    private func shapes(_ weights: [WeightShape]) -> [String: [Int]] {
        Dictionary(uniqueKeysWithValues: weights.filter { $0.name != "logit_scale" }.map { ($0.name, $0.shape) })
    }
}
