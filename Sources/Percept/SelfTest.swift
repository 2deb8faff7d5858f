import Foundation
import PerceptGraph
import PerceptModels
import PerceptNumbers
import PerceptRuntime

/// One comparison of a device with known numbers.
public struct SelfTestResult: Sendable, Hashable {
    /// Tower and precision.
    public let name: String
    /// Names of the kernels that ran.
    public let kernels: [String]
    /// Largest error, as a fraction of the embedding's length.
    public let error: Float
    /// The largest error that passes.
    public let bound: Float

    /// Whether the error is within the bound.
    public var passed: Bool { error <= bound }
}

extension GPU {
    /// Runs two tiny towers in every precision and compares them with what the reference implementation computes.
    ///
    /// It covers every kernel that is selected for this device and a tower. Weights and inputs come from a formula, and
    /// so do the numbers they are compared with: a driver that computes wrongly shows without any file.
    ///
    /// - Returns: one result for each tower and precision, passed or not.
    /// - Throws: ``PerceptError`` where the device could not run them at all.
    public func selfTest() async throws(PerceptError) -> [SelfTestResult] {
        let test = SelfTest(gpu: self)
        return try await test.run()
    }
}

private actor SelfTest {
    let gpu: GPU
    nonisolated var unownedExecutor: UnownedSerialExecutor { gpu.runtime.thread.asUnownedSerialExecutor() }

    init(gpu: GPU) { self.gpu = gpu }

    func run() throws(PerceptError) -> [SelfTestResult] {
        try PerceptError.wrap {
            try Precision.allCases.flatMap { [try vision($0), try text($0)] }
        }
    }

    /// A tower of two layers with class token and attention pooling, on a 32 x 32 image.
    private func vision(_ precision: Precision) throws -> SelfTestResult {
        let config = VisionConfig(
            imageSize: 32, patchSize: 8, width: 32, layers: 2, heads: 2, mlpHidden: 128, hasClassToken: true,
            pool: .attention(heads: 4), outputDim: 16, hasPreNorm: true, hasPostNorm: true, hasLayerScale: false)
        let tower = VisionTransformer(config, storage: precision.storage)
        var graph = Graph()
        let pixels = graph.input("pixels", [1, 3, 32, 32])
        let tokens = tower(pixels, lastLayer: 1, in: &graph).blocks[1]
        let embedding = graph.output("embedding", tower.project(tower.pool(tokens, in: &graph), in: &graph))
        return try compare(
            "vision \(precision)", graph, embedding, FormulaWeights(config.weights.byName, prefix: "visual."),
            precision,
            expected: [-0.067360, -0.165152, -0.240592, -0.283469, -0.287980, -0.253514, -0.184736, -0.090955],
            length: 0.846936
        ) { program in
            let floats = program.input(pixels).bindMemory(to: Float.self)
            for index in floats.indices { floats[index] = Float(sin(0.05 * Double(index))) }
        }
    }

    /// A tower of two layers on twelve tokens.
    private func text(_ precision: Precision) throws -> SelfTestResult {
        let config = TextConfig(
            context: 12, width: 32, heads: 4, layers: 2, mlpHidden: 128, vocabulary: 64, outputDim: 16)
        var graph = Graph()
        let ids = graph.input("ids", [1, 12])
        let features = TextTransformer(config, storage: precision.storage)(ids, in: &graph)
        let embedding = graph.output("embedding", features.embedding)
        return try compare(
            "text \(precision)", graph, embedding, FormulaWeights(config.weights.byName), precision,
            expected: [0.751908, 1.074264, 1.251223, 1.258835, 1.096069, 0.784956, 0.367603, -0.099504],
            length: 3.706511
        ) { program in
            let words = program.input(ids).bindMemory(to: UInt32.self)
            for (index, id) in [62, 5, 9, 17, 63].enumerated() { words[index] = UInt32(id) }
            for index in 5..<12 { words[index] = 0 }
        }
    }

    /// Expected are the first elements of the embedding, and its length.
    private func compare(
        _ name: String, _ graph: Graph, _ embedding: Output, _ weights: FormulaWeights, _ precision: Precision,
        expected: [Float],
        length: Float, fill: (Program) -> Void
    ) throws -> SelfTestResult {
        let store = WeightStore(on: gpu.runtime)
        try store.load(graph, from: weights)
        let plan = try Plan(graph, for: gpu.runtime.profile, weightTypes: store.types)
        let program = try Program(plan, store, on: gpu.runtime)
        fill(program)
        try program.run()
        let found = program.values(embedding)
        let foundLength = found.reduce(0) { $0 + $1 * $1 }.squareRoot()
        let errors = zip(found, expected).map { abs($0 - $1) } + [abs(foundLength - length)]
        // The expected numbers have six decimals. Storage of 16 bits costs what the tests allow a whole tensor.
        let bound = Float(precision.storage.towerError)
        // NaN must not pass for the smaller of two.
        let error = errors.contains { $0.isNaN } ? .infinity : (errors.max() ?? .infinity) / length
        return SelfTestResult(
            name: name, kernels: plan.kernelNames, error: error, bound: bound)
    }
}
