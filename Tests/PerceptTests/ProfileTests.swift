import Foundation
import Percept
import PerceptRuntime
import Testing

/// Profiles of real runs: their parts make up the whole.
@Suite("Profiles", .serialized)
struct ProfileTests {
    private func options(_ mode: Profile.Mode, runs: Int) -> ProfileOptions {
        var options = ProfileOptions()
        options.mode = mode
        options.runs = runs
        return options
    }

    /// Kernels of some milliseconds, two images at once, so that what lies between them hardly counts: 30 to 100 us for each on
    /// Mesa 22.3.6, of a kernel's 2 ms on average for one image.
    @Test("kernels run one after the other add up to the measured total within 3 %")
    func serialised() async throws {
        let encoder = try await PerceptionEncoder(.random("PE-Core-T16-384"), on: try TestModel.gpu())
        let image = try Image.waves(384, 384)
        let images = [image, image]
        func share(_ stage: Profile.Stage) -> Double {
            stage.entries.reduce(Duration.zero) { $0 + $1.time } / stage.total
        }
        var profile = try await encoder.profile(images, options: options(.serialised, runs: 3))
        // What else the machine does may fall between two dispatches, though hardly three times in turn.
        for _ in 0..<2 where share(try #require(profile.stages.first)) < 0.97 {
            profile = try await encoder.profile(images, options: options(.serialised, runs: 3))
        }
        let stage = try #require(profile.stages.first)
        let sum = stage.entries.reduce(Duration.zero) { $0 + $1.time }
        #expect(sum <= stage.total && share(stage) >= 0.97, "\(sum) of \(stage.total)")
        #expect(stage.gaps == stage.total - sum)
        #expect(stage.unresolved == 0)
        #expect(stage.totals.count == 3 && stage.totals[1] == stage.total && stage.totals == stage.totals.sorted())
        // One after the other, inside their submissions.
        let spans = stage.entries.flatMap(\.spans)
        for (before, after) in zip(spans, spans.dropFirst()) { #expect(before.end <= after.start) }
        for span in spans {
            #expect(stage.submissions.contains { $0.start <= span.start && span.end <= $0.end })
        }
        // Every dispatch of the plan, by name, and the copy of the result.
        let plan = try await encoder.plan(batch: 2)
        #expect(plan.hasPrefix("\(stage.entries.count - 1) dispatches, "))
        // That plan has no room for pictures, so that its memory, and a barrier with it, may fall otherwise.
        #expect(stage.barriers > 90 && stage.barriers < stage.entries.count)
        #expect(stage.entries.last?.kernel == "copy" && stage.entries.last?.layer == "outputs")
        #expect(stage.byLayer.count { $0.layer.hasPrefix("blocks.") } == 12)
        #expect(stage.byLayer.filter { $0.layer.hasPrefix("blocks.") }.allSatisfy { $0.count == 7 })
        for rows in [stage.byKernel, stage.byLayer, stage.byLayerAndKernel] {
            #expect(rows.reduce(.zero) { $0 + $1.time } == sum)
            #expect(rows.reduce(0) { $0 + $1.count } == stage.entries.count)
        }
        // The device starts after the host has begun to submit, and is done before the host is told.
        let submit = try #require(stage.host.first { $0.name == "submit" })
        let waiting = try #require(stage.host.first { $0.name == "wait" })
        #expect(submit.span.start <= stage.clockDeviation && waiting.span.end >= stage.total - stage.clockDeviation)
        #expect(stage.hostTime("record") > .zero && stage.hostTime("pipelines") > .zero)
        // Products bound a tower, and no kernel does more than the device was seen to do, give or take what else it did then.
        let first = try #require(stage.byKernel.first)
        #expect(first.kernel.hasPrefix("mat") && first.flops > 0.5 * stage.entries.reduce(0) { $0 + $1.flops })
        #expect(first.share(of: profile.roofs) > 0.01 && first.share(of: profile.roofs) < 4)

        let concurrent = try await encoder.profile(images, options: options(.concurrent, runs: 3)).stages[0]
        #expect(concurrent.entries.map(\.operation) == stage.entries.map(\.operation))
        #expect(concurrent.total > .zero)
    }

    @Test("texts, and a batch as one run")
    func batches() async throws {
        let encoder = try await PerceptionEncoder(.demo, on: try TestModel.gpu())
        let one = try await encoder.profile(textBatch: 1, options: options(.serialised, runs: 1)).stages[0]
        let four = try await encoder.profile(textBatch: 4, options: options(.serialised, runs: 1)).stages[0]
        #expect(one.name == "text" && one.units == 1 && four.units == 4)
        func flops(_ stage: Profile.Stage) -> Double { stage.entries.reduce(0) { $0 + $1.flops } }
        #expect(abs(flops(four) / flops(one) - 4) < 0.01)
        #expect(await perceptError { _ = try await encoder.profile(textBatch: 0) }?.code == .usage)
        #expect(await perceptError { _ = try await encoder.profile([]) }?.code == .usage)
        let zero = options(.serialised, runs: 0)
        #expect(await perceptError { _ = try await encoder.profile(textBatch: 1, options: zero) }?.code == .usage)
    }

    @Test("a prompt and a decoding step, deeper ones with more work")
    func language() async throws {
        try await withTemporaryDirectory { directory in
            try TestLanguageModel.write(to: directory)
            let model = try await PerceptionLanguageModel(.path(directory.path), on: try TestModel.gpu(), context: 1024)
            let near = try await model.profile(prompt: 20, depth: 10, options: options(.serialised, runs: 2))
            let far = try await model.profile(prompt: 40, depth: 1000, options: options(.concurrent, runs: 2))
            #expect(near.stages.map(\.name) == ["prefill", "decode"] && near.stages.map(\.units) == [20, 1])
            func attention(_ stage: Profile.Stage) -> Double {
                stage.entries.filter { $0.operation == "attention" }.reduce(0) { $0 + $1.flops }
            }
            // Rows see 10.5 and 20.5 positions on average; steps 11 and 1001.
            #expect(abs(attention(far.stages[0]) / attention(near.stages[0]) - 2 * 20.5 / 10.5) < 1e-6)
            #expect(abs(attention(far.stages[1]) / attention(near.stages[1]) - 1001 / 11.0) < 1e-6)
            // What came before answers as it did.
            #expect(await perceptError { _ = try await model.profile(prompt: 600, depth: 1) }?.code == .usage)
            #expect(await perceptError { _ = try await model.profile(prompt: 1, depth: 1024) }?.code == .usage)
            var options = GenerationOptions()
            options.maxTokens = 4
            var tokens = 0
            for try await piece in model.generate("What is this?", options: options) { tokens += piece.tokens.count }
            #expect(tokens > 0)
        }
    }
}
