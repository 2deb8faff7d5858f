import Foundation
import Percept
import PerceptFrame
import PerceptMedia
import PerceptRuntime
import PerceptVulkan
import Testing

/// Sources through the encoder: what comes out is right, counted, and bounded.
@Suite(.serialized) struct FrameStreamTests {
    private func encoder(_ faults: FaultInjection = FaultInjection()) async throws -> PerceptionEncoder {
        try await PerceptionEncoder(.path(TestModel.clip.path), on: TestModel.privateGPU(faults: faults))
    }

    private func pictures(_ count: Int, _ width: Int = 96, _ height: Int = 64) throws -> [Image] {
        try (0..<count).map { try Image.waves(width, height, seed: $0) }
    }

    @Test func everyFrameIsEncodedAsByItself() async throws {
        let encoder = try await encoder()
        let pictures = try pictures(5)
        let labels = try await encoder.embed(texts: ["a", "b c", "d e f"])
        var options = StreamOptions()
        options.everyFrame = true
        options.labels = labels
        let source = ScriptedSource(pictures, count: 23)
        let found = try await encoder.watch(FrameSource(source), options: options).collect()
        #expect(found.error == nil)
        let summary = try #require(found.summary)
        #expect(found.frames.map(\.number) == Array(0..<23))
        #expect((summary.offered, summary.encoded, summary.dropped) == (23, 23, 0))
        #expect(summary.latency.count == 23)
        let alone = try await encoder.embed(pictures, batch: 1)
        let probabilities = try await encoder.classify(pictures, labels: labels)
        for frame in found.frames {
            #expect(frame.embedding == alone[frame.number % 5] && frame.windowEmbedding == frame.embedding)
            #expect(zip(frame.probabilities, probabilities[frame.number % 5]).allSatisfy { abs($0 - $1) < 1e-4 })
            #expect(frame.dropped == 0)
        }
    }

    @Test func stagesFollowOneAnother() async throws {
        let found = try await encoder().watch(FrameSource(ScriptedSource(pictures(2), count: 40))).collect()
        #expect(!found.frames.isEmpty)
        for frame in found.frames {
            let s = frame.stages
            let moments = [s.arrival, s.decoded, s.taken, s.submitted, s.started, s.encoded, s.read, s.labelled]
            #expect(zip(moments, moments.dropFirst()).allSatisfy { $0 <= $1 }, "frame \(frame.number)")
            #expect(frame.latency == s.labelled - s.arrival)
        }
        // The device has one frame at a time.
        let stages = found.frames.map(\.stages)
        #expect(zip(stages, stages.dropFirst()).allSatisfy { $0.encoded <= $1.started })
    }

    /// A source much faster than the encoder: the newest wins, and everything is accounted for.
    @Test func newestFrameWins() async throws {
        let source = try ScriptedSource(pictures(3), count: 4000, interval: .microseconds(50), steps: [1000: [.gap(7)]])
        let found = try await encoder().watch(FrameSource(source)).collect()
        let summary = try #require(found.summary)
        #expect(summary.offered == 4007 && source.offered == 4000)
        #expect(summary.encoded == found.frames.count && summary.encoded >= 20)
        #expect(summary.encoded + summary.dropped == summary.offered)
        #expect(summary.dropped > 0)
        let numbers = found.frames.map(\.number)
        #expect(zip(numbers, numbers.dropFirst()).allSatisfy { $0 < $1 })
        // The last frame is never given up, and each result says how many were before it.
        #expect(numbers.last == 4006)
        #expect(found.frames.reduce(0) { $0 + $1.dropped + 1 } == 4007)
    }

    @Test func slowReaderHoldsNothingUp() async throws {
        let source = try ScriptedSource(pictures(3), count: 100_000, interval: .milliseconds(1))
        let stream = try await encoder().watch(FrameSource(source))
        var frames: [FrameResult] = []
        var summary: StreamSummary?
        for try await event in stream {
            if case .frame(let frame) = event {
                frames.append(frame)
                try await Task.sleep(for: .milliseconds(60))
                if frames.count == 10 { stream.stop() }
            }
            if case .summary(let found) = event { summary = found }
        }
        let found = try #require(summary)
        #expect(found.encoded == frames.count && (10...13).contains(frames.count))
        #expect(found.offered == found.encoded + found.dropped)
        // What waits for the reader is at most two results old: frames in between were dropped, not kept.
        #expect(frames[9].number > 9 * 40 / 2, "frame \(frames[9].number)")
    }

