import Foundation
import TestSupport
import Testing

extension CommandTests {
    @Suite("bench --compare")
    struct ComparisonTests {
        @Test(
            "A kernel made twice as slow is named first",
            .enabled(if: PlantedModules.canBeMade))
        func slowed() async throws {
            let folder = try TemporaryFolder()
            let arguments = [
                "bench", "--model", "PE-Core-T16-384", "--random", "--batch", "1", "--runs", "3", "--json", "--quiet",
            ]
            let modules = try PlantedModules.make(in: folder, changing: "attention.comp") { text in
                text.replacingOccurrences(of: "void main() {", with: "void work() {")
                    + "\nvoid main() {\n    work();\n    work();\n}\n"
            }
            var comparison: [String: Any] = [:]
            var isNamedFirst = false
            // Other work may slow either measurement down as much, though hardly three times in turn.
            for _ in 0..<3 where !isNamedFirst {
                let before = try await PerceptProcess.run(arguments)
                #expect(before.status == 0)
                let file = try folder.write(before.output, "before.json")
                let after = try await PerceptProcess.run(
                    arguments + ["--compare", file], environment: ["PERCEPT_SHADER_DIR": modules])
                comparison = try #require(try after.object()["comparison"] as? [String: Any])
                let kernels = try #require(comparison["kernels"] as? [[String: Any]])
                let first = try #require(kernels.first)
                let ratio = try #require(first["ratio"] as? Double)
                isNamedFirst =
                    (first["name"] as? String)?.hasPrefix("attention") == true
                    && first["beyond_noise"] as? Bool == true && ratio > 1.4
            }
            #expect(isNamedFirst, "\(comparison)")
            #expect((comparison["differences"] as? [String])?.isEmpty == true)
            let results = try #require(comparison["results"] as? [[String: Any]])
            #expect(results.map { $0["name"] as? String } == ["batch 1"])
        }

        @Test("What is no earlier result is refused before anything is measured")
        func refused() async throws {
            let folder = try TemporaryFolder()
            let missing = folder.url.appending(path: "none.json").path
            #expect(try await PerceptProcess.run(["bench", "--compare", missing]).status == 66)
            for text in [
                "{", "{}", "{\"results\":[{\"batch\":1}]}",
                "{\"results\":[{\"batch\":1,\"median_ms\":1,\"p10_ms\":1,\"p90_ms\":1}],\"kernels\":[{\"name\":\"x\"}]}",
            ] {
                let file = try folder.write(text.utf8, "bad.json")
                let run = try await PerceptProcess.run(["bench", "--compare", file])
                #expect(run.status == 65 && run.errors.contains("bad.json"), "\(text)")
            }
        }
    }
}
