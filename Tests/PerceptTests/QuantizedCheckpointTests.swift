import Foundation
import Percept
import PerceptCheckpoint
import PerceptEngine
import PerceptGraph
import PerceptModels
import PerceptNumbers
import PerceptRuntime
import PerceptVulkan
import TestSupport
import Testing

/// Checkpoints quantised ahead of time beside the same quantised as they are loaded: equal to the last bit.
@Suite("Quantised checkpoints")
struct QuantizedCheckpointTests {
    static let captioner = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Sources/CPerceptData/captioner").path
    private static let original = TestModel.files.deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "plm/files/original").path

    /// Every weight of a model's programs with the type that they ask for.
    private func weights(_ config: PLMConfig, _ format: LanguageWeights) -> [(weight: Weight, type: WeightType)] {
        let graphs = LanguageFormat(matrices: format.format).graphs(config, storage: .f16, positions: 64)
        return graphs.step(rows: 1).graph.weights + graphs.vision(holding: .none).graph.weights
    }

    private func deviceRows(_ weight: Weight, _ type: WeightType, _ provider: some WeightProvider) throws -> [UInt8] {
        let layout = StoredLayout(weight, type)
        var bytes = [UInt8](repeating: 0, count: layout.storedRows * layout.rowByteCount)
        _ = try bytes.withUnsafeMutableBytes { try layout.write(0..<layout.storedRows, from: provider, to: $0) }
        return bytes
    }

    /// The odd model's heads are padded, the original layout's rows are in another order.
    @Test(
        "device memory holds the same bytes", arguments: ["odd", "captioner", "original"], [LanguageWeights.q8, .q4])
    func sameBytes(model: String, format: LanguageWeights) async throws {
        try await withTemporaryDirectory { directory in
            let source = directory.appending(path: "in"), out = directory.appending(path: "out").path
            try FileManager.default.createDirectory(at: source, withIntermediateDirectories: true)
            if model == "odd" { try TestLanguageModel.write(to: source) }
            let path = ["odd": source.path, "captioner": Self.captioner, "original": Self.original][model] ?? ""
            // Files of a few tensors each.
            let written = try await CheckpointQuantizer.quantize(
                .path(path), to: out, weights: format, shardBytes: 40_000)
            let (before, after) = (try PLMCheckpoint(contentsOf: path), try PLMCheckpoint(contentsOf: out))
            #expect(after.quantization?.format == format.format && before.quantization == nil)
            #expect(written.files.filter { $0.name.hasSuffix(".safetensors") }.count > 1)
            var stored = 0
            for (weight, type) in weights(before.config, format) {
                let (loading, provider) = (CheckpointWeights(before.weights), CheckpointWeights(after.weights))
                #expect(
                    try deviceRows(weight, type, provider) == deviceRows(weight, type, loading), "\(weight.name)")
                guard case .quantized(let quantized) = type else { continue }
                for part in weight.parts where part.keepsRows && part.shape.count == 2 {
                    #expect(try provider.quantization(of: part) == quantized, "\(part.name)")
                    stored += 1
                }
            }
            #expect(stored == written.tensors.filter { $0.format.hasPrefix("q") }.reduce(0) { $0 + $1.count })
            #expect(stored >= 14, "matrices of the decoder at least")
        }
    }

    /// Tokens of an answer, and the logits behind a prompt.
    private func answer(
        _ path: String, _ weights: LanguageWeights, precision: Precision = .f16
    ) async throws -> (tokens: [Int], chosen: LanguageWeights, memory: LanguageMemoryPlan) {
        let model = try await PerceptionLanguageModel(
            .path(path), on: TestModel.gpu(), precision: precision, weights: weights, context: 256)
        var options = GenerationOptions()
        options.maxTokens = 24
        var tokens: [Int] = []
        for try await piece in model.generate("What is it?", about: [.image(try .waves(90, 70))], options: options) {
            tokens += piece.tokens
        }
        return (tokens, model.weights, model.memoryPlan)
    }

    private func logits(_ path: String, _ format: LanguageWeights) throws -> [UInt32] {
        let checkpoint = try PLMCheckpoint(contentsOf: path)
        return try TestGPU.run { gpu in
            let decoder = LanguageFormat(matrices: format.format)
                .graphs(checkpoint.config, storage: .f16, positions: 64).decoder
            let host = ModelHost(
                on: gpu, from: CheckpointWeights(checkpoint.weights),
                initialStates: [LanguageDecoder.ropeSlot: { decoder.rotaryValues.map(\.bitPattern) }],
                programMemory: .max, logger: GPU.silent)
            var graph = Graph()
            let x = decoder.prefill(rows: 16, in: &graph).stream
            graph.output("logits", decoder.logits(x, in: &graph))
            let program = try host.record(graph)
            let inputs = [
                "ids": (0..<16).map { UInt32($0 * 5 + 1) }, "places": Place.prompt(first: 0, count: 16, rows: 16).words,
                "pages": [0],
            ]
            for (name, words) in inputs {
                let memory = program.input(name)
                memory.initializeMemory(as: UInt8.self, repeating: 0)
                memory.copyBytes(from: words.withUnsafeBytes { Array($0) })
            }
            try program.run()
            return program.values("logits").map(\.bitPattern)
        }
    }

    @Test("answers and logits are the same", arguments: [LanguageWeights.q8, .q4])
    func sameAnswers(format: LanguageWeights) async throws {
        try await withTemporaryDirectory { directory in
            let out = directory.appending(path: "out").path
            _ = try await CheckpointQuantizer.quantize(.path(Self.captioner), to: out, weights: format)
            let expected = try await answer(Self.captioner, format)
            for asked in [LanguageWeights.auto, format] {
                let found = try await answer(out, asked)
                #expect(found.tokens == expected.tokens && !found.tokens.isEmpty)
                #expect(found.chosen == format && found.memory == expected.memory)
            }
            let bits = try logits(Self.captioner, format)
            #expect(try logits(out, format) == bits)
            #expect(Set(bits).count > 100, "logits that say something")
            // Decoded, it is another model than the original, and still answers.
            let decoded = try await answer(out, .full)
            #expect(decoded.chosen == .full && !decoded.tokens.isEmpty)
            #expect(try logits(out, .full) != logits(Self.captioner, .full))
        }
    }

    @Test("the embedded captioner is quantised as its files are")
    func embedded() async throws {
        try await withTemporaryDirectory { directory in
            let (one, other) = (directory.appending(path: "a").path, directory.appending(path: "b").path)
            _ = try await CheckpointQuantizer.quantize(.demo, to: one, weights: .q4)
            _ = try await CheckpointQuantizer.quantize(.path(Self.captioner), to: other, weights: .q4)
            for name in ["model.safetensors", "config.json", "tokenizer.json"] {
                #expect(
                    try Data(contentsOf: URL(filePath: one + "/" + name))
                        == Data(contentsOf: URL(filePath: other + "/" + name)), "\(name)")
            }
        }
    }

    @Test("rows in the file are read in place where the device can")
    func inPlace() async throws {
        let (rows, columns) = (4096, 320)
        try await withTemporaryDirectory { folder in
            let directory = folder.path
            let path = directory + "/model.safetensors"
            let entry = SafetensorsStream.Entry(name: "weight", content: .rows(.q8), shape: [rows, columns])
            var stream = try SafetensorsStream(to: path, [entry])
            let bytes = QuantizedRows.encode(rows: numbers(rows * columns, seed: 2), columns: columns, format: .q8)
            try bytes.withUnsafeBytes { try stream.write($0) }
            try stream.commit()
            func product(_ provider: some WeightProvider) throws -> (values: [UInt32], imported: Int, mayImport: Bool) {
                try TestGPU.run { gpu in
                    var graph = Graph()
                    let x = graph.input("x", [3, columns], .f16)
                    let weight = graph.weight(Weight("weight", [rows, columns]), .q8)
                    graph.output("y", graph.linear("product", x, weight, to: .f32))
                    let store = WeightStore(on: gpu)
                    try store.load(graph, from: provider)
                    let program = try Program(Plan(graph, for: gpu.profile, weightTypes: store.types), store, on: gpu)
                    let input = program.input("x")
                    for (index, value) in numbers(3 * columns, seed: 3).enumerated() {
                        input.baseAddress?.storeRounded(value, at: index, as: .f16)
                    }
                    try program.run()
                    let physical = gpu.device.physical
                    return (
                        program.values("y").map(\.bitPattern), store.importedByteCount,
                        physical.isUnifiedMemory && physical.features.contains(.externalMemoryHost)
                    )
                }
            }
            let mapped = try product(CheckpointWeights(Checkpoint(contentsOf: path)))
            let encoded = try product(ArrayWeights(["weight": numbers(rows * columns, seed: 2)]))
            #expect(mapped.imported >= (mapped.mayImport ? bytes.count : 0) && encoded.imported == 0)
            #expect(mapped.values == encoded.values)
        }
    }

    @Test("another format is refused, and so is quantising twice, over something, and in none")
    func refused() async throws {
        try await withTemporaryDirectory { directory in
            let out = directory.appending(path: "out").path, second = directory.appending(path: "second").path
            _ = try await CheckpointQuantizer.quantize(.path(Self.captioner), to: out, weights: .q8)
            func message(_ code: PerceptError.Code, _ body: () async throws -> Void) async -> String {
                let error = await #expect(throws: PerceptError.self) { try await body() }
                #expect(error?.code == code)
                return error?.message ?? ""
            }
            let other = await message(.usage) {
                _ = try await PerceptionLanguageModel(.path(out), on: TestModel.gpu(), weights: .q4)
            }
            #expect(other.contains("is stored in q8"))
            let twice = await message(.usage) {
                _ = try await CheckpointQuantizer.quantize(.path(out), to: second, weights: .q4)
            }
            #expect(twice.contains("is in q8 already"))
            let over = await message(.usage) {
                _ = try await CheckpointQuantizer.quantize(.path(Self.captioner), to: out, weights: .q8)
            }
            #expect(over.contains(out) && over.contains("is there already"))
            for none in [LanguageWeights.full, .auto] {
                _ = await message(.usage) {
                    _ = try await CheckpointQuantizer.quantize(.path(Self.captioner), to: second, weights: none)
                }
            }
            _ = await message(.usage) {
                _ = try await CheckpointQuantizer.quantize(.random("PLM-1B"), to: second, weights: .q8)
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["out"])
        }
    }

    @Test("what a format cannot hold is refused by name, and leaves nothing", arguments: [Float.nan, .infinity, 3e38])
    func unrepresentable(value: Float) async throws {
        try await withTemporaryDirectory { directory in
            let source = directory.appending(path: "in")
            try FileManager.default.createDirectory(at: source, withIntermediateDirectories: true)
            try TestLanguageModel.write(to: source)
            let path = source.appending(path: "model.safetensors").path
            var writer = SafetensorsWriter()
            let name = "model.language_model.layers.1.mlp.gate_proj.weight"
            for tensor in try Checkpoint(contentsOf: path).tensors {
                var values = try tensor.values()
                if tensor.name == name { values[values.count - 1] = value }
                writer.add(tensor.name, tensor.shape, values)
            }
            try writer.write(to: path)
            let out = directory.appending(path: "out").path
            let error = await #expect(throws: PerceptError.self) {
                try await CheckpointQuantizer.quantize(.path(source.path), to: out, weights: .q4)
            }
            #expect(error?.code == .badData)
            #expect(error?.message.contains(path) == true && error?.message.contains(name) == true)
            #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["in"])
        }
    }

    @Test("a cancelled run leaves nothing")
    func cancelled() async throws {
        try await withTemporaryDirectory { directory in
            let out = directory.appending(path: "out").path
            let task = Task {
                try await CheckpointQuantizer.quantize(.path(Self.captioner), to: out, weights: .q8) { fraction in
                    if fraction > 0.2 { withUnsafeCurrentTask { $0?.cancel() } }
                }
            }
            let error = await #expect(throws: PerceptError.self) { try await task.value }
            #expect(error?.code == .cancelled)
            let left = try FileManager.default.contentsOfDirectory(atPath: directory.path)
            #expect(left == [])
        }
    }
}
