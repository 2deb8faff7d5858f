import Foundation
import Percept
import PerceptRuntime
import Testing

/// A language model beside a stream, on one device.
@Suite(.serialized) struct StreamCaptionTests {
    private static let scenes = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures/demo/captioner")

    private func run(
        _ encoder: PerceptionEncoder, _ picture: Image, captions: CaptionSchedule?, seconds: Double,
        interval: Duration
    ) async throws -> (latencies: [Duration], captions: [StreamCaption]) {
        var options = StreamOptions()
        options.captions = captions
        let source = ScriptedSource([picture], count: Int(seconds / (interval / .seconds(1))), interval: interval)
        var (latencies, found): ([Duration], [StreamCaption]) = ([], [])
        for try await event in try encoder.watch(FrameSource(source), options: options) {
            if case .frame(let frame) = event { latencies.append(frame.latency) }
            if case .caption(let caption) = event { found.append(caption) }
        }
        return (latencies.sorted(), found)
    }

    /// The same words as from the model asked by itself, in several pieces, none of which holds frames up for long.
    @Test func describesWhatIsThere() async throws {
        let gpu = try TestModel.privateGPU()
        let encoder = try await PerceptionEncoder(.demo, on: gpu)
        let model = try await PerceptionLanguageModel(.demo, on: gpu)
        let picture = try Image(contentsOf: Self.scenes.appending(path: "one-00.png"))
        var options = GenerationOptions()
        options.maxTiles = 1
        var alone = ""
        for try await piece in model.generate("Describe the image.", about: [.image(picture)], options: options) {
            alone += piece.text
        }
        let schedule = CaptionSchedule(model, every: .milliseconds(300))
        let found = try await run(encoder, picture, captions: schedule, seconds: 3, interval: .milliseconds(50))
        #expect(found.captions.count >= 2)
        #expect(found.captions.allSatisfy { $0.text == alone && $0.pieces.count > 1 })
        #expect(found.latencies.count >= 30)
        // And the model answers as before.
        var again = ""
        for try await piece in model.generate("Describe the image.", about: [.image(picture)], options: options) {
            again += piece.text
        }
        #expect(again == alone)
    }

    /// Issue of sharing a device: 95 of 100 labels come within twice the time they take without descriptions.
    ///
    /// Pieces are planned for 20 ms by the rate that was measured once; on a machine that has become slower since, none
    /// takes longer than a frame does. Beside other work on the machine a run may go wrong: one of three has to go right.
    @Test func labelsDoNotWaitForDescriptions() async throws {
        let gpu = try TestModel.privateGPU()
        let encoder = try await PerceptionEncoder(.demo, on: gpu)
        let model = try await PerceptionLanguageModel(.demo, on: gpu)
        let picture = try Image(contentsOf: Self.scenes.appending(path: "two-00.png"))
        var report: [String] = []
        for _ in 0..<3 {
            let without = try await run(encoder, picture, captions: nil, seconds: 4, interval: .milliseconds(50))
            let with = try await run(
                encoder, picture, captions: CaptionSchedule(model, every: .seconds(1)), seconds: 6,
                interval: .milliseconds(50))
            func percentile(_ latencies: [Duration]) -> Duration { latencies[latencies.count * 95 / 100] }
            let longest = with.captions.map(\.pieces.longest).max() ?? .zero
            report.append(
                "\(percentile(without.latencies)), \(percentile(with.latencies)), longest piece \(longest), "
                    + "\(with.captions.count) descriptions")
            let holds =
                percentile(with.latencies) <= percentile(without.latencies) * 2
                && longest <= max(.milliseconds(20), percentile(without.latencies)) && !with.captions.isEmpty
            if holds {
                print("95th percentile without and with: \(report)")
                return
            }
        }
        Issue.record("95th percentile without and with: \(report)")
    }
}
