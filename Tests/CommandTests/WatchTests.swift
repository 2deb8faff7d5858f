import Foundation
import TestSupport
import Testing

extension CommandTests {
    @Suite("watch")
    struct WatchTests {
        private static let labels = "a red circle,a blue star,a yellow heart,a green square"

        private func lines(_ run: PerceptProcess) throws -> [[String: Any]] {
            try run.lines.map { line in
                try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any], "\(line)")
            }
        }

        @Test("JSON has a line a frame and a last one, in the documented shapes")
        func json() async throws {
            let run = try await PerceptProcess.run([
                "watch", "test:?frames=30", "--as-fast-as-possible", "--every-frame", "--json", "--quiet", "--labels",
                Self.labels,
            ])
            #expect(run.status == 0 && run.errors.isEmpty, "\(run.errors)")
            let lines = try lines(run)
            #expect(lines.count == 31)
            var right = 0
            for (index, line) in lines.dropLast().enumerated() {
                #expect(Set(line.keys) == ["frame", "time", "labels", "latency_ms"])
                #expect(line["frame"] as? Int == index)
                #expect(abs((line["time"] as? Double ?? -1) - Double(index) / 30) < 1e-3)
                let labels = try #require(line["labels"] as? [[String: Any]])
                let probabilities = labels.compactMap { $0["probability"] as? Double }
                #expect(labels.count == 4 && probabilities == probabilities.sorted(by: >))
                #expect(abs(probabilities.reduce(0, +) - 1) < 1e-3)
                if labels.first?["label"] as? String == "a red circle" { right += 1 }
                #expect((line["latency_ms"] as? Double ?? 0) > 0)
            }
            #expect(right >= 25, "\(right) of 30")
            let last = try #require(lines.last)
            #expect(Set(last.keys) == ["frames", "dropped", "fps", "latency_p50_ms", "latency_p99_ms"])
            #expect(last["frames"] as? Int == 30 && last["dropped"] as? Int == 0)
        }

        @Test("The demo model names what moves")
        func names() async throws {
            let scene = [
                "a red circle on the left", "a blue star on the right", "a yellow heart at the top",
                "a green square at the bottom",
            ]
            let others = [
                "a red circle on the right", "a blue star on the left", "a yellow star at the top",
                "a green heart at the bottom", "a purple ring in the centre", "a white cross on the right",
            ]
            let run = try await PerceptProcess.run([
                "watch", "test:?frames=240&rate=20", "--as-fast-as-possible", "--every-frame", "--json", "--quiet",
                "--window", "12", "--labels",
                (others + scene).joined(separator: ","),
            ])
            let frames = try lines(run).dropLast()
            #expect(frames.count == 240)
            // Each object is there for three seconds; its first frames share the window with the one before.
            let right = frames.enumerated().filter { index, line in
                let first = (line["labels"] as? [[String: Any]])?.first?["label"] as? String
                return first == scene[index / 60]
            }.count
            #expect(right >= 200, "\(right) of 240")
        }

        @Test("Events are lines of JSON at the changes of the scene")
        func events() async throws {
            let run = try await PerceptProcess.run([
                "watch", "test:?frames=240&rate=20", "--as-fast-as-possible", "--every-frame", "--events", "--quiet",
            ])
            #expect(run.status == 0)
            let events = try lines(run)
            for event in events {
                #expect(
                    Set(event.keys) == ["event", "frame", "time", "scene", "distance", "score", "resembles"])
                #expect(event["event"] as? String == "scene")
            }
            // The object is another one at 3, 6 and 9 seconds.
            let times = events.compactMap { $0["time"] as? Double }
            for cut in [3.0, 6, 9] { #expect(times.contains { abs($0 - cut) <= 0.15 }, "\(times)") }
        }

        @Test("Records keep every embedding with its time", arguments: ["jsonl", "npy"])
        func records(kind: String) async throws {
            let folder = try TemporaryFolder()
            let file = folder.url.appending(path: "e.\(kind)")
            let run = try await PerceptProcess.run([
                "watch", "test:?frames=12", "--as-fast-as-possible", "--every-frame", "--quiet", "--record", file.path,
            ])
            #expect(run.status == 0 && folder.contents == ["e.\(kind)"])
            let data = try Data(contentsOf: file)
            if kind == "jsonl" {
                let lines = String(decoding: data, as: UTF8.self).split(separator: "\n")
                #expect(lines.count == 12)
                for (index, line) in lines.enumerated() {
                    let entry = try #require(
                        try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
                    #expect(entry["frame"] as? Int == index)
                    let values = try #require(entry["embedding"] as? [Double])
                    #expect(values.count == 128 && abs(values.reduce(0) { $0 + $1 * $1 } - 1) < 1e-4)
                }
            } else {
                let length = 10 + Int(data[8]) + 256 * Int(data[9])
                let header = String(decoding: data[10..<length], as: UTF8.self)
                #expect(
                    header.hasPrefix(
                        "{'descr': [('frame', '<i8'), ('time', '<f8'), ('embedding', '<f4', (128,))], "
                            + "'fortran_order': False, 'shape': (12,), }"))
                #expect(length % 64 == 0 && data.count == length + 12 * (16 + 4 * 128))
                let frame = data[(length + 5 * 528)...].prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
                #expect(frame == 5)
            }
        }

        @Test("A trace has every stage of every frame, none over another on its track")
        func trace() async throws {
            let folder = try TemporaryFolder()
            let file = folder.url.appending(path: "t.json")
            let run = try await PerceptProcess.run([
                "watch", "test:?frames=20&rate=200", "--quiet", "--trace", file.path, "--labels", Self.labels,
            ])
            #expect(run.status == 0)
            let document = try #require(
                try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
            let events = try #require(document["traceEvents"] as? [[String: Any]])
            let slices = events.filter { $0["ph"] as? String == "X" }
            let names = Dictionary(grouping: slices) { $0["name"] as? String ?? "" }
            #expect(Set(names.keys) == ["decode", "wait", "upload", "encode", "readback", "label"])
            #expect(Set(names.values.map(\.count)).count == 1)
            // Latency is what the slices say: from the arrival to the end of the label.
            func frame(_ slice: [String: Any]) -> Int {
                ((slice["args"] as? [String: Any])?["frame"] as? Int) ?? -1
            }
            let decoded = Dictionary(uniqueKeysWithValues: names["decode", default: []].map { (frame($0), $0) })
            for label in names["label", default: []] {
                let start = try #require(decoded[frame(label)]?["ts"] as? Double)
                let end = (label["ts"] as? Double ?? 0) + (label["dur"] as? Double ?? 0)
                let latency = try #require((label["args"] as? [String: Any])?["latency_ms"] as? Double)
                #expect(abs(end - start - 1000 * latency) < 2)
            }
            for track in Dictionary(grouping: slices, by: { $0["tid"] as? Int ?? 0 }).values {
                let spans = track.map { ($0["ts"] as? Double ?? 0, $0["dur"] as? Double ?? -1) }
                #expect(spans.allSatisfy { $0.1 >= 0 })
                #expect(zip(spans, spans.dropFirst()).allSatisfy { $0.0 + $0.1 <= $1.0 + 0.002 })
            }
        }

        @Test("A signal ends the stream with a summary, whole files, and 130")
        func interruption() async throws {
            let folder = try TemporaryFolder()
            let record = folder.url.appending(path: "e.jsonl"), trace = folder.url.appending(path: "t.json")
            let run = try await PerceptProcess.run(
                [
                    "watch", "test:", "--json", "--quiet", "--record", record.path, "--trace", trace.path,
                ], interruption: 4)
            #expect(run.status == 130)
            let lines = try lines(run)
            let last = try #require(lines.last)
            #expect(last["frames"] as? Int == lines.count - 1 && lines.count > 2)
            #expect(Set(folder.contents) == ["e.jsonl", "t.json"])
            #expect(
                try String(contentsOf: record, encoding: .utf8).split(separator: "\n").count == lines.count - 1)
            _ = try JSONSerialization.jsonObject(with: Data(contentsOf: trace))
        }

        @Test("A signal ends the wait for a server that says nothing, and for a pipe that nobody writes into")
        func interruptedOpening() async throws {
            let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(listener) }
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let isListening = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                    bind(listener, pointer, length) == 0 && listen(listener, 8) == 0
                        && getsockname(listener, pointer, &length) == 0
                }
            }
            #expect(isListening)
            let folder = try TemporaryFolder()
            let pipe = folder.url.appending(path: "pipe").path
            #expect(mkfifo(pipe, 0o600) == 0)
            let port = UInt16(bigEndian: address.sin_port)
            for source in ["http://127.0.0.1:\(port)/", "rtsp://127.0.0.1:\(port)/", "tcp://127.0.0.1:\(port)", pipe] {
                let start = ContinuousClock.now
                let run = try await PerceptProcess.run(["watch", source, "--json"], interruption: 0.5)
                #expect(run.status == 130 && run.output.isEmpty, "\(source): \(run.errors)")
                #expect(start.duration(to: .now) < .seconds(1.5), "\(source)")
            }
            let run = try await PerceptProcess.run(["watch", "http://127.0.0.1:\(port)/", "--timeout", "0.3"])
            #expect(run.status == 69 && run.errors.contains("nothing came for 0.3 s"), "\(run.errors)")
        }

        @Test("A lost device is opened anew, and no frame is missed")
        func lostDevice() async throws {
            let arguments = [
                "watch", "test:?frames=40", "--as-fast-as-possible", "--every-frame", "--json", "--labels", Self.labels,
            ]
            let whole = try lines(try await PerceptProcess.run(arguments))
            let lost = try LostDevice(at: [20, 5])
            let run = try await PerceptProcess.run(arguments, environment: lost.environment)
            #expect(run.status == 0, "\(run.errors)")
            #expect(run.errors.components(separatedBy: "stopped answering").count == 3, "\(run.errors)")
            #expect(run.errors.components(separatedBy: "is back").count == 3, "\(run.errors)")
            func seen(_ lines: [[String: Any]]) -> [NSDictionary] {
                lines.dropLast().map { NSDictionary(dictionary: $0.filter { $0.key != "latency_ms" }) }
            }
            #expect(seen(try lines(run)) == seen(whole))
        }

        /// The same for longer, and with a file: `Tools/watch/endurance`.
        @Test("Frames take no memory")
        func allocations() async throws {
            let folder = try TemporaryFolder()
            let (library, counts) = (folder.url.appending(path: "count.so").path, folder.url.appending(path: "counts"))
            try CompiledLibrary.make("Tools/watch/count_allocations.c", at: library)
            // One scene of eight seconds: a new scene is told of, and that is written with memory of its own. What the
            // validation layers allocate in a driver's name is theirs.
            let run = try await PerceptProcess.run(
                [
                    "watch", "test:?frames=240&rate=30&hold=60", "--json", "--quiet", "--window", "4", "--labels",
                    Self.labels,
                ],
                environment: ["LD_PRELOAD": library, "COUNT_FILE": counts.path, "PERCEPT_VALIDATION": "0"])
            #expect(run.status == 0 && run.lines.count > 20, "\(run.errors)")
            // Second, owner, allocations and bytes.
            var seconds: [Int: (own: Int, all: Int)] = [:]
            for line in try String(contentsOf: counts, encoding: .utf8).split(separator: "\n") {
                let parts = line.split(separator: " ")
                let (second, count) = (try #require(Int(parts[0])), try #require(Int(parts[2])))
                seconds[second, default: (0, 0)].all += count
                if parts[1] == "percept" { seconds[second]?.own += count }
            }
            // Those at which the command starts and ends are known by nothing else than that they take memory. In the
            // others the driver's own allocations, for each of its submissions, show that frames were encoded.
            let steady = seconds.keys.filter { seconds[$0]?.own == 0 && seconds[$0].map { $0.all > 100 } == true }
            #expect(steady.count >= 5, "\(seconds.sorted { $0.key < $1.key })")
        }

        @Test("In a terminal rows are erased before they are written")
        func rows() async throws {
            let folder = try TemporaryFolder()
            let typescript = folder.url.appending(path: "typescript").path
            // A terminal of util-linux, which keeps what is written to it.
            let script = Process()
            script.executableURL = URL(filePath: "/usr/bin/script")
            let percept = PerceptProcess.programs.appending(path: "percept").path
            let command = "'\(percept)' watch test:?frames=20 --labels '\(Self.labels)' --no-preview"
            script.arguments = ["--quiet", "--return", "--command", command, typescript]
            (script.standardInput, script.standardOutput) = (FileHandle.nullDevice, FileHandle.nullDevice)
            try script.run()
            script.waitUntilExit()
            #expect(script.terminationStatus == 0)
            let text = try String(contentsOfFile: typescript, encoding: .utf8)
            // Behind a row's last column the cursor stands on that column, and erasing would take it away.
            let erasures = text.ranges(of: "\u{1B}[K")
            #expect(erasures.count > 24)
            #expect(erasures.allSatisfy { text[..<$0.lowerBound].last == "H" })
            #expect(text.contains("Ctrl-C ends"))
        }

        @Test("Limits end it", arguments: [["--frames", "5"], ["--duration", "0.5"]])
        func limits(option: [String]) async throws {
            let run = try await PerceptProcess.run(["watch", "test:", "--json", "--quiet"] + option)
            #expect(run.status == 0)
            let last = try #require(try lines(run).last)
            if option[0] == "--frames" { #expect(last["frames"] as? Int == 5) }
            #expect((last["frames"] as? Int ?? 0) >= 1)
        }

        @Test("An annotated video can be watched again")
        func annotated() async throws {
            let folder = try TemporaryFolder()
            let file = folder.url.appending(path: "a.mp4")
            let run = try await PerceptProcess.run([
                "watch", "test:?frames=40", "--as-fast-as-possible", "--every-frame", "--quiet", "--labels",
                Self.labels,
                "--annotate", file.path,
            ])
            #expect(run.status == 0, "\(run.errors)")
            #expect(folder.contents == ["a.mp4"])
            let again = try await PerceptProcess.run([
                "watch", file.path, "--as-fast-as-possible", "--every-frame", "--json", "--quiet",
            ])
            #expect(again.status == 0)
            let frames = try lines(again).dropLast()
            #expect(frames.count == 40)
            // Times are those of the source.
            for (index, line) in frames.enumerated() {
                #expect(abs((line["time"] as? Double ?? -1) - Double(index) / 30) < 2e-3)
            }
        }

        @Test("A video that a tag turns upright is annotated upright, and letters that are boxes are told of")
        func annotatedUpright() async throws {
            let folder = try TemporaryFolder()
            func path(_ name: String) -> String { folder.url.appending(path: name).path }
            func watch(_ source: String, _ more: [String]) async throws -> (embeddings: [[Double]], errors: String) {
                let run = try await PerceptProcess.run(
                    [
                        "watch", source, "--as-fast-as-possible", "--every-frame", "--frames", "4", "--record",
                        path("e.jsonl"),
                    ] + more)
                #expect(run.status == 0, "\(run.errors)")
                let lines = try String(contentsOfFile: path("e.jsonl"), encoding: .utf8).split(separator: "\n")
                let embeddings = try lines.map { line in
                    let entry = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
                    return try #require(entry?["embedding"] as? [Double])
                }
                return (embeddings, run.errors)
            }
            let made = try await watch(
                "test:?size=320x240", ["--annotate", path("lying.mp4"), "--labels", "a red circle,日本 ä"])
            #expect(made.errors.contains("lying.mp4: ") && made.errors.contains("“日本”"), "\(made.errors)")
            // As a phone that is held upright writes it: turned by a quarter in the track's header.
            var bytes = try Array(Data(contentsOf: URL(filePath: path("lying.mp4"))))
            func matrix(_ numbers: [UInt32]) -> [UInt8] {
                numbers.flatMap { number in (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) } }
            }
            let header = try #require(bytes.firstRange(of: Array("tkhd".utf8)))
            let plain = try #require(
                bytes[header.upperBound...].firstRange(of: matrix([1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30])))
            bytes.replaceSubrange(plain, with: matrix([0, 1 << 16, 0, 0xFFFF_0000, 0, 0, 240 << 16, 0, 1 << 30]))
            let turned = try folder.write(bytes, "turned.mp4")

            let expected = try await watch(turned, ["--annotate", path("upright.mp4")]).embeddings
            let found = try await watch(path("upright.mp4"), []).embeddings
            #expect(expected.count == 4 && found.count == 4 && made.embeddings.count == 4)
            func cosine(_ a: [[Double]], _ b: [[Double]]) -> Double {
                zip(a, b).map { zip($0, $1).reduce(0) { $0 + $1.0 * $1.1 } }.reduce(0, +) / Double(a.count)
            }
            let (same, other) = (cosine(found, expected), cosine(made.embeddings, expected))
            #expect(same > 0.97 && same > other + 0.05, "\(same) of the video, \(other) of it lying")
            let probe = try await PerceptProcess.run(
                ["play", path("upright.mp4"), "frames=1", "quiet"], program: "live-probe")
            #expect(probe.text.hasPrefix("source 240x320 "), "\(probe.text)")
        }

        @Test("A file that is cut off is watched as far as it goes")
        func cut() async throws {
            let folder = try TemporaryFolder()
            let whole = PerceptProcess.fixtures.appending(path: "demo/captioner/clip-00.mkv")
            func frames(_ file: String) async throws -> Int {
                let run = try await PerceptProcess.run([
                    "watch", file, "--as-fast-as-possible", "--every-frame", "--json", "--quiet",
                ])
                #expect(run.status == 0, "\(run.errors)")
                let last = try #require(try lines(run).last?["frames"] as? Int)
                #expect(last == run.lines.count - 1)
                return last
            }
            let bytes = try Data(contentsOf: whole)
            let file = try folder.write(bytes.prefix(bytes.count / 2), "a.mkv")
            let (all, some) = (try await frames(whole.path), try await frames(file))
            #expect(some >= 1 && some < all, "\(some) of \(all)")
        }

        @Test("Frames that are damaged are left out, and told of")
        func damage() async throws {
            let folder = try TemporaryFolder()
            let whole = folder.url.appending(path: "whole.mp4")
            let made = try await PerceptProcess.run([
                "watch", "test:?frames=60&size=320x240", "--as-fast-as-possible", "--every-frame", "--quiet",
                "--annotate", whole.path,
            ])
            #expect(made.status == 0, "\(made.errors)")
            var bytes = try Array(Data(contentsOf: whole))
            // A byte in a hundred of a quarter of the packets, behind the first picture; what describes them lies between.
            var offset = 0
            while offset + 8 <= bytes.count {
                let size = bytes[offset..<offset + 4].reduce(0) { $0 << 8 | Int($1) }
                let end = min(offset + max(size, 8), bytes.count)
                if Array(bytes[offset + 4..<offset + 8]) == Array("mdat".utf8) {
                    for place in stride(from: offset + 8, to: end, by: 97)
                    where bytes.count / 2..<bytes.count * 3 / 4 ~= place { bytes[place] ^= 0x55 }
                }
                offset = end
            }
            let file = try folder.write(bytes, "damaged.mp4")
            let run = try await PerceptProcess.run([
                "watch", file, "--as-fast-as-possible", "--every-frame", "--json",
            ])
            #expect(run.status == 0, "\(run.errors)")
            let last = try #require(try lines(run).last?["frames"] as? Int)
            #expect(last == run.lines.count - 1 && last < 60 && last > 20, "\(last) of 60")
            #expect(run.errors.contains("left out"))
        }

        @Test("Descriptions come as lines of their own")
        func captions() async throws {
            let run = try await PerceptProcess.run([
                "watch", "test:?frames=240", "--json", "--quiet", "--caption-every", "1",
            ])
            #expect(run.status == 0, "\(run.errors)")
            let captions = try lines(run).filter { $0["caption"] != nil }
            #expect(captions.count >= 2)
            for caption in captions {
                #expect(Set(caption.keys) == ["caption", "frame", "time", "latency_ms"])
                #expect((caption["caption"] as? String ?? "").split(separator: " ").count >= 2)
            }
        }

        @Test("A gallery's most similar picture is named")
        func gallery() async throws {
            let demo = PerceptProcess.fixtures.appending(path: "demo")
            let folder = try TemporaryFolder()
            for name in ["one-000.png", "one-001.png", "two-040.png"] {
                try FileManager.default.copyItem(
                    at: demo.appending(path: name), to: folder.url.appending(path: name))
            }
            let run = try await PerceptProcess.run([
                "watch", demo.appending(path: "one-001.png").path, "--json", "--quiet", "--gallery", folder.url.path,
                "--nearest", "2", "--frames", "1",
            ])
            #expect(run.status == 0, "\(run.errors)")
            let nearest = try #require(try lines(run).first?["nearest"] as? [[String: Any]])
            #expect(nearest.count == 2 && nearest[0]["source"] as? String == "one-001.png")
            #expect((nearest[0]["cosine"] as? Double ?? 0) > 0.999)
        }

        @Test("Features are drawn over each frame")
        func features() async throws {
            let folder = try TemporaryFolder()
            let run = try await PerceptProcess.run([
                "watch", "test:?frames=3", "--as-fast-as-possible", "--every-frame", "--quiet", "--pca",
                folder.url.path,
            ])
            #expect(run.status == 0, "\(run.errors)")
            #expect(folder.contents.sorted() == ["000000.png", "000001.png", "000002.png"])
        }

        @Test(
            "Command lines that make no sense, and sources that are not there",
            arguments: [
                (["watch"], 64), (["watch", "test:", "--window", "0"], 64),
                (["watch", "test:", "--labels", "a,,b"], 64), (["watch", "test:", "--record", "x.txt"], 64),
                (["watch", "test:", "--size", "12"], 64), (["watch", "test:", "--timeout", "0"], 64),
                (["watch", "test:?size=1x1"], 64),
                (["watch", "/nowhere/clip.mp4"], 66), (["watch", "test:", "--gallery", "/nowhere"], 66),
                (["watch", "test:", "--annotate", "/nowhere/a.mp4"], 64),
            ] as [([String], Int32)])
        func refusals(arguments: [String], code: Int32) async throws {
            let run = try await PerceptProcess.run(arguments)
            #expect(run.status == code, "\(arguments): \(run.errors)")
            #expect(run.output.isEmpty && !run.errors.isEmpty)
        }
    }
}
