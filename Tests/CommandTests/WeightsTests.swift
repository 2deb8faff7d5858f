import Foundation
import PerceptCheckpoint
import PerceptNumbers
import TestSupport
import Testing

extension CommandTests {
    @Suite("weights")
    struct WeightsTests {
        private static let source = PerceptProcess.checkpoints.appending(path: "clip.pt").path

        /// The tiny model under a wrapper's names, with what nobody asks for beside it.
        private func write(_ path: String, beside extra: String) throws {
            var writer = SafetensorsWriter()
            for tensor in try Checkpoint(contentsOf: Self.source).tensors {
                writer.add("module._orig_mod." + tensor.name, tensor.shape, try tensor.values())
            }
            writer.add(extra, [], .i64, [UInt8](repeating: 1, count: 8))
            try writer.write(to: path)
        }

        @Test("A wrapped model is the model; what was passed over is a note")
        func wrapped() async throws {
            let folder = try TemporaryFolder()
            let file = folder.url.appending(path: "last.safetensors").path
            try write(file, beside: "n_averaged")
            try FileManager.default.copyItem(
                atPath: PerceptProcess.checkpoints.appending(path: "clip.json").path,
                toPath: folder.url.appending(path: "last.json").path)
            let reference = try await PerceptProcess.run([
                "embed", "--json", "--model", Self.source, PerceptProcess.photo,
            ])
            let run = try await PerceptProcess.run(["embed", "--json", "--model", file, PerceptProcess.photo])
            #expect(run.status == 0 && reference.status == 0, "\(run.errors) \(reference.errors)")
            func items(_ run: PerceptProcess) throws -> NSArray { try #require(try run.object()["items"] as? NSArray) }
            #expect(try items(run) == items(reference))
            #expect(!reference.errors.contains("passed over"))
            #expect(
                run.errors.contains(
                    "\(file): 1 tensor that no part of the model asks for was passed over: 'n_averaged'"))
        }

        @Test("A pointer in the place of a configuration says so, and what to do")
        func pointer() async throws {
            let folder = try TemporaryFolder()
            let file = folder.url.appending(path: "last.safetensors").path
            try write(file, beside: "n_averaged")
            let config = folder.url.appending(path: "config.json")
            try Data("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 381\n".utf8).write(to: config)
            let run = try await PerceptProcess.run(["embed", "--model", file, PerceptProcess.photo])
            #expect(run.status == 65 && run.output.isEmpty)
            #expect(run.errors.contains("\(config.path): this is a Git LFS pointer, not the file of 381 bytes"))
            #expect(run.errors.contains("git lfs pull"))
        }
    }
}
