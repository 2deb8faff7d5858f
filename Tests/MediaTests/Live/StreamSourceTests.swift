import CPerceptMedia
import Foundation
import PerceptFrame
import PerceptMedia
import TestSupport
import Testing

@Suite struct StreamSourceTests {
    /// A file that goes with the closure.
    private func withFile<T>(_ bytes: [UInt8], _ name: String, _ body: (String) throws -> T) throws -> T {
        let file = FileManager.default.temporaryDirectory.appending(path: "percept-\(UUID())-\(name)")
        try Data(bytes).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        return try body(file.path)
    }

    @Test(arguments: Manifest.current.videos)
    func aFileGivesTheFramesThatReadingByIndexGives(_ video: Manifest.Video) throws {
        let path = "\(Manifest.folder)/\(video.file)"
        let source = try LiveInput.open(path, .fast)
        let collected = try Collected(source, hashes: true)
        #expect(collected.hashes == video.frames)
        #expect(collected.notices == [])
        #expect(collected.frames.map(\.number) == Array(0..<video.frames.count))
        #expect(zip(collected.frames, collected.frames.dropFirst()).allSatisfy { $0.time < $1.time })
        let upright = video.orientation < 5 ? (video.width, video.height) : (video.height, video.width)
        #expect((source.description.width, source.description.height) == upright)
    }

