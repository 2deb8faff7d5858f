import Foundation
import TestSupport
import Testing

extension CommandTests {
    @Suite("percept-bench compile")
    struct CompileTests {
        private func compile(_ arguments: [String]) async throws -> PerceptProcess {
            try await PerceptProcess.run(["compile"] + arguments, program: "percept-bench")
        }

        @Test("compiles every kernel of a tower once, and says so as text")
        func text() async throws {
            let run = try await compile(["PE-Core-T16-384", "--type", "f32"])
            #expect(run.status == 0, "\(run.errors)")
            #expect(run.lines.contains { $0.contains("blocks.mlp.c_fc") })
            let kernels = run.lines.filter { $0.contains("blocks.") || $0.contains("text.") }.compactMap {
                $0.split(separator: " ", maxSplits: 1).last
            }
            #expect(Set(kernels).count == kernels.count)
            let last = try #require(run.lines.last)
            #expect(last.contains(" 0 cannot be compiled"))
        }

        @Test("as JSON, with those that tuning would try")
        func candidates() async throws {
            let object = try await compile(["PLM-1B", "--type", "q4", "--candidates", "--json"]).object()
            let kernels = try #require(object["kernels"] as? [[String: Any]])
            #expect(kernels.contains { $0["candidate"] as? Bool == true })
            #expect(kernels.contains { $0["kernel"] as? String == "attention_decode" })
            for kernel in kernels {
                #expect(kernel["failure"] is NSNull)
                let constants = try #require(kernel["constants"] as? [String: Int])
                #expect(constants["LANES"] ?? 0 > 0)
            }
        }

        @Test("a name that nothing is published under is refused")
        func unknown() async throws {
            let run = try await compile(["PE-Core-X1"])
            #expect(run.status == 64)
            #expect(run.errors.contains("PE-Core-X1"))
        }
    }
}
