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
        try #require(times.count == 1000)
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
        /// to the embedding in memory. Copying the pixels is another thread's.
        func times(_ image: Image, runs: Int) async throws -> [(submit: Double, result: Double)] {
            var times: [(submit: Double, result: Double)] = []
            for _ in 0...runs {
                let call = EncoderCall(.images(.embedding, labels: []), [.image(image.frame)], limit: 1)
                let start = Self.threadSeconds()
                engine.add(call)
                guard let batch = engine.nextBatch(.interactive), let run = await engine.handIn(batch) else { break }
                let submitted = Self.threadSeconds()
                // A thread that waits takes no CPU time, so the wait may lie inside.
                await engine.finish(batch, run)
                let values = try await call.results()
                let end = Self.threadSeconds()
                withExtendedLifetime(values) { times.append((submitted - start, end - submitted)) }
            }
            // The first records.
            return Array(times.dropFirst())
        }

        private static func threadSeconds() -> Double {
            var time = timespec()
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
            return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
        }
    }
}