    @Test func cancellingStopsTheSourceAndSummarises() async throws {
        let source = try ScriptedSource(pictures(1), count: .max, interval: .milliseconds(2))
        let encoder = try await encoder()
        let task = Task {
            var (frames, summary) = (0, StreamSummary?.none)
            for try await event in try encoder.watch(FrameSource(source)) {
                if case .frame = event { frames += 1 }
                if case .summary(let found) = event { summary = found }
                if frames == 5 { withUnsafeCurrentTask { $0?.cancel() } }
            }
            return (frames, summary)
        }
        let (frames, summary) = try await task.value
        let found = try #require(summary)
        #expect(frames >= 5 && found.encoded == frames && found.error == nil)
        #expect(found.offered == found.encoded + found.dropped)
    }

    @Test func leavingTheLoopStopsAStreamThatIsKept() async throws {
        let source = try ScriptedSource(pictures(1), count: .max, interval: .milliseconds(1))
        let encoder = try await encoder()
        let stream = try encoder.watch(FrameSource(source))
        for try await event in stream {
            if case .frame = event { break }
        }
        for _ in 0..<200 where await encoder.watchedSources > 0 { try await Task.sleep(for: .milliseconds(10)) }
        #expect(await encoder.watchedSources == 0)
        for try await _ in stream { Issue.record("the stream goes on") }
    }

    @Test func leavingTheLoopStopsTheSource() async throws {
        let source = try ScriptedSource(pictures(1), count: .max, interval: .milliseconds(1))
        let encoder = try await encoder()
        for try await event in try encoder.watch(FrameSource(source)) {
            if case .frame = event { break }
        }
        for _ in 0..<200 where await encoder.watchedSources > 0 { try await Task.sleep(for: .milliseconds(10)) }
        #expect(await encoder.watchedSources == 0)
        let offered = source.offered
        try await Task.sleep(for: .milliseconds(20))
        #expect(source.offered == offered)
    }

    @Test func largerFramesAreRecordedForAnew() async throws {
        let encoder = try await encoder()
        let (small, large) = (try Image.waves(48, 40), try Image.waves(300, 500))
        var options = StreamOptions()
        options.everyFrame = true
        let source = ScriptedSource(
            [small], count: 12,
            steps: [
                4: [.notice(.resized(width: 300, height: 500)), .picture(large)],
                8: [.notice(.resized(width: 48, height: 40)), .picture(small)],
            ])
        let found = try await encoder.watch(FrameSource(source), options: options).collect()
        #expect(found.error == nil && found.frames.count == 12)
        #expect(found.notices == [.resized(width: 300, height: 500), .resized(width: 48, height: 40)])
        let expected = try await encoder.embed([small, large])
        for frame in found.frames {
            #expect(frame.embedding == expected[(4..<8).contains(frame.number) ? 1 : 0], "frame \(frame.number)")
        }
        #expect(found.summary?.encoded == 12 && found.summary?.dropped == 0)
    }

    @Test func aSourceThatDoesNotSayItsSizeWorks() async throws {
        let source = try ScriptedSource(pictures(1), count: 3, states: false)
        var options = StreamOptions()
        options.everyFrame = true
        let found = try await encoder().watch(FrameSource(source), options: options).collect()
        #expect(found.error == nil && found.frames.count == 3)
    }

    @Test func aSourceThatFailsIsThrownBehindTheSummary() async throws {
        let lost = MediaError(file: "scripted", fault: .corrupt("cut off"))
        let source = try ScriptedSource(pictures(1), count: 100, steps: [6: [.failure(lost)]])
        var options = StreamOptions()
        options.everyFrame = true
        let found = try await encoder().watch(FrameSource(source), options: options).collect()
        #expect(found.frames.count == 6 && found.summary?.encoded == 6)
        #expect(found.error?.code == .badData && found.summary?.error?.code == .badData)
        #expect(found.error?.message.contains("scripted") == true)
    }

