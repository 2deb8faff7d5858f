import Foundation
import PerceptCheckpoint
import PerceptJSON
import PerceptNumbers
import Testing

@Suite struct ContainerTests {
    @Test(arguments: [
        "bare.pt", "types.pt", "views.pt", "nested.pt", "weights.pt", "protocol4.pt", "protocol5.pt",
    ])
    func torchFilesHoldWhatPyTorchSaved(name: String) throws {
        let expected = try #require(try JSON(contentsOf: Fixture.path("expected.json"))[name]?.members)
        let checkpoint = try Checkpoint(contentsOf: Fixture.path(name))
        #expect(checkpoint.tensors.map(\.name) == expected.map(\.name))
        for member in expected {
            let shape = try #require(member.value["shape"]?.array).compactMap(\.integer)
            let values = try #require(member.value["values"]?.array).compactMap(\.number).map(Float.init)
            let tensor = try checkpoint.tensor(member.name, shape)
            #expect(try tensor.values() == values, "\(member.name)")
        }
    }

    @Test func elementTypesAreKept() throws {
        for tensor in try Checkpoint(contentsOf: Fixture.path("types.pt")).tensors {
            let name = tensor.name.replacingOccurrences(of: "float", with: "f").replacingOccurrences(
                of: "uint", with: "u"
            )
            .replacingOccurrences(of: "int", with: "i")
            #expect(tensor.elementType.rawValue == name)
        }
    }

    @Test func rowsAreReadInPiecesWithPadding() throws {
        let checkpoint = try Checkpoint(contentsOf: Fixture.path("views.pt"))
        for tensor in checkpoint.tensors where tensor.count > 0 {
            let values = try tensor.values()
            let stride = tensor.columns + 3
            var rows = [Float](repeating: 9, count: tensor.rows * stride)
            for row in 0..<tensor.rows {
                try rows.withUnsafeMutableBytes { bytes in
                    let target = try #require(bytes.baseAddress) + row * stride * 4
                    #expect(try !tensor.copyRows(row..<row + 1, as: .f32, to: target, rowStride: stride))
                }
            }
            for row in 0..<tensor.rows {
                #expect(
                    Array(rows[row * stride..<(row + 1) * stride])
                        == values[row * tensor.columns..<(row + 1) * tensor.columns] + [0, 0, 0], "\(tensor.name)")
            }
        }
    }

    @Test func contiguousBytesAreOfferedOnlyWhereTheyAre() throws {
        let checkpoint = try Checkpoint(contentsOf: Fixture.path("views.pt"))
        let expected = ["base": 60, "rows": 40, "row": 20, "scalar": 4, "empty": 0, "parameter": 60]
        for tensor in checkpoint.tensors {
            #expect(tensor.withContiguousBytes { $0.count } == expected[tensor.name], "\(tensor.name)")
        }
    }

    @Test(arguments: ["attack2.pt", "attack4.pt"])
    func importsAreRefusedByName(name: String) throws {
        let path = Fixture.path(name)
        #expect(throws: CheckpointError.forbidden(file: path, global: "posix.system")) {
            try Checkpoint(contentsOf: path)
        }
        #expect(!FileManager.default.fileExists(atPath: "percept-was-attacked"))
    }

    @Test(arguments: [
        ("compressed.pt", "compressed archive entry 'bare/"),
        ("expected.json", "weight_map"),
    ])
    func otherFilesAreRefusedWithAReason(name: String, reason: String) throws {
        let error = try #require(throws: CheckpointError.self) { try Checkpoint(contentsOf: Fixture.path(name)) }
        #expect(error.description.hasPrefix(Fixture.path(name)) && error.description.contains(reason), "\(error)")
    }

    @Test func aMissingFileIsNamed() throws {
        let error = try #require(throws: CheckpointError.self) { try Checkpoint(contentsOf: "/nowhere/model.pt") }
        #expect(error.description.contains("/nowhere/model.pt"))
        #expect(throws: CheckpointError.self) { try Checkpoint(contentsOf: "/dev/null") }
        #expect(throws: CheckpointError.self) { try Checkpoint(contentsOf: Fixture.path("")) }
    }

    @Test func shardsAreOneCheckpoint() throws {
        let whole = try Checkpoint(contentsOf: Fixture.path("models/timm"))
        let sharded = try Checkpoint(contentsOf: Fixture.path("models/sharded"))
        #expect(Set(whole.tensors.map(\.name)) == Set(sharded.tensors.map(\.name)))
        for tensor in whole.tensors {
            #expect(try sharded.tensor(tensor.name, tensor.shape).values() == tensor.values())
        }
    }

    @Test(arguments: ["../secret.safetensors", "..\u{2F}\u{301}x", "\u{2F}\u{301}x", "/etc/passwd", "a/../../b", ""])
    func shardsStayInTheirDirectory(shard: String) throws {
        try Fixture.withTemporaryDirectory { directory in
            let index = directory + "/model.safetensors.index.json"
            try Fixture.write(#"{"weight_map":{"a":"\#(shard)"}}"#.utf8, to: index)
            let error = try #require(throws: CheckpointError.self) { try Checkpoint(contentsOf: directory) }
            #expect(error.description.contains("leaves the directory"))
        }
    }

    @Test func tensorsAreAskedForByNameAndShape() throws {
        let checkpoint = try Checkpoint(contentsOf: Fixture.path("models/vision.pt"))
        let block = "transformer.resblocks.1."
        #expect(checkpoint.contains(block + "ln_1.weight") && !checkpoint.contains(block + "ln_3.weight"))
        #expect(try checkpoint.tensor(block + "ln_1.weight", [8]).name == block + "ln_1.weight")
        #expect(throws: CheckpointError.missing(file: checkpoint.path, name: block + "ln_3.weight")) {
            try checkpoint.tensor(block + "ln_3.weight", [8])
        }
        #expect(
            throws: CheckpointError.shape(file: checkpoint.path, name: block + "ln_1.bias", expected: [9], found: [8])
        ) { try checkpoint.tensor(block + "ln_1.bias", [9]) }
    }

    @Test func aFileThatShrankIsAnError() throws {
        try Fixture.withTemporaryDirectory { directory in
            let path = directory + "/m.safetensors"
            try Fixture.write(try Fixture.bytes("models/timm/model.safetensors"), to: path)
            let checkpoint = try Checkpoint(contentsOf: path)
            #expect(truncate(path, 4096) == 0)
            #expect(throws: CheckpointError.self) { try checkpoint.tensors[0].values() }
        }
    }
}
