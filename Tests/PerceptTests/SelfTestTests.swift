import Percept
import TestSupport
import Testing

@Suite("Self-test")
struct SelfTestTests {
    @Test func everyPrecisionPasses() async throws {
        let results = try await GPU(try TestGPU.shared.get()).selfTest()
        #expect(results.count == 2 * Precision.allCases.count)
        for result in results { #expect(result.passed, "\(result.name): \(result.error) of \(result.bound)") }
        // Both towers go through their products, norms and attention.
        #expect(results.allSatisfy { $0.kernels.count >= 5 })
    }
}