    @Test func damageIsCountedAndMostOfItNotKept() async throws {
        let notices = (0..<500).map { ScriptedSource.Step.notice(.corrupt(reason: "packet \($0)")) }
        let source = try ScriptedSource(pictures(1), count: 4, steps: [2: notices])
        let found = try await encoder().watch(FrameSource(source)).collect()
        #expect(found.summary?.corrupt == 500)
        #expect(found.error == nil && !found.notices.isEmpty)
    }

    /// A device that is lost in mid-stream: an error, true counts, and nothing left behind.
    @Test(arguments: [("vkQueueSubmit2", 9), ("vkQueueSubmit2", 60), ("vkWaitSemaphores", 9), ("vkWaitSemaphores", 60)])
    func aLostDeviceEndsTheStream(call: String, occurrence: Int) async throws {
        let faults = FaultInjection()
        do {
            let encoder = try await encoder(faults)
            let source = try ScriptedSource(pictures(2), count: .max, interval: .milliseconds(1))
            try await encoder.prepare()
            let stream = try encoder.watch(FrameSource(source))
            faults.fail(call, occurrence: occurrence, with: VulkanError.deviceLost)
            let found = await stream.collect()
            #expect(found.error?.code == .internalFault && found.error?.deviceWasLost == true)
            #expect(found.error?.message.contains("stopped answering") == true)
            let summary = try #require(found.summary)
            #expect(summary.encoded == found.frames.count && summary.offered == summary.encoded + summary.dropped)
            #expect(await encoder.watchedSources == 0)
        }
        for _ in 0..<100 where faults.liveObjects > 0 { try await Task.sleep(for: .milliseconds(20)) }
        #expect(faults.liveObjects == 0)
    }

    @Test func limitEndsTheStream() async throws {
        var options = StreamOptions()
        options.maxFrames = 7
        let source = try ScriptedSource(pictures(1), count: .max, interval: .microseconds(200))
        let found = try await encoder().watch(FrameSource(source), options: options).collect()
        let summary = try #require(found.summary)
        #expect(found.frames.count == 7 && summary.encoded == 7)
        #expect(summary.offered == summary.encoded + summary.dropped)
    }

    @Test func windowsAreMeansOfUnitVectors() async throws {
        let encoder = try await encoder()
        let pictures = try pictures(5)
        var options = StreamOptions()
        options.everyFrame = true
        options.window = 3
        options.keepsFeatures = true
        let found = try await encoder.watch(FrameSource(ScriptedSource(pictures, count: 9)), options: options).collect()
        #expect(found.frames.count == 9)
        for (index, frame) in found.frames.enumerated() {
            let window = found.frames[max(index - 2, 0)...index].map(\.embedding.values)
            var mean = (0..<encoder.embeddingWidth).map { column in window.reduce(0) { $0 + Double($1[column]) } }
            let length = mean.reduce(0) { $0 + $1 * $1 }.squareRoot()
            mean = mean.map { $0 / length }
            #expect(zip(frame.windowEmbedding.values, mean).allSatisfy { abs(Double($0) - $1) < 1e-6 })
            let features = try await encoder.features(pictures[index % 5])
            #expect(frame.features?.tokens == features.tokens && frame.features?.classToken == features.classToken)
        }
    }

    @Test func optionsThatMakeNoSenseAreRefused() async throws {
        let encoder = try await encoder()
        let source = FrameSource(try ScriptedSource(pictures(1), count: 1))
        for change: (inout StreamOptions) -> Void in [
            { $0.window = 0 }, { $0.maxFrames = 0 }, { $0.labels = [Embedding([1, 0])] },
        ] {
            var options = StreamOptions()
            change(&options)
            #expect(throws: PerceptError.self) { try encoder.watch(source, options: options) }
        }
    }
}
