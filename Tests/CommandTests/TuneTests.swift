import Foundation
import TestSupport
import Testing

extension CommandTests {
    @Suite("tune")
    struct TuneTests {
        private static let shaders = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Shaders")
        /// Built beside the tests.
        private static let shaderpack = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
            .deletingLastPathComponent().appending(path: "shaderpack")

        private struct Shape {
            let name: String
            let before: String
            let after: String
            let timed: [String]
            let refused: [String: String]

            init(_ object: [String: Any]) throws {
                func kernel(_ value: Any?) throws -> String {
                    try #require((value as? [String: Any])?["kernel"] as? String)
                }
                name = try #require(object["shape"] as? String)
                before = try kernel(object["before"])
                after = try kernel(object["after"])
                timed = try (object["timed"] as? [Any] ?? []).map(kernel)
                refused = Dictionary(
                    try (object["refused"] as? [[String: String]] ?? []).map { refusal in
                        (try #require(refusal["kernel"]), try #require(refusal["reason"]))
                    }
                ) { $1 }
            }
        }

        private func tune(
            _ options: [String] = [], cache: TemporaryFolder, modules: String? = nil
        ) async throws -> (run: PerceptProcess, shapes: [Shape]) {
            var environment = ["XDG_CACHE_HOME": cache.url.path]
            environment["PERCEPT_SHADER_DIR"] = modules
            let run = try await PerceptProcess.run(["tune", "--json"] + options, environment: environment)
            #expect(run.status == 0, "\(run.errors)")
            return (run, try (run.object()["shapes"] as? [[String: Any]] ?? []).map(Shape.init))
        }

        private func tuningFile(_ cache: TemporaryFolder) throws -> URL {
            let folder = cache.url.appending(path: "percept")
            return try #require(
                try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil).first {
                    $0.pathExtension == "tuning"
                })
        }

        private func doctor(_ cache: TemporaryFolder, modules: String? = nil) async throws -> [String: Any] {
            var environment = ["XDG_CACHE_HOME": cache.url.path]
            environment["PERCEPT_SHADER_DIR"] = modules
            let run = try await PerceptProcess.run(["doctor", "--json"], environment: environment)
            let trial = try #require(try run.object()["self_test"] as? [String: Any])
            #expect(trial["passed"] as? Bool == true)
            return try #require(trial["tuning"] as? [String: Any])
        }

        @Test("The demo model is tuned, computes what it did, and a damaged file is replaced")
        func demo() async throws {
            let cache = try TemporaryFolder()
            let environment = ["XDG_CACHE_HOME": cache.url.path]
            let embed = ["embed", "--json", PerceptProcess.photo, "--text", "a red circle"]
            func embeddings() async throws -> [[Double]] {
                let run = try await PerceptProcess.run(embed, environment: environment)
                let items = try #require(try run.object()["items"] as? [[String: Any]])
                return items.compactMap { $0["embedding"] as? [Double] }
            }
            #expect(try await doctor(cache)["shapes"] as? Int == 0)
            let before = try await embeddings()
            let (run, shapes) = try await tune(["--seconds", "20"], cache: cache)
            let document = try run.object()
            #expect(
                Set(document.keys) == ["device", "driver", "family", "model", "precision", "kept", "shapes"])
            #expect(document["kept"] as? Bool == true && document["model"] as? String == "demo")
            #expect(shapes.count >= 4)
            for shape in shapes {
                #expect(shape.timed.contains(shape.before) && shape.timed.contains(shape.after), "\(shape)")
            }
            let state = try await doctor(cache)
            #expect(state["shapes"] as? Int == shapes.count && state["stale"] as? Int == 0)
            let age = try #require(state["seconds_old"] as? Double)
            #expect(age >= 0 && age < 300)

            let after = try await embeddings()
            #expect(before.count == 2 && after.count == 2)
            for (x, y) in zip(before, after) {
                #expect(zip(x, y).reduce(0) { $0 + $1.0 * $1.1 } > 0.99999)
            }

            // What was measured serves the next time, as what serves now.
            let (_, again) = try await tune(["--seconds", "0.001"], cache: cache)
            #expect(again.map(\.before) == shapes.map(\.after))

