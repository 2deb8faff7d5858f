import Foundation
import TestSupport
import Testing

extension CommandTests {
    @Suite("recordings")
    struct RecordingTests {
        private func arguments(_ folder: TemporaryFolder) -> [String] {
            func path(_ name: String) -> String { folder.url.appending(path: name).path }
            return [
                "watch", "test:?size=160x96&rate=10", "--json", "--annotate", path("v.mp4"), "--record", path("r.npy"),
                "--trace", path("t.json"),
            ]
        }

        /// What is there to read of a video, an array of records and a trace: the numbers of frames.
        private func frames(_ folder: TemporaryFolder, _ suffix: String) async throws -> [Int] {
            func path(_ name: String) -> String { folder.url.appending(path: name + suffix).path }
            let video = try await PerceptProcess.run(["play", path("v.mp4"), "fast", "quiet"], program: "live-probe")
            let end = try #require(video.lines.last, "\(video.text)")
            #expect(end.hasPrefix("end "), "\(video.text)")
            let array = try Data(contentsOf: URL(filePath: path("r.npy")))
            let length = 10 + Int(array[8]) + 256 * Int(array[9])
            let header = String(decoding: array[10..<length], as: UTF8.self)
            let shape = try #require(header.split(separator: "'shape': (").last?.split(separator: ",").first)
            let rows = try #require(Int(shape))
            // A row that came behind the last count is there already.
            #expect(array.count >= length + rows * (16 + 4 * 128))
            let trace = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(filePath: path("t.json"))))
            let events = (trace as? [String: Any])?["traceEvents"] as? [[String: Any]] ?? []
            let encoded = events.count { $0["name"] as? String == "encode" }
            return [Int(end.dropFirst(4)) ?? 0, rows, encoded]
        }

        /// Starts it, and kills it once its video has two fragments.
        private func kill(_ folder: TemporaryFolder) async throws {
            let process = Process()
            process.executableURL = PerceptProcess.programs.appending(path: "percept")
            process.arguments = arguments(folder)
            process.standardOutput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
            try process.run()
            let video = folder.url.appending(path: "v.mp4.partial")
            let limit = ContinuousClock.now + .seconds(60)
            while .now < limit, process.isRunning {
                let bytes = (try? Array(Data(contentsOf: video))) ?? []
                if bytes.ranges(of: Array("moof".utf8)).count >= 3 { break }
                try await Task.sleep(for: .milliseconds(50))
            }
            Foundation.kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
            #expect(process.terminationReason == .uncaughtSignal)
        }

        @Test("What a killed process recorded can be read, and is kept when it is recorded anew")
        func killed() async throws {
            let folder = try TemporaryFolder()
            try await kill(folder)
            #expect(folder.contents.sorted() == ["r.npy.partial", "t.json.partial", "v.mp4.partial"])
            let left = try await frames(folder, ".partial")
            #expect(left.allSatisfy { $0 >= 10 }, "\(left)")

            let run = try await PerceptProcess.run(arguments(folder) + ["--frames", "5"])
            #expect(run.status == 0, "\(run.errors)")
            for name in ["r.npy", "t.json", "v.mp4"] {
                #expect(run.errors.contains("\(name).partial.1"), "\(run.errors)")
            }
            #expect(
                folder.contents.sorted() == [
                    "r.npy", "r.npy.partial.1", "t.json", "t.json.partial.1", "v.mp4", "v.mp4.partial.1",
                ])
            #expect(try await frames(folder, ".partial.1") == left)
            #expect(try await frames(folder, "") == [5, 5, 5])
        }

        @Test("A hang-up finishes a recording")
        func hangUp() async throws {
            let folder = try TemporaryFolder()
            let process = Process()
            process.executableURL = PerceptProcess.programs.appending(path: "percept")
            process.arguments = arguments(folder)
            process.standardOutput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
            try process.run()
            let array = folder.url.appending(path: "r.npy.partial")
            let limit = ContinuousClock.now + .seconds(60)
            // Some rows, behind a header of 256 bytes at most.
            while .now < limit, process.isRunning, (try? Data(contentsOf: array).count) ?? 0 < 256 + 5 * 528 {
                try await Task.sleep(for: .milliseconds(50))
            }
            Foundation.kill(process.processIdentifier, SIGHUP)
            process.waitUntilExit()
            #expect(process.terminationStatus == 129)
            #expect(folder.contents.sorted() == ["r.npy", "t.json", "v.mp4"])
            let found = try await frames(folder, "")
            #expect(found.allSatisfy { $0 >= 4 }, "\(found)")
        }
    }
}
