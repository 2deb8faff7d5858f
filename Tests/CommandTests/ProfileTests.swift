import Foundation
import TestSupport
import Testing

extension CommandTests {
    @Suite("profile")
    struct ProfileTests {
        private static let tools = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Tools")

        @Test("JSON has the documented shape, and its parts make up the whole")
        func json() async throws {
            let run = try await PerceptProcess.run(["profile", "--json", "--quiet", "--runs", "2", "--batch", "2"])
            #expect(run.status == 0)
            let document = try run.object()
            #expect(
                Set(document.keys) == [
                    "device", "driver", "model", "precision", "mode", "total_us", "gaps_us", "concurrent_us", "kernels",
                    "cpu", "roofs", "stages",
                ])
            #expect(document["mode"] as? String == "serialised")
            let kernels = try #require(document["kernels"] as? [[String: Any]])
            for kernel in kernels {
                #expect(
                    Set(kernel.keys) == [
                        "stage", "name", "layer", "operation", "us", "flops", "bytes", "roof", "resolved",
                    ])
            }
            let sum = kernels.compactMap { $0["us"] as? Double }.reduce(0, +)
            let total = try #require(document["total_us"] as? Double),
                gaps = try #require(document["gaps_us"] as? Double)
            #expect(gaps >= 0 && abs(sum + gaps - total) < 0.01 * Double(kernels.count))
            let cpu = try #require(document["cpu"] as? [String: Double])
            #expect(Set(cpu.keys) == ["pipelines_us", "record_us", "submit_us"] && cpu.values.allSatisfy { $0 > 0 })

            let concurrent = try await PerceptProcess.run([
                "profile", "--json", "--quiet", "--runs", "1", "--mode", "concurrent",
            ])
            #expect(try concurrent.object()["mode"] as? String == "concurrent")
            #expect(try concurrent.object()["concurrent_us"] is NSNull)
        }

        @Test("CSV and tables have a row for what they group by")
        func tables() async throws {
            let csv = try await PerceptProcess.run(["profile", "--csv", "--quiet", "--runs", "1", "--text"])
            #expect(
                csv.lines.first
                    == "stage,layer,operation,kernel,start_us,us,flops,bytes,flops_per_second,bytes_per_second,roof")
            #expect(csv.lines.count > 20 && csv.lines.dropFirst().allSatisfy { $0.hasPrefix("text,") })
            #expect(csv.lines.allSatisfy { $0.split(separator: ",", omittingEmptySubsequences: false).count == 11 })
            let table = try await PerceptProcess.run(["profile", "--quiet", "--runs", "1", "--by", "layer-kernel"])
            #expect(table.status == 0 && table.lines.contains { $0.hasPrefix("blocks.3 ") && $0.contains("attention") })
            #expect(table.text.contains("ms concurrent") && table.text.contains("barriers"))
        }

        @Test("Trace and page open in Chromium without errors", .enabled(if: Self.hasChromium))
        func pages() async throws {
            let folder = try TemporaryFolder()
            let (trace, page) = (folder.url.appending(path: "t.json"), folder.url.appending(path: "p.html"))
            let run = try await PerceptProcess.run([
                "profile", "--quiet", "--runs", "1", "--trace", trace.path, "--html", page.path,
            ])
            #expect(run.status == 0)
            #expect(folder.contents.contains("t.json") && folder.contents.contains("p.html"))
            #expect(try check([trace, page]) == 0)
            // The check sees what is wrong: a script that throws, a page of nothing, a slice that ends outside of its layer.
            let source = try String(contentsOf: page, encoding: .utf8)
            let thrown = source.replacingOccurrences(
                of: "function drawLayers(stage) {", with: "function drawLayers(stage) { nobody();")
            #expect(thrown != source)
            try thrown.write(to: page, atomically: true, encoding: .utf8)
            #expect(try check([page]) == 1)
            var document = try #require(
                try JSONSerialization.jsonObject(with: Data(contentsOf: trace)) as? [String: Any])
            var events = try #require(document["traceEvents"] as? [[String: Any]])
            // The second of its layer: the first would still nest, as what is around the layer.
            let dispatches = events.indices.filter { events[$0]["cat"] as? String == "dispatch" }
            let place = try #require(dispatches.dropFirst().first)
            events[place]["dur"] = (events[place]["dur"] as? Double ?? 0) + 1e6
            document["traceEvents"] = events
            try JSONSerialization.data(withJSONObject: document).write(to: trace)
            #expect(try check([trace]) == 1)
        }

        private static let hasChromium = ["chromium-headless-shell", "chromium", "google-chrome"].contains { name in
            ["/usr/bin", "/usr/local/bin"].contains { FileManager.default.isExecutableFile(atPath: "\($0)/\(name)") }
        }

        private func check(_ files: [URL]) throws -> Int32 {
            let process = Process()
            process.executableURL = Self.tools.appending(path: "check-pages")
            process.arguments = files.map(\.path)
            process.standardOutput = FileHandle.nullDevice
            try process.run()
            process.waitUntilExit()
            return process.terminationStatus
        }

        @Test("Options that make no sense")
        func usage() async throws {
            for arguments in [
                ["--csv", "--json"], ["--runs", "0"], ["--by", "colour"], ["--mode", "both"], ["--batch", "0"],
                ["--trace", "/nowhere/t.json"], ["--random", "--model", "PLM-1B", "--text"],
            ] {
                let run = try await PerceptProcess.run(["profile"] + arguments)
                #expect(run.status == 64, "\(arguments): \(run.errors)")
            }
        }
    }
}
