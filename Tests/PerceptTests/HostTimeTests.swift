import Foundation
import Glibc
import Percept
import PerceptEngine
import PerceptModels
import PerceptNumbers
import PerceptRuntime
import PerceptVulkan
import Testing

/// The host's share of a run: the plan of PE-Core-T16-384 with an empty kernel in place of each.
@Suite struct HostTimeTests {
    /// Medians of 1,000 runs with a photograph of 512 x 341; unoptimised builds only run it.
    @Test func replayCostsLittle() async throws {
        let gpu = try TestModel.privateGPU(replacesKernels: true)
        let image = try Image(contentsOf: TestModel.media.appending(path: "coffee.jpg"))
        let times = try await Bench(on: gpu).times(image, runs: 1000)
        let submit = times.map(\.submit).sorted()[500]
        let result = times.map(\.result).sorted()[500]
        print(
            "host time of a replay, \(image.width) x \(image.height): \(submit) s to submit, \(result) s to the result")
        #if !DEBUG
            #expect(submit <= 0.3e-3)
            #expect(result <= 0.3e-3)
        #endif
    }

    /// An engine on its device's thread.
    private actor Bench {
        private let gpu: GPU
        private let engine: EncoderEngine

        nonisolated var unownedExecutor: UnownedSerialExecutor { gpu.runtime.thread.asUnownedSerialExecutor() }

        init(on gpu: GPU) throws {
            self.gpu = gpu
            let model = try LoadedEncoder(.random("PE-Core-T16-384"))
            engine = EncoderEngine(
                model, EncoderGraphs(model.encoder, storage: .f16), transform: .official, on: gpu.runtime,
                programMemory: 1 << 30, logger: GPU.silent
            ) { _ in }
        }

        /// CPU time of the thread in seconds for each run: from the image in memory to the submission, and from the signal
        /// to the embedding in memory.
        func times(_ image: Image, runs: Int) throws -> [(submit: Double, result: Double)] {
            _ = try engine.run(.embedding, [image.frame])
            return try (0..<runs).map { _ in
                let start = Self.threadSeconds()
                let filled = try engine.fill(.embedding, [image.frame])
                let submission = try filled.program.submit()
                let submitted = Self.threadSeconds()
                // A blocked thread takes no CPU time, so the wait may lie inside.
                try engine.host.finish(filled.program, submission)
                let values = try engine.finiteValues(filled.slots.embedding, "embedding", of: filled.program)
                let end = Self.threadSeconds()
                return withExtendedLifetime(values) { (submitted - start, end - submitted) }
            }
        }

        private static func threadSeconds() -> Double {
            var time = timespec()
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
            return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
        }
    }
}
