import Foundation
import Percept
import PerceptFrame
import PerceptRuntime
import PerceptVulkan
import Synchronization
import Testing

/// Devices that are lost in mid-stream and opened anew.
@Suite(.serialized) struct LostDeviceTests {
    /// Encoders on devices that are lost when told, one for each opening.
    private final class Devices: Sendable {
        private let plan: [(call: String, occurrence: Int)?]
        private let failures: Int
        private let state = Mutex((opened: 0, failed: 0))

        /// - Parameters:
        ///   - plan: the call at which the device of each opening is lost; nil for one that stays.
        ///   - failures: attempts that find no device before each success.
        init(_ plan: [(call: String, occurrence: Int)?], failures: Int = 0) {
            self.plan = plan
            self.failures = failures
        }

        var opened: Int { state.withLock { $0.opened } }

        func open() async throws -> PerceptionEncoder {
            let index: Int? = state.withLock { state in
                if state.opened > 0, state.failed < failures {
                    state.failed += 1
                    return nil
                }
                state.failed = 0
                defer { state.opened += 1 }
                return state.opened
            }
            guard let index else { throw PerceptError(.unavailable, "no device yet") }
            let faults = FaultInjection()
            let encoder = try await PerceptionEncoder(
                .path(TestModel.clip.path), on: TestModel.privateGPU(faults: faults))
            try await encoder.prepare()
            if let loss = plan[index % plan.count] {
                faults.fail(loss.call, occurrence: loss.occurrence, with: VulkanError.deviceLost)
            }
            return encoder
        }
    }

    private func pictures(_ count: Int) throws -> [Image] { try (0..<count).map { try Image.waves(96, 64, seed: $0) } }

    /// Each frame is encoded once, in order, those included that the lost device had; the numbers are those of a device
    /// that stays.
    @Test(arguments: [("vkQueueSubmit2", 9), ("vkWaitSemaphores", 9), ("vkGetQueryPoolResults", 12)])
    func everyFrameIsStillEncoded(call: String, occurrence: Int) async throws {
        let devices = Devices([(call, occurrence), nil])
        let encoder = try await devices.open()
        let pictures = try pictures(3)
        var options = StreamOptions()
        options.everyFrame = true
        options.window = 4
        options.labels = try await encoder.embed(texts: ["a", "b c"])
        options.reopen = { StreamSuccessor(try await devices.open()) }
        let source = FrameSource(ScriptedSource(pictures, count: 25))
        let found = try await encoder.watch(source, options: options).collect()
        #expect(found.error == nil && devices.opened == 2)
        #expect(found.frames.map(\.number) == Array(0..<25))
        let summary = try #require(found.summary)
        #expect((summary.offered, summary.encoded, summary.dropped) == (25, 25, 0))
        guard case .lost(let reason)? = found.devices.first, case .reopened? = found.devices.last,
            found.devices.count == 2
        else {
            Issue.record("\(found.devices)")
            return
        }
        #expect(reason.contains("stopped answering"))
        // The window goes on across the loss.
        options.reopen = nil
        let alone = try await Devices([nil]).open().watch(
            FrameSource(ScriptedSource(pictures, count: 25)), options: options
        ).collect()
        #expect(found.frames.map(\.windowEmbedding) == alone.frames.map(\.windowEmbedding))
        #expect(found.frames.map(\.probabilities) == alone.frames.map(\.probabilities))
        // What the lost device held was given back.
        #expect(await encoder.memoryUse == (0, 0))
    }

