import Foundation
import PerceptRuntime
import Testing

@testable import Percept

/// The host's share of a run: the plan of PE-Core-T16-384 with an empty kernel in place of each.
@Suite struct HostTimeTests {
    /// CPU time of the encoder's thread for one image of 640 x 480, median of 1,000: from its pixels to the submission,
    /// and from the signal to its embedding.
    @Test func replayCostsLittle() async throws {
        let gpu = try TestModel.privateGPU(replacesKernels: true)
        let encoder = try await PerceptionEncoder(.random("PE-Core-T16-384"), on: gpu)
        let image = try Image(contentsOf: TestModel.media.appending(path: "coffee.jpg"))
        let times = try await encoder.hostTimes(image, count: 1000)
        print("host time per replay of \(image.width) x \(image.height): \(times)")
        #if !DEBUG
            #expect(times.submit <= 0.3e-3)
            #expect(times.result <= 0.3e-3)
        #endif
    }
}

extension PerceptionEncoder {
    struct HostTimes {
        var submit: Double
        var result: Double
    }

    /// Medians in seconds.
    fileprivate func hostTimes(_ image: Image, count: Int) throws -> HostTimes {
        _ = try run(.embedding, [image])
        var submit: [Double] = []
        var result: [Double] = []
        for _ in 0..<count {
            let start = threadSeconds()
            let program = try fill(.embedding, [image])
            let submission = try program.submit()
            submit.append(threadSeconds() - start)
            // Blocked time is not CPU time, so the wait may lie inside.
            let signalled = threadSeconds()
            try finish(program, submission)
            let embedding = Embedding(Array(program.values("embedding")))
            result.append(threadSeconds() - signalled)
            precondition(embedding.values.count == embeddingWidth)
        }
        return HostTimes(submit: submit.sorted()[count / 2], result: result.sorted()[count / 2])
    }
}

/// CPU time of the calling thread.
private func threadSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}
