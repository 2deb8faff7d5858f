import Percept

/// Speed of a language model, in the form of llama-bench's table: prompts by length, generation by depth, and the first
/// token about an image.
struct LanguageBench {
    let opening: ModelOpening
    let weights: LanguageWeights
    let cache: LanguageCache
    let prompts: [Int]
    let depths: [Int]
    let tokens: Int
    /// How many are generated at a time. Where they are several, or traced, whole answers are timed too.
    let answers: [Int]
    let tiles: Int
    let runs: Int?
    let timesKernels: Bool
    /// Where the last of several answers at a time are traced.
    let trace: String?

    private struct Row {
        /// `prompt`, `generation` or `first token`.
        let test: String
        let timing: LanguageTiming
        /// Made at a time, each of the timing's tokens.
        var answers = 1

        func milliseconds(_ fraction: Double) -> Double {
            BenchCommand.Row.quantile(timing.runs.map(Format.milliseconds), fraction)
        }
        var tokensPerSecond: Double { 1000 * Double(answers * timing.tokens) / milliseconds(0.5) }
        /// Nil where nothing counts them.
        var joulesPerToken: Double? { timing.joules.map { $0 / Double(answers * timing.tokens * timing.runs.count) } }

        var json: JSONText {
            .members([
                "test": .string(test), "answers": .integer(answers), "depth": .integer(timing.depth),
                "tokens": .integer(timing.tokens),
                "median_ms": .number(milliseconds(0.5)), "p10_ms": .number(milliseconds(0.1)),
                "p90_ms": .number(milliseconds(0.9)), "tokens_per_second": .number(tokensPerSecond),
                "joules_per_token": joulesPerToken.map(JSONText.number) ?? .null,
            ])
        }

        var record: BenchRecord.Result {
            BenchRecord.Result(
                name: BenchRecord.name(test: test, answers: answers, tokens: timing.tokens, depth: timing.depth),
                median: milliseconds(0.5), low: milliseconds(0.1), high: milliseconds(0.9))
        }
    }

    func run() async throws -> BenchReport {
        let context = (prompts + depths.map { $0 + tokens }).reduce(0, max) + 1
        var opened = try await opening.languageModel(weights: weights, cache: cache, context: max(context, 1024))
        let most = answers.max() ?? 1
        if most > 1 {
            // Each has its own keys and values.
            let memory = most * ((depths.max() ?? 0) + tokens + 64) * opened.bytesPerPosition
            opened = try await opening.languageModel(
                weights: weights, cache: cache, context: max(context, 1024), conversationMemory: memory)
        }
        try await opened.prepare(answers: most)
        opening.finishProgress()
        var rows: [Row] = []
        let runs = runs ?? 3
        for length in prompts {
            rows.append(Row(test: "prompt", timing: try await opened.measurePrompt(tokens: length, runs: runs)))
        }
        for (depth, count) in depths.flatMap({ depth in answers.map { (depth, $0) } }) {
            let timing = try await opened.measureDecoding(depth: depth, tokens: tokens, answers: count, runs: runs)
            rows.append(Row(test: "generation", timing: timing, answers: count))
        }
        for count in answers where answers.count > 1 || count > 1 || trace != nil {
            let prompt = depths.min() ?? 64
            let timing = try await SharedTrace.written(
                to: count == answers.last ? trace : nil, opened.gpu, model: opened.modelName
            ) { try await opened.measureAnswers(count, prompt: prompt, tokens: tokens, runs: runs) }
            rows.append(Row(test: "answers", timing: timing, answers: count))
        }
        let image = try BenchCommand.testImage(height: 448, width: 448)
        let first = try await opened.measureFirstToken(image, maxTiles: tiles, runs: runs)
        rows.append(Row(test: "first token", timing: first))
        var kernels: [KernelTimes] = []
        if timesKernels {
            // A profile's prompt is one run of the decoder.
            let profile = try await opened.profile(prompt: min(prompts[0], 512), depth: depths[0])
            kernels = KernelTimes.all(of: profile)
        }
        await opened.report()
        let memory = await opened.memoryUse
        return BenchReport(
            device: opened.gpu.description, model: opened.modelName, precision: opened.precision,
            weights: opened.weights.rawValue, cache: opened.cache.rawValue, table: Self.table(rows),
            rows: rows.map(\.json),
            results: rows.map(\.record), kernels: kernels,
            memory: ["weights": memory.weights, "states": memory.states, "programs": memory.programs], checksum: nil)
    }

    private static func table(_ rows: [Row]) -> Table {
        var table = Table([
            "test": .left, "answers": .right, "tokens": .right, "depth": .right, "median ms": .right, "p10 ms": .right,
            "p90 ms": .right,
            "tokens/s": .right, "J/token": .right,
        ])
        for row in rows {
            table.add([
                row.test, String(row.answers), String(row.timing.tokens), String(row.timing.depth),
                Format.fixed(row.milliseconds(0.5), 1),
                Format.fixed(row.milliseconds(0.1), 1), Format.fixed(row.milliseconds(0.9), 1),
                Format.fixed(row.tokensPerSecond, 2), row.joulesPerToken.map { Format.fixed($0, 3) } ?? "–",
            ])
        }
        return table
    }
}
