import Foundation
import PerceptCheckpoint
import PerceptJSON
import TestSupport
import Testing

/// What downloads leave behind in the place of a file.
@Suite struct ForeignContentTests {
    private static let contents: [(kind: String, bytes: [UInt8], words: String)] = [
        ("empty", [], "the file is empty"), ("zeros", Array(repeating: 0, count: 5000), "begins with zeros"),
        (
            "pointer",
            Array(
                "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1342\n".utf8),
            "Git LFS pointer, not the file of 1342 bytes"
        ),
        ("page", Array("<!DOCTYPE html>\n<html><head></head></html>".utf8), "web page"),
        ("gzip", [0x1F, 0x8B, 8, 0, 1, 2, 3, 4, 5, 6], "gzip; unpack it with gunzip"),
        ("xz", [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0, 1, 2, 3], "xz"), ("UTF-16", [0xFF, 0xFE, 0x7B, 0], "UTF-16"),
        ("tar", Array(repeating: 65, count: 257) + Array("ustar".utf8), "tar archive"),
        ("error", Array(#"{"error":"Repository not found"}"#.utf8), "server's error"),
        ("bad gateway", Array("upstream connect error or disconnect".utf8), ": "),
    ]

    @Test(arguments: contents.indices, ["m.safetensors", "m.pt", "m.bin", "m.ckpt", "m.safetensors.index.json"])
    func weightsThatAreSomethingElseAreNamed(index: Int, name: String) throws {
        let (kind, bytes, words) = Self.contents[index]
        try Fixture.withTemporaryDirectory { directory in
            let path = directory + "/" + name
            try Fixture.write(bytes, to: path)
            let error = try #require(throws: CheckpointError.self) { try Checkpoint(contentsOf: path) }
            #expect(error.description.hasPrefix(path) && error.description.contains(words), "\(kind): \(error)")
            #expect(error.description.utf8.count < path.utf8.count + 400)
        }
    }

    @Test func aPackedConfigurationIsNamed() throws {
        try Fixture.withTemporaryDirectory { directory in
            let path = directory + "/config.json"
            try Fixture.write([0x50, 0x4B, 3, 4, 20, 0], to: path)
            let error = #expect(throws: CheckpointError.self) { try JSON(contentsOf: path) }
            #expect(error?.description.contains("packed with zip; unpack it with unzip") == true)
        }
    }

    @Test func configurationsAreReadAsPythonWritesThem() throws {
        try Fixture.withTemporaryDirectory { directory in
            let path = directory + "/config.json"
            try Fixture.write(
                [0xEF, 0xBB, 0xBF] + Array(#"{"a": NaN, "b": [Infinity, -Infinity, -1]}"#.utf8), to: path)
            let json = try JSON(contentsOf: path)
            #expect(json["a"]?.number?.isNaN == true)
            #expect(json["b"]?.array?.map(\.number) == [.infinity, -.infinity, -1])
            #expect(json["a"]?.integer == nil)
            try Fixture.write(Array(json.text().utf8), to: path)
            #expect(try JSON(contentsOf: path)["b"] == json["b"])
            try Fixture.write(Array("{\"a\": 1, // width\n\"b\": 2}".utf8), to: path)
            let error = #expect(throws: CheckpointError.self) { try JSON(contentsOf: path) }
            #expect(error?.description.contains("comment") == true)
            // What is not read from a file of configuration stays strict.
            let text = Array("{\"a\": NaN}".utf8)
            #expect(throws: CheckpointError.self) { try text.withUnsafeBytes { try JSON($0, file: path) } }
        }
    }

    // MARK: Directories

    private func directory(_ files: [String], _ body: (String) throws -> Void) throws {
        try Fixture.withTemporaryDirectory { directory in
            for file in files {
                let bytes = try Fixture.bytes(file.hasSuffix(".safetensors") ? "rounding.safetensors" : "bare.pt")
                try Fixture.write(bytes, to: directory + "/" + file)
            }
            try body(directory)
        }
    }

    @Test(arguments: [
        ["pytorch_model.bin", "model.safetensors"], ["model.safetensors", "last.ckpt"],
        ["consolidated.00.pth", "extra.pt"],
    ])
    func theCustomaryNameIsTakenAndThatIsSaid(files: [String]) throws {
        try directory(files) { directory in
            let checkpoint = try Checkpoint(contentsOf: directory)
            let taken = files.contains("model.safetensors") ? "model.safetensors" : files[0]
            #expect(checkpoint.tensors.contains { $0.file.hasSuffix(taken) })
            let passed = files.filter { $0 != taken }[0]
            #expect(
                checkpoint.notes.first?.contains("\(taken) was taken, by its customary name, and not \(passed)") == true
            )
        }
    }

    @Test(arguments: ["weights.ckpt", "model_best.pth.tar", "Model.SAFETENSORS", "a.bin"])
    func theOnlyFileOfWeightsIsTaken(name: String) throws {
        try directory([name, "training_args.bin", "optimizer.pt"]) { directory in
            let checkpoint = try Checkpoint(contentsOf: directory)
            #expect(checkpoint.tensors.first?.file == directory + "/" + name && checkpoint.notes.isEmpty)
        }
    }

    @Test func severalAreRefusedWithTheList() throws {
        try directory(["epoch1.ckpt", "epoch2.ckpt"]) { directory in
            let error = #expect(throws: CheckpointError.self) { try Checkpoint(contentsOf: directory) }
            #expect(error?.description.contains("epoch1.ckpt, epoch2.ckpt; name the file that is meant") == true)
        }
    }

    @Test(arguments: [
        (["adapter_model.safetensors"], "merge"), (["zero_to_fp32.py", "latest"], "zero_to_fp32.py"),
        ([".metadata", "__0_0.distcp"], "dcp_to_torch"), (["model.gguf"], "another kind"),
    ])
    func piecesOfModelsSayHowToJoinThem(files: [String], words: String) throws {
        try directory(files) { directory in
            let error = #expect(throws: CheckpointError.self) { try Checkpoint(contentsOf: directory) }
            #expect(error?.description.contains(words) == true, "\(String(describing: error))")
        }
    }

    // MARK: Shards

    private func shards(_ index: String, _ files: [String: [String]]) throws -> Checkpoint {
        try Fixture.withTemporaryDirectory { directory in
            for (file, names) in files {
                var writer = SafetensorsWriter()
                for name in names { writer.add(name, [1], [1]) }
                try writer.write(to: directory + "/" + file)
            }
            try Fixture.write(Array(index.utf8), to: directory + "/model.safetensors.index.json")
            return try Checkpoint(contentsOf: directory)
        }
    }

    @Test func shardsThatAreMissingAreAllNamed() throws {
        let error = try #require(throws: CheckpointError.self) {
            try shards(
                #"{"weight_map":{"a":"1.safetensors","b":"2.safetensors","c":"3.safetensors"}}"#,
                [
                    "1.safetensors": ["a"]
                ])
        }
        #expect(
            error.description.contains("no such file as 2 of the 3 that it names: '2.safetensors', '3.safetensors'"))
    }

    @Test func aTensorInTwoShardsIsRefused() throws {
        let index = #"{"weight_map":{"a":"1.safetensors","b":"2.safetensors"}}"#
        let error = try #require(throws: CheckpointError.self) {
            try shards(index, ["1.safetensors": ["a"], "2.safetensors": ["a", "b"]])
        }
        #expect(error.description.contains("tensor 'a' is in '1.safetensors' and in '2.safetensors'"))
        let twice = try #require(throws: CheckpointError.self) {
            try shards(#"{"weight_map":{"a":"1.safetensors","a":"1.safetensors"}}"#, ["1.safetensors": ["a"]])
        }
        #expect(twice.description.contains("twice"))
        let more = try shards(index, ["1.safetensors": ["a", "c"], "2.safetensors": ["b"]])
        #expect(more.tensors.map(\.name) == ["a", "b", "c"])
    }

    @Test func shardsOfPyTorchAreRead() throws {
        try Fixture.withTemporaryDirectory { directory in
            try Fixture.write(try Fixture.bytes("bare.pt"), to: directory + "/pytorch_model-00001-of-00001.bin")
            try Fixture.write(
                Array(#"{"weight_map":{"a":"pytorch_model-00001-of-00001.bin"}}"#.utf8),
                to: directory + "/pytorch_model.bin.index.json")
            let checkpoint = try Checkpoint(contentsOf: directory)
            #expect(checkpoint.tensors.map(\.name) == ["a"] && checkpoint.notes.isEmpty)
        }
    }
}
