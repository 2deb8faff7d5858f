import Foundation
import PerceptCheckpoint
import Testing

/// Files that PyTorch's users have besides a state dictionary in an archive; `Tools/test-corpus` compares many more.
@Suite struct TorchNeighbourTests {
    /// Files that `Tools/corpus/save_checkpoints.py` wrote.
    private static func corpus(_ name: String) -> String {
        URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Tools/corpus/checkpoints/\(name)").path
    }

    @Test func theFormatBeforeArchivesIsRead() throws {
        let old = try Checkpoint(contentsOf: Fixture.path("legacy.pt"))
        let new = try Checkpoint(contentsOf: Fixture.path("nested.pt"))
        #expect(old.tensors.map(\.name) == ["weight", "bias"])
        for tensor in new.tensors {
            #expect(try old.tensor(tensor.name, tensor.shape).values() == tensor.values())
        }
    }

    @Test func everyCutOfTheOldFormatIsRefused() throws {
        let bytes = try Fixture.bytes("legacy.pt")
        try Fixture.withTemporaryDirectory { directory in
            let path = directory + "/m.pth"
            for count in stride(from: 0, to: bytes.count, by: 3) {
                try Fixture.write(bytes.prefix(count), to: path)
                let error = #expect(throws: CheckpointError.self) { try Checkpoint(contentsOf: path) }
                #expect(error?.file == path)
            }
        }
    }

    @Test(arguments: [
        ("module.pt", ["whole object of class '__main__.Small'", "state_dict()"]),
        ("module-old.pt", ["whole object of class '__main__.Small'"]),
        ("module-inside.pt", ["'model' is a whole object"]), ("script.pt", ["TorchScript", "torch.jit.load"]),
        ("one-tensor.pt", ["one tensor without a name"]), ("attack.pt", ["posix.system", "nothing was executed"]),
        ("distributed", ["distributed checkpoint", "dcp_to_torch"]),
    ])
    func whatIsNoStateDictionarySaysWhatToDo(name: String, words: [String]) throws {
        let path = Self.corpus(name)
        let error = try #require(throws: CheckpointError.self) { try Checkpoint(contentsOf: path) }
        for word in [path] + words { #expect(error.description.contains(word), "\(error)") }
    }

    @Test func averagedWeightsAreTakenAndThatIsSaid() throws {
        let checkpoint = try Checkpoint(contentsOf: Self.corpus("averaged.pth"))
        let trained = try Checkpoint(contentsOf: Self.corpus("zip-protocol2.pt"))
        #expect(checkpoint.notes.count == 1)
        #expect(checkpoint.notes.first?.contains("'model_ema' were taken; the file also holds 'model'") == true)
        for tensor in trained.tensors {
            #expect(try checkpoint.tensor(tensor.name, tensor.shape).values() == tensor.values().map { $0 + 1 })
        }
    }

    @Test func objectsBesideTheTensorsArePassedOver() throws {
        for name in ["trainer.ckpt", "numpy.pt", "deepspeed.pt", "defaultdict.pt", "subclass-of-dict.pt"] {
            let checkpoint = try Checkpoint(contentsOf: Self.corpus(name))
            #expect(checkpoint.tensors.map(\.name) == ["block.weight", "block.bias"], "\(name)")
            #expect(try checkpoint.tensors.map { try $0.values().count } == [15, 4])
        }
    }

    @Test func elementsThatAreNoWeightsStandAsNames() throws {
        for name in ["types.pt", "types.safetensors", "no-plain-tensors.pt"] {
            let checkpoint = try Checkpoint(contentsOf: Self.corpus(name))
            let foreign = checkpoint.tensors.filter { $0.foreign != nil }
            #expect(foreign.count >= 3)
            for tensor in foreign {
                let error = #expect(throws: CheckpointError.self) {
                    try checkpoint.tensor(tensor.name, tensor.shape)
                }
                #expect(error?.description.contains("of tensor '\(tensor.name)' is not supported") == true)
                #expect(throws: CheckpointError.self) { try tensor.transposed() }
            }
        }
    }

    /// A changed byte of a tensor is found when the tensor is read, and only then.
    @Test func archivesChecksumsAreCompared() throws {
        let bytes = try Fixture.bytes("weights.pt")
        let sound = try Checkpoint(contentsOf: Fixture.path("weights.pt"))
        var found: Set<String> = []
        try Fixture.withTemporaryDirectory { directory in
            let path = directory + "/m.pt"
            for place in stride(from: 0, to: bytes.count, by: 3) {
                var damaged = bytes
                damaged[place] ^= 0x10
                try Fixture.write(damaged, to: path)
                guard let checkpoint = try? Checkpoint(contentsOf: path) else { continue }
                #expect(checkpoint.tensors.map(\.name) == sound.tensors.map(\.name))
                for tensor in checkpoint.tensors {
                    do {
                        #expect(try tensor.values() == sound[tensor.name]?.values(), "byte \(place)")
                    } catch let error as CheckpointError {
                        #expect(error.description.contains("checksum") && error.description.contains(path), "\(error)")
                        found.insert(tensor.name)
                    }
                }
            }
        }
        #expect(found == ["weight", "bias", "marked"])
    }
}
