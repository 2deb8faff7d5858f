import Foundation
import Percept
import Testing

/// The host's share of a run: the plan of PE-Core-T16-384 with an empty kernel in place of each.
@Suite struct HostTimeTests {
    /// Medians of 1,000 runs with a photograph of 512 x 341; unoptimised builds only run it.
    @Test func replayCostsLittle() async throws {
        let gpu = try TestModel.privateGPU(replacesKernels: true)
        let encoder = try await PerceptionEncoder(.random("PE-Core-T16-384"), on: gpu)
        let image = try Image(contentsOf: TestModel.media.appending(path: "coffee.jpg"))
        let times = try await encoder.measureHost([image], runs: 1000)
        let submit = times.map(\.submit).sorted()[500]
        let result = times.map(\.result).sorted()[500]
        print(
            "host time of a replay, \(image.width) x \(image.height): \(submit) s to submit, \(result) s to the result")
        #if !DEBUG
            #expect(submit <= 0.3e-3)
            #expect(result <= 0.3e-3)
        #endif
    }
}
