import Percept

/// Frames that a program makes itself, through `watch`.
struct StreamChecks {
    let encoder: PerceptionEncoder
    private static let count = 5

    func run() async throws {
        let frames = try (0..<Self.count).map { try Painting(width: 48, height: 36, shift: 4 * $0).image() }
        let input = FrameInput(name: "guest", width: 48, height: 36, frameRate: 10)
        let sender = Task {
            for (number, frame) in frames.enumerated() { await input.send(frame, time: Double(number) / 10) }
            input.finish()
        }
        try await check(input.source, frames, times: (0..<Self.count).map { Double($0) / 10 })
        await sender.value
        let sequence = AsyncStream { continuation in
            for frame in frames { continuation.yield(frame) }
            continuation.finish()
        }
        try await check(FrameSource(sequence, name: "sequence"), frames, times: nil)
        try await checkStop(frames)
    }

    private func check(_ source: FrameSource, _ frames: [Image], times: [Double]?) async throws {
        var options = StreamOptions()
        options.everyFrame = true
        options.labels = try await encoder.embed(labels: ["a red circle on the left", "a blue star on the right"])
        var results: [FrameResult] = []
        var summary: StreamSummary?
        for try await event in try encoder.watch(source, options: options) {
            try require(summary == nil, "something comes behind the summary")
            switch event {
            case .frame(let result): results.append(result)
            case .summary(let found): summary = found
            default: break
            }
        }
        let end = try unwrap(summary, "a stream has no summary")
        try require(
            end.encoded == frames.count && end.dropped == 0 && end.error == nil,
            "\(end.encoded) of \(frames.count) frames were encoded, \(end.dropped) dropped")
        try require(results.map(\.number) == Array(frames.indices), "frames are \(results.map(\.number))")
        if let times { try require(results.map(\.time) == times, "times are \(results.map(\.time))") }
        let expected = try await encoder.embed(frames)
        for (result, (frame, embedding)) in zip(results, zip(frames, expected)) {
            try require(result.image.rgb() == frame.rgb(), "frame \(result.number) is another picture")
            let similarity = try result.embedding.similarity(to: embedding)
            try require(similarity > 0.9999, "frame \(result.number): a cosine of \(similarity) to the same picture's")
            let sum = result.probabilities.reduce(0, +)
            try require(result.probabilities.count == 2 && abs(sum - 1) < 1e-4, "probabilities sum up to \(sum)")
            try require(result.latency > .zero, "frame \(result.number) took no time")
        }
        try require(results[0].probabilities[0] > 0.5, "a red disc on the left is not what it is")
        // A part of a frame goes on as a picture.
        let region = try unwrap(Region(left: 2, top: 8, right: 22, bottom: 28), "no region")
        let part = try results[0].image.cropped(to: region)
        try require(part.width == 20 && part.height == 20, "a part has \(part.width) x \(part.height) pixels")
        _ = try await encoder.embed([part])
    }

    /// Who has seen enough stops the stream, and is told what it came to.
    private func checkStop(_ frames: [Image]) async throws {
        let input = FrameInput(name: "endless")
        let sender = Task {
            var number = 0
            while await input.send(frames[number % frames.count]) { number += 1 }
        }
        let stream = try encoder.watch(input.source, options: StreamOptions())
        var isOver = false
        for try await event in stream {
            if case .frame = event { stream.stop() }
            if case .summary = event { isOver = true }
        }
        try require(isOver, "a stopped stream has no summary")
        await sender.value
    }
}