            let file = try tuningFile(cache)
            try Data("{\"entries\":[{".utf8).write(to: file)
            let damaged = try await PerceptProcess.run(["tune", "--dry-run"], environment: environment)
            #expect(damaged.status == 0 && damaged.errors.contains(file.lastPathComponent))
            _ = try await tune(["--seconds", "0.001"], cache: cache)
            #expect(try await doctor(cache)["shapes"] as? Int == shapes.count)
        }

        /// Modules in which one height of tile does its work four times and another gives a wrong element.
        private func modules(slow: Int, wrong: Int, in folder: TemporaryFolder) throws -> String {
            try PlantedModules.make(in: folder, changing: "matmul.comp") { text in
                text.replacingOccurrences(
                    of: "    product();\n",
                    with: """
                            uint times = TILE_ROWS == \(slow)u ? 4u : 1u;
                            [[dont_unroll]] for (uint i = 0u; i < times; i++) product();
                            if (TILE_ROWS == \(wrong)u) storeProduct(gl_WorkGroupID.y * TILE_ROWS, 0u, vec4(1e6));

                        """)
            }
        }

        @Test(
            "A slow candidate loses, a wrong one is refused, and neither outlives its kernel",
            .enabled(if: PlantedModules.canBeMade))
        func planted() async throws {
            let folder = try TemporaryFolder(), cache = try TemporaryFolder()
            let environment = ["XDG_CACHE_HOME": cache.url.path]
            let list = try await PerceptProcess.run(["tune", "--dry-run", "--json"], environment: environment)
            let shapes = try #require(try list.object()["shapes"] as? [[String: Any]])
            // The largest product with tiles of several heights.
            func height(_ name: String) -> Int? {
                name.wholeMatch(of: /matmul\w* (\d+)x\d+, .*/).flatMap { Int($0.1) }
            }
            var found: (shape: String, slow: String, wrong: String)?
            for shape in shapes where found == nil {
                let names = shape["candidates"] as? [String] ?? []
                guard let slow = names.first, let tall = height(slow),
                    let wrong = names.first(where: { height($0) != tall && height($0) != nil && $0 != slow })
                else { continue }
                found = (try #require(shape["shape"] as? String), slow, wrong)
            }
            let target = try #require(found)
            let (slow, wrong) = (try #require(height(target.slow)), try #require(height(target.wrong)))
            let modules = try modules(slow: slow, wrong: wrong, in: folder)
            let (_, tuned) = try await tune(["--seconds", "600"], cache: cache, modules: modules)
            let shape = try #require(tuned.first { $0.name == target.shape })
            #expect(shape.before == target.slow && shape.after != target.slow)
            #expect(shape.refused[target.wrong]?.contains("computes wrongly") == true, "\(shape)")
            #expect(!shape.timed.contains(target.wrong))

            // With the right modules, nothing of that counts but what was measured of other kernels.
            let kept = try await doctor(cache, modules: modules)["shapes"] as? Int ?? 0
            let state = try await doctor(cache)
            #expect(kept == tuned.count && (state["stale"] as? Int ?? 0) > 0)
            #expect((state["shapes"] as? Int ?? 0) + (state["stale"] as? Int ?? 0) == kept)
        }

        @Test("What cannot be is refused, and an unwritable cache is a warning")
        func usage() async throws {
            for arguments in [
                ["--batch", "0"], ["--seconds", "0"], ["--seconds", "nan"],
                ["--random", "--model", "PLM-1B", "--batch", "2"],
                ["--random", "--model", "PE-Nowhere"],
            ] {
                let run = try await PerceptProcess.run(["tune"] + arguments)
                #expect(run.status == 64, "\(arguments): \(run.errors)")
            }
            let run = try await PerceptProcess.run(
                ["tune", "--json", "--seconds", "0.001"], environment: ["XDG_CACHE_HOME": "/proc/nowhere"])
            #expect(run.status == 0 && run.errors.contains("not kept"))
            #expect(try run.object()["kept"] as? Bool == false)
        }

        @Test("Candidates of a published model's shapes are listed without weights")
        func list() async throws {
            let run = try await PerceptProcess.run([
                "tune", "--dry-run", "--random", "--model", "PLM-1B", "--weights", "q8",
            ])
            #expect(run.status == 0)
            // Queries, keys and values of a step; a prompt of 512.
            #expect(run.lines.contains { $0.hasPrefix("product 1 x 3072 x 2048 f16 q8, ") })
            #expect(run.lines.contains { $0.hasPrefix("product 385...512 x 3072 x 2048 f16 q8, ") })
        }
    }
}
