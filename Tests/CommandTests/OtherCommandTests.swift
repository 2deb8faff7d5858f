import Foundation
import PerceptCheckpoint
import TestSupport
import Testing

extension CommandTests {
    @Suite("features")
    struct FeaturesTests {
        @Test("Tokens, class token and picture")
        func features() async throws {
            let folder = try TemporaryFolder()
            let (out, picture) = (folder.url.appending(path: "t.safetensors"), folder.url.appending(path: "t.png"))
            let run = try await PerceptProcess.run([
                "features", "--json", "--quiet", "--layer", "0", "--model",
                PerceptProcess.checkpoints.appending(path: "clip.pt").path, "--out", out.path, "--pca", picture.path,
                PerceptProcess.photo,
            ])
            #expect(run.status == 0)
            #expect(try run.object()["grid"] as? [Int] == [4, 4])
            let file = try Checkpoint(contentsOf: out.path)
            #expect(file["tokens"]?.shape == [4, 4, 32])
            #expect(file["class_token"]?.shape == [32])

            let png = [UInt8](try Data(contentsOf: picture))
            #expect(png.starts(with: [0x89, 0x50, 0x4E, 0x47]))
            func number(at offset: Int) -> Int { png[offset..<offset + 4].reduce(0) { $0 << 8 | Int($1) } }
            #expect(number(at: 16) == 512 && number(at: 20) == 512)
            #expect(folder.contents.sorted() == ["t.png", "t.safetensors"])
        }

        @Test("A video has no dense features")
        func video() async throws {
            let run = try await PerceptProcess.run(["features", PerceptProcess.video])
            #expect(run.status == 65)
            #expect(run.errors.contains(PerceptProcess.video))
        }
    }

    @Suite("bench")
    struct BenchTests {
        @Test("JSON has the documented shape, and the checksum repeats")
        func json() async throws {
            let arguments = ["bench", "--model", PerceptProcess.checkpoints.appending(path: "clip.pt").path]
            let run = try await PerceptProcess.run(arguments + ["--json", "--batch", "1,2"])
            #expect(run.status == 0)
            let document = try run.object()
            #expect(
                Set(document.keys) == [
                    "device", "driver", "model", "precision", "results", "kernels", "memory_bytes",
                ])
            let results = try #require(document["results"] as? [[String: Any]])
            #expect(results.compactMap { $0["batch"] as? Int } == [1, 2])
            for row in results {
                #expect(
                    Set(row.keys) == [
                        "batch", "median_ms", "p10_ms", "p90_ms", "p99_ms", "gpu_ms", "images_per_second", "runs",
                        "joules_per_image",
                    ])
                let times = ["p10_ms", "median_ms", "p90_ms", "p99_ms"].compactMap { row[$0] as? Double }
                #expect(times.count == 4 && times == times.sorted())
            }
            let table = try await PerceptProcess.run(arguments + ["--batch", "1"])
            #expect(table.status == 0)
            func checksum(_ text: String) -> Substring? {
                text.split(whereSeparator: \.isWhitespace).drop { $0 != "checksum" }.dropFirst().first
            }
            #expect(checksum(run.errors) != nil)
            #expect(checksum(run.errors) == checksum(table.text))
            let shared = try await PerceptProcess.run(
                ["bench", "--json", "--batch", "1", "--callers", "1,5", "--runs", "20", "--beside", "demo"])
            #expect(shared.status == 0, "\(shared.errors)")
            let rows = try #require(try shared.object()["callers"] as? [[String: Any]])
            #expect(rows.compactMap { $0["callers"] as? Int } == [1, 5])
            for row in rows {
                #expect(row["requests"] as? Int == 20 && (row["pieces"] as? Int ?? 0) > 0)
                for name in ["images_per_second", "median_ms", "longest_piece_ms", "answer_tokens_per_second"] {
                    #expect((row[name] as? Double ?? 0) > 0, "\(name)")
                }
                let latencies = ["median_ms", "p95_ms", "p99_ms"].compactMap { row[$0] as? Double }
                #expect(latencies.count == 3 && latencies == latencies.sorted())
            }
            let markdown = try await PerceptProcess.run(arguments + ["--batch", "1", "--markdown"])
            #expect(markdown.lines.contains { $0.hasPrefix("| batch | median ms |") })
            #expect(markdown.lines.contains("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"))
        }
    }

    @Suite("doctor and devices")
    struct DoctorTests {
        /// Files that are no libraries, under the names of the loader, in front of the real one.
        private func withoutLoader(_ folder: TemporaryFolder) throws -> [String: String] {
            for name in ["libvulkan.so.1", "libvulkan.so"] { _ = try folder.write([], name) }
            return ["LD_LIBRARY_PATH": folder.url.path]
        }

        @Test("A machine that works")
        func healthy() async throws {
            let run = try await PerceptProcess.run(["doctor", "--json"])
            #expect(run.status == 0)
            let document = try run.object()
            #expect(
                Set(document.keys) == [
                    "version", "devices", "self_test", "unproven_kernels", "media", "cache", "findings",
                ])
            let trial = try #require(document["self_test"] as? [String: Any])
            #expect(trial["matrix_units"] is [Any])
            #expect(
                Set((trial["tuning"] as? [String: Any] ?? [:]).keys) == ["family", "shapes", "stale", "seconds_old"])
            #expect((document["unproven_kernels"] as? [String])?.contains("matmul_workgroup_matrix") == true)
            #expect((document["self_test"] as? [String: Any])?["passed"] as? Bool == true)
            let list = try await PerceptProcess.run(["devices", "--json"])
            #expect(list.status == 0)
            let devices = try #require(try list.object()["devices"] as? [[String: Any]])
            #expect(devices.count == (document["devices"] as? [Any])?.count)
            #expect(devices.allSatisfy { ($0["uuid"] as? String)?.count == 32 })
        }

        @Test("Without a Vulkan loader the package is named, and the exit code is 69")
        func noLoader() async throws {
            let folder = try TemporaryFolder()
            let environment = try withoutLoader(folder)
            let doctor = try await PerceptProcess.run(["doctor"], environment: environment)
            #expect(doctor.status == 69)
            #expect(doctor.text.contains("libvulkan1") && doctor.text.contains("mesa-vulkan-drivers"))
            for command in [["devices"], ["embed", "--text", "a"]] {
                let run = try await PerceptProcess.run(command, environment: environment)
                #expect(run.status == 69)
                #expect(run.output.isEmpty)
                #expect(run.errors.contains("libvulkan"))
            }
        }

        @Test("Without a driver the exit code is 69")
        func noDriver() async throws {
            let nowhere = ["VK_DRIVER_FILES": "/nowhere.json", "VK_ICD_FILENAMES": "/nowhere.json"]
            let run = try await PerceptProcess.run(["doctor", "--json"], environment: nowhere)
            #expect(run.status == 69)
            let findings = try #require(try run.object()["findings"] as? [[String: Any]])
            #expect(findings.contains { ($0["problem"] as? String)?.contains("/nowhere.json") == true })
        }

        @Test("A CPU is not used in silence")
        func cpu() async throws {
            let devices = try await PerceptProcess.run(["devices", "--json"])
            let kinds = (try devices.object()["devices"] as? [[String: Any]])?.compactMap { $0["kind"] as? String }
            let run = try await PerceptProcess.run(["embed", "--text", "a"])
            #expect(run.status == 0)
            if kinds == ["cpu"] { #expect(run.errors.contains("computing on the CPU")) }
        }
    }
}
