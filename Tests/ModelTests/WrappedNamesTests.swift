import Foundation
import PerceptCheckpoint
import PerceptModels
import TestSupport
import Testing

/// One tiny model under the names that training programs give it; `Tools/test-corpus` tries many more.
@Suite struct WrappedNamesTests {
    private static let models = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "CheckpointTests/Fixtures/models")

    private let reference: EncoderCheckpoint
    private let source: Checkpoint

    init() throws {
        reference = try EncoderCheckpoint(contentsOf: Self.models.appending(path: "timm").path)
        source = try Checkpoint(contentsOf: Self.models.appending(path: "timm/model.safetensors").path)
    }

    private func model(_ tensors: [CheckpointTensor]) throws -> EncoderCheckpoint {
        try EncoderCheckpoint(Checkpoint(path: "memory", tensors: tensors), config: reference.config)
    }

    private func expectReference(_ model: EncoderCheckpoint) throws {
        #expect(model.weights.tensors.map(\.name) == reference.weights.tensors.map(\.name))
        for tensor in model.weights.tensors {
            #expect(try tensor.values() == reference.weights[tensor.name]?.values(), "\(tensor.name)")
        }
    }

    @Test(arguments: [
        "module.", "_orig_mod.", "_orig_mod.module.", "module._orig_mod.", "model.", "state_dict.model._orig_mod.",
        "_fsdp_wrapped_module.", "base_model.model.", "ema.module.", "teacher.backbone.", "student.",
    ])
    func prefixesAreTakenOff(prefix: String) throws {
        let wrapped = try model(source.tensors.map { $0.renamed(prefix + $0.name) })
        try expectReference(wrapped)
        #expect(wrapped.notes.isEmpty)
    }

    @Test func wrappersWithinNamesAreTakenOff() throws {
        try expectReference(
            model(
                source.tensors.map {
                    $0.renamed(
                        $0.name.replacing("blocks.0.", with: "blocks.0._orig_mod.")
                            .replacing(
                                "blocks.1.mlp", with: "blocks.1._fsdp_wrapped_module.mlp._checkpoint_wrapped_module"))
                }))
    }

    @Test func averagesAreTakenBeforeWhatWasTrained() throws {
        let other = try #require(source["norm.weight"])
        let trained = source.tensors.map { $0.renamed("student." + $0.name) }
        let averaged = source.tensors.map { $0.renamed("teacher." + $0.name) }
        let model = try model(trained + averaged + [other.renamed("n_averaged")])
        try expectReference(model)
        #expect(model.notes.count == 2)
        #expect(model.notes[0].contains("averaged weights under 'teacher.' were taken, not those under 'student.'"))
        #expect(model.notes[1].contains("\(source.tensors.count + 1) tensors that no part of the model asks for"))
        #expect(model.notes[1].contains("'student.") && model.notes[1].contains(", …"))
    }

    @Test func severalModelsAreRefusedWithTheList() throws {
        let error = try #require(throws: CheckpointError.self) {
            try model(["model.", "net."].flatMap { prefix in source.tensors.map { $0.renamed(prefix + $0.name) } })
        }
        #expect(error.description.contains("2 models, under 'model.', 'net.'"))
    }

    @Test func twoTensorsOfOneNameAreRefusedByBoth() throws {
        let twice = try #require(source["norm.bias"]).renamed("_orig_mod.norm.bias")
        let error = try #require(throws: CheckpointError.self) { try model(source.tensors + [twice]) }
        #expect(error.description.contains("'norm.bias' and '_orig_mod.norm.bias' both are 'norm.bias' of the model"))
    }

    @Test func anUnknownPrefixIsShown() throws {
        let error = try #require(throws: CheckpointError.self) {
            try model(source.tensors.map { $0.renamed("detector.body." + $0.name) })
        }
        #expect(error.description.contains("unknown prefix 'detector.body.'"))
    }

    @Test func whatIsMissingStaysAnError() throws {
        for name in source.tensors.map(\.name) where name != "head.bias" {
            let error = #expect(throws: CheckpointError.self) {
                try model(source.tensors.filter { $0.name != name }.map { $0.renamed("module." + $0.name) })
            }
            #expect(
                error?.description.contains("memory") == true
                    || error?.description.contains("model.safetensors") == true)
        }
    }

    /// Half a part, of which the shapes alone would say that the model has none.
    @Test(arguments: ["norm.weight", "norm_pre.weight", "attn_pool.latent", "head.weight"])
    func halfAPartIsMissingTheOther(name: String) throws {
        let tensors = source.tensors.filter { $0.name != name }
        let directory = FileManager.default.temporaryDirectory.appending(path: "percept-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        var writer = SafetensorsWriter()
        for tensor in tensors { writer.add(tensor.name, tensor.shape, try tensor.values()) }
        try writer.write(to: directory + "/m.safetensors")
        let error = #expect(throws: CheckpointError.self) {
            try EncoderCheckpoint(contentsOf: directory + "/m.safetensors")
        }
        guard case .missing = error else { throw try #require(error) }
    }
}