    @Test func openingIsTriedAgain() async throws {
        let devices = Devices([("vkQueueSubmit2", 60), nil], failures: 2)
        let encoder = try await devices.open()
        var options = StreamOptions()
        options.reopen = { StreamSuccessor(try await devices.open()) }
        let source = try ScriptedSource(pictures(2), count: 1200, interval: .milliseconds(2))
        let found = try await encoder.watch(FrameSource(source), options: options).collect()
        #expect(found.error == nil)
        let absent = found.devices.compactMap { if case .absent(let attempt, _) = $0 { attempt } else { nil } }
        #expect(absent == [1, 2] && found.devices.count == 4, "\(found.devices)")
        let summary = try #require(found.summary)
        // The source ran on: what came meanwhile was dropped.
        #expect(summary.offered == 1200 && summary.offered == summary.encoded + summary.dropped)
        #expect(summary.encoded == found.frames.count && summary.dropped > 100)
        #expect(zip(found.frames, found.frames.dropFirst()).allSatisfy { $0.number < $1.number })
    }

    /// A device that is lost over and over is given up.
    @Test func moreThanThreeLossesInAMinuteEndTheStream() async throws {
        let devices = Devices([("vkQueueSubmit2", 9)])
        let encoder = try await devices.open()
        var options = StreamOptions()
        options.reopen = { StreamSuccessor(try await devices.open()) }
        let source = try ScriptedSource(pictures(2), count: .max, interval: .milliseconds(1))
        let found = try await encoder.watch(FrameSource(source), options: options).collect()
        #expect(found.error?.deviceWasLost == true && devices.opened == 4)
        let summary = try #require(found.summary)
        #expect(summary.encoded == found.frames.count && summary.offered == summary.encoded + summary.dropped)
    }

    @Test func aStopWhileItIsOpenedEndsTheStream() async throws {
        let devices = Devices([("vkQueueSubmit2", 9), nil], failures: .max)
        let encoder = try await devices.open()
        var options = StreamOptions()
        options.reopen = { StreamSuccessor(try await devices.open()) }
        let source = try ScriptedSource(pictures(2), count: .max, interval: .milliseconds(1))
        let stream = try encoder.watch(FrameSource(source), options: options)
        var (attempts, summary): (Int, StreamSummary?) = (0, nil)
        let clock = ContinuousClock()
        var stopped = clock.now
        for try await event in stream {
            if case .device(.absent) = event {
                attempts += 1
                if attempts == 2 {
                    stopped = clock.now
                    stream.stop()
                }
            }
            if case .summary(let found) = event { summary = found }
        }
        #expect(attempts == 2 && summary != nil && clock.now - stopped < .seconds(1))
    }

    /// A language model is lost with the device, whichever of the two meets the loss, and describes again.
    @Test func descriptionsGoOn() async throws {
        let faults = FaultInjection()
        let first = try TestModel.privateGPU(faults: faults)
        @Sendable func open(_ gpu: GPU) async throws -> StreamSuccessor {
            let model = try await PerceptionLanguageModel(.demo, on: gpu)
            return StreamSuccessor(
                try await PerceptionEncoder(.demo, on: gpu),
                captions: CaptionSchedule(model, every: .milliseconds(100)))
        }
        let start = try await open(first)
        var options = StreamOptions()
        options.captions = start.captions
        options.reopen = { try await open(TestModel.privateGPU()) }
        let source = try ScriptedSource([.waves(640, 360)], count: .max, interval: .milliseconds(20))
        let stream = try start.encoder.watch(FrameSource(source), options: options)
        var (before, after, isReopened) = (0, 0, false)
        for try await event in stream {
            switch event {
            case .caption:
                if isReopened { after += 1 } else { before += 1 }
                if before == 1, after == 0 {
                    faults.fail("vkQueueSubmit2", occurrence: 3, with: VulkanError.deviceLost)
                }
                if after == 2 { stream.stop() }
            case .device(.reopened): isReopened = true
            default: break
            }
        }
        #expect(before >= 1 && after >= 2)
        #expect(await start.encoder.memoryUse == (0, 0))
        #expect(try await #require(start.captions).model.memoryUse == (0, 0, 0))
    }

    @Test func lossesAreForgivenWithTime() {
        var losses = DeviceLosses()
        let now = ContinuousClock.now
        let moments = [0, 10, 20, 75, 76, 77].map { now + .seconds($0) }
        #expect(moments.map { losses.add(at: $0) } == [true, true, true, true, true, false])
    }
}
