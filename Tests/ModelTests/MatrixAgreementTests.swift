import Foundation
import PerceptGraph
import PerceptModels
import PerceptNumbers
import PerceptRuntime
import TestSupport
import Testing

/// Whole towers with their products on matrix units, against the same towers with the portable kernels.
///
/// Both read and store the same 16-bit numbers and add in f32, so that they may differ by what storing costs: half the
/// bound that either has towards PyTorch.
@Suite("Towers on matrix units", .enabled(if: MatrixGPU.isTested, "the device has no matrix units"))
struct MatrixAgreementTests {
    @Test("vision, plain and quantised", arguments: ParityTests.vision)
    func vision(name: String) throws {
        let config = try #require(try ParityFixture(name).vision)
        for (type, weightType) in MatrixGPU.types.flatMap({ type in
            [(type, WeightType.plain(type)), (type, .q8), (type, .q4)]
        }) {
            var graph = Graph()
            let tower = VisionTransformer(config, storage: type, weightType: weightType)
            let pixels = graph.input("input", [2, 3, config.imageSize, config.imageSize])
            let features = tower(pixels, lastLayer: config.layers - 1, in: &graph)
            graph.output("y", tower.postNorm(features.blocks[config.layers - 1], to: .f32, in: &graph))
            try compare(graph, pixels, FormulaWeights(config.weights.byName, prefix: "visual."), type) { index in
                Float(sin(0.05 * Double(index))).bitPattern
            }
        }
    }

    @Test("text", arguments: ParityTests.text)
    func text(name: String) throws {
        let config = try #require(try ParityFixture(name).text)
        for type in MatrixGPU.types {
            var graph = Graph()
            let ids = graph.input("input", [3, config.context])
            graph.output("y", TextTransformer(config, storage: type)(ids, in: &graph).embedding)
            try compare(graph, ids, FormulaWeights(config.weights.byName), type) { UInt32($0 * 7 % config.vocabulary) }
        }
    }

    private func compare(
        _ graph: Graph, _ tensor: Tensor, _ weights: FormulaWeights, _ type: StorageType, input: (Int) -> UInt32
    ) throws {
        let words = (0..<tensor.rows * tensor.columns).map(input)
        let matrix = try MatrixGPU.profile()
        #expect(try !MatrixGPU.kernels(of: Plan(graph, for: matrix)).isEmpty)
        let portable = try Evaluation(graph, on: MatrixGPU.portable(), words: ["input": words], from: weights)["y"]
        let found = try Evaluation(graph, on: matrix, words: ["input": words], from: weights)["y"]
        let error = TensorError(found, portable)
        let bound = type == .f16 ? 1.5e-3 : 1e-2
        #expect(error.relativeL2 <= bound && error.relativeL2 > 0, "\(type): \(error)")
    }
}