    @Test func aFilePlaysAtItsOwnRate() throws {
        let video = TestVideo(rate: 50, frames: 51, encoder: "mpeg4", container: "matroska")
        try withFile(video.bytes(), "paced.mkv") { path in
            let start = ContinuousClock.now
            let collected = try Collected(try LiveInput.open(path))
            let elapsed = start.duration(to: .now).inSeconds
            #expect(collected.frames.count == 51)
            #expect(elapsed >= 0.99 && elapsed < 3, "one second took \(elapsed) s")
            let first = try #require(collected.frames.first)
            for frame in collected.frames {
                #expect(abs(frame.time - Double(frame.number) / 50) < 2e-3)
                let passed = first.arrival.duration(to: frame.arrival).inSeconds
                #expect(passed > frame.time - 0.002, "frame \(frame.number) came \(frame.time - passed) s early")
            }
            // Waits do not add up: the last frame is no later than a scheduler makes any frame.
            let last = collected.frames[50]
            let lateness = collected.frames.map { first.arrival.duration(to: $0.arrival).inSeconds - $0.time }
            #expect(
                first.arrival.duration(to: last.arrival).inSeconds - last.time
                    <= (lateness.dropLast().max() ?? 0) + 0.02)
            let quick = ContinuousClock.now
            #expect(try Collected(try LiveInput.open(path, .fast)).frames.count == 51)
            #expect(quick.duration(to: .now) < .seconds(0.7))
        }
    }

    /// A consumer that is slower than the stream gets every frame of a file.
    @Test func nothingIsDroppedForASlowConsumer() throws {
        let video = TestVideo(rate: 100, frames: 20)
        try withFile(video.bytes(), "slow.ts") { path in
            let source = try LiveInput.open(path)
            var numbers: [Int] = []
            while case .frame(let frame)? = try source.next() {
                numbers.append(frame.number)
                Thread.sleep(forTimeInterval: 0.02)
            }
            #expect(numbers == Array(0..<20))
        }
    }

    @Test(arguments: [
        ("mpeg2video", "mpegts"), ("mjpeg", "matroska"), ("mpeg4", "mp4"), ("mjpeg", "mjpeg"),
    ])
    func aFileCutOffEndsAfterWhatIsThere(_ encoder: String, _ container: String) throws {
        let whole = try TestVideo(encoder: encoder, container: container).bytes()
        for part in [0.9, 0.5, 0.3] {
            try withFile(Array(whole.prefix(Int(Double(whole.count) * part))), "cut.\(container)") { path in
                // An MP4 has its index at the end.
                guard container != "mp4" else {
                    #expect(throws: MediaError.self) { try LiveInput.open(path, .fast) }
                    return
                }
                let collected = try Collected(try LiveInput.open(path, .fast))
                let expected = Double(50) * part
                #expect(
                    abs(Double(collected.frames.count) - expected) < 14,
                    "\(collected.frames.count) frames of \(part), \(collected.notices)")
            }
        }
    }

    @Test func anMP4WhoseDataEndsEarlyEndsWithANotice() throws {
        // The index comes first in this file.
        let bytes = try readBytes(Manifest.path("h264-faststart.mp4"))
        let whole = try withFile(bytes, "whole.mp4") { try Collected(try LiveInput.open($0, .fast)) }
        try withFile(Array(bytes.prefix(2700)), "cut.mp4") { path in
            let collected = try Collected(try LiveInput.open(path, .fast))
            #expect(
                collected.frames.count > 2 && collected.frames.count < whole.frames.count,
                "\(collected.frames.count) of \(whole.frames.count), \(collected.notices)")
        }
    }

    static let damaged: [(encoder: String, container: String)] = [
        ("mpeg2video", "mpegts"), ("libx264", "mpegts"), ("mjpeg", "mjpeg"), ("mpeg4", "matroska"),
    ]

    /// One packet of a hundred has a byte changed: no error, and hardly fewer pictures than packets that are whole.
    @Test(arguments: damaged, [1 as UInt64, 2, 3])
    func damagedPacketsAreLeftOut(_ kind: (encoder: String, container: String), _ seed: UInt64) throws {
        guard TestVideo.has(kind.encoder) else { return }
        var video = TestVideo(width: 320, height: 192, frames: 300, encoder: kind.encoder, container: kind.container)
        video.keyFrames = 10
        var bytes = try video.bytes()
        var generator = SplitMix64(state: seed)
        // The first tenth stays whole, so that the stream is recognised.
        var flips = 0
        for packet in stride(from: bytes.count / 10 / 188 * 188, to: bytes.count - 188, by: 188)
        where Int.random(in: 0..<100, using: &generator) == 0 {
            bytes[packet + Int.random(in: 0..<188, using: &generator)] ^= UInt8.random(in: 1...255, using: &generator)
            flips += 1
        }
        #expect(flips > 2)
        try withFile(bytes, "damaged.\(kind.container)") { path in
            let start = ContinuousClock.now
            let collected = try Collected(try LiveInput.open(path, .fast))
            #expect(start.duration(to: .now) < .seconds(20))
            #expect(collected.frames.map(\.number) == Array(0..<collected.frames.count))
            #expect(collected.frames.count <= 300)
            // A changed byte costs a picture or, where containers put several in one packet, a few.
            #expect(
                collected.frames.count >= 300 - 8 * flips,
                "\(collected.frames.count) of 300 frames for \(flips) changed bytes: \(collected.notices)")
            #expect(zip(collected.frames, collected.frames.dropFirst()).allSatisfy { $0.time <= $1.time })
        }
    }

    /// Most changed bytes within a JPEG's picture break its code, and such pictures are not shown.
    @Test func aDamagedPictureIsToldAndNotShown() throws {
        let video = TestVideo(frames: 40, encoder: "mjpeg", container: "mjpeg")
        let bytes = try video.bytes()
        let starts = bytes.indices.filter { $0 + 2 < bytes.count && Array(bytes[$0..<$0 + 3]) == [0xFF, 0xD8, 0xFF] }
        #expect(starts.count == 40)
        var broken = bytes
        // The code of the 20th picture ends in the middle.
        let (start, end) = (starts[20], starts[21])
        for offset in (start + (end - start) / 2)..<(end - 2) { broken[offset] = 0x7F }
        try withFile(broken, "broken.mjpeg") { path in
            let collected = try Collected(try LiveInput.open(path, .fast))
            #expect(collected.frames.count == 39)
            #expect(collected.damages == 1 && collected.framesBefore == [20], "\(collected.notices)")
        }
    }

    @Test(arguments: [("mpeg2video", "mpegts"), ("libx264", "mpegts"), ("mjpeg", "mjpeg")])
    func anotherResolutionInTheMiddleIsToldOnce(_ encoder: String, _ container: String) throws {
        guard TestVideo.has(encoder) else { return }
        var video = TestVideo(frames: 20, encoder: encoder, container: container)
        var bytes = try video.bytes()
        (video.width, video.height) = (320, 192)
        bytes += try video.bytes()
        (video.width, video.height) = (96, 64)
        bytes += try video.bytes()
        try withFile(bytes, "sizes.\(container)") { path in
            let source = try LiveInput.open(path, .fast)
            let collected = try Collected(source)
            let sizes = collected.frames.map(\.width)
            #expect(
                collected.notices.filter { if case .resized = $0 { true } else { false } }
                    == [.resized(width: 320, height: 192), .resized(width: 96, height: 64)])
            // A decoder that starts anew gives up what it held back for reordering, two pictures at most.
            #expect(sizes.count >= 56 && sizes.filter { $0 == 160 }.count >= 18, "\(sizes)")
            #expect(sizes == sizes.filter { $0 == 160 } + sizes.filter { $0 == 320 } + sizes.filter { $0 == 96 })
            // Times of the parts start anew; those of the source go on.
            #expect(zip(collected.frames, collected.frames.dropFirst()).allSatisfy { $0.time < $1.time })
            #expect(abs((collected.frames.last?.time ?? 0) - 59.0 / 25) < 0.3)
        }
    }

    @Test(arguments: [
        ("mjpeg", "mjpeg"), ("wrapped_avframe", "yuv4mpegpipe"), ("mpeg2video", "mpegts"), ("mpeg4", "matroska"),
    ])
    func aPipeIsReadAsItComes(_ encoder: String, _ container: String) throws {
        let bytes: [UInt8]
        if container == "yuv4mpegpipe" {
            bytes = y4m(frames: 30)
        } else {
            bytes = try TestVideo(frames: 30, encoder: encoder, container: container).bytes()
        }
        let path = FileManager.default.temporaryDirectory.appending(path: "percept-\(UUID())").path
        #expect(mkfifo(path, 0o600) == 0)
        defer { unlink(path) }
        let writer = try PipeWriter(path, bytes)
        let collected = try Collected(try LiveInput.open(path))
        writer.wait()
        #expect(collected.frames.count == 30, "\(collected.notices)")
        #expect(collected.damages == 0)
    }

    @Test(arguments: ["mjpeg", "mpegts", "y4m"])
    func standardInputIsRead(_ container: String) async throws {
        let folder = try TemporaryFolder()
        let bytes =
            try container == "y4m"
            ? y4m(frames: 30)
            : TestVideo(frames: 30, encoder: container == "mjpeg" ? "mjpeg" : "mpeg2video", container: container)
                .bytes()
        let file = try folder.write(bytes, "input")
        let process = try await PerceptProcess.run(
            ["play", "-"], program: "live-probe", inputFile: URL(filePath: file))
        #expect(process.lines.last == "end 30", "\(process.text)")
        #expect(process.lines.count { $0.hasPrefix("frame") } == 30 && process.lines.count == 32)
        let empty = try await PerceptProcess.run(["play", "-"], program: "live-probe")
        #expect(empty.status == 1 && empty.text.hasPrefix("error -: "), "\(empty.text)")
    }

    @Test func stoppingEndsAWaitForAPipe() throws {
        let bytes = y4m(frames: 3)
        let path = FileManager.default.temporaryDirectory.appending(path: "percept-\(UUID())").path
        #expect(mkfifo(path, 0o600) == 0)
        defer { unlink(path) }
        let writer = try PipeWriter(path, bytes, keepsOpen: true)
        let source = try LiveInput.open(path)
        let stopped = try stopsWithin(source)
        #expect(stopped < 0.1, "\(stopped) s")
        writer.finish()
    }

    private func y4m(frames: Int) -> [UInt8] {
        var bytes = Array("YUV4MPEG2 W32 H32 F25:1 Ip A1:1 C420jpeg\n".utf8)
        for frame in 0..<frames {
            bytes += Array("FRAME\n".utf8) + [UInt8](repeating: UInt8(frame), count: 32 * 32 * 3 / 2)
        }
        return bytes
    }

    @Test func nothingMoreIsOpenedForAFile() throws {
        let ts = Manifest.path("h264.ts")
        for (name, text) in [
            ("list.m3u8", "#EXTM3U\n#EXTINF:1,\n\(ts)\n#EXT-X-ENDLIST\n"),
            ("list.ffconcat", "ffconcat version 1.0\nfile \(ts)\n"),
        ] {
            try withFile(Array(text.utf8), name) { path in
                _ = #expect(throws: MediaError.self) { _ = try Collected(try LiveInput.open(path)) }
            }
        }
    }

    @Test func namesThatLeadNowhereAreTypedErrors() {
        func fault(_ name: String) -> MediaError.Fault? {
            do throws(MediaError) {
                _ = try LiveInput.open(name)
                return nil
            } catch {
                return error.fault
            }
        }
        #expect(fault("/nonexistent.mp4") == .missing)
        #expect(fault(Manifest.path("sound.wav")) == .noVisualStream)
        guard case .unsupported = fault("/dev/null") else {
            Issue.record("/dev/null: \(String(describing: fault("/dev/null")))")
            return
        }
        guard case .invalidName = fault("gopher://example.org/") else {
            Issue.record("gopher: \(String(describing: fault("gopher://example.org/")))")
            return
        }
    }

    /// Pictures of a stream come from FFmpeg's pools and go back to them.
    @Test func aLongStreamTakesNoMoreMemory() throws {
        let video = TestVideo(width: 320, height: 240, frames: 1000, encoder: "mpeg2video")
        try withFile(video.bytes(), "long.ts") { path in
            var resident: [Int] = []
            for _ in 0..<4 {
                let source = try LiveInput.open(path, .fast)
                while let event = try source.next() {
                    if case .frame(let frame) = event, frame.number % 500 == 400 {
                        resident.append(try residentBytes())
                    }
                }
            }
            #expect(resident.count == 8)
            #expect(resident[7] - resident[3] < 2 << 20, "\(resident)")
        }
    }
}

/// Writes bytes into a named pipe from a thread of its own.
final class PipeWriter: Sendable {
    private let done = DispatchSemaphore(value: 0)
    private let mayClose = DispatchSemaphore(value: 0)

    init(_ path: String, _ bytes: [UInt8], keepsOpen: Bool = false) throws {
        Thread.detachNewThread { [done, mayClose] in
            defer { done.signal() }
            guard let handle = FileHandle(forWritingAtPath: path) else { return }
            // In pieces, as a program would.
            for start in stride(from: 0, to: bytes.count, by: 5000) {
                try? handle.write(contentsOf: bytes[start..<min(start + 5000, bytes.count)])
            }
            if keepsOpen { mayClose.wait() }
        }
    }

    func wait() { done.wait() }

    func finish() {
        mayClose.signal()
        done.wait()
    }
}
