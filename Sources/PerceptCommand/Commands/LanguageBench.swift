import Percept

/// Speed of a language model, in the form of llama-bench's table: prompts by length, generation by depth, and the first
/// token about an image.
struct LanguageBench {
    let global: GlobalOptions
    let source: ModelSource
    let model: String
    let weights: LanguageWeights
    let prompts: [Int]
    let depths: [Int]
    let tokens: Int
    let tiles: Int
    let runs: Int?

    private struct Row {
        /// `prompt`, `generation` or `first token`.
        let test: String
        let timing: LanguageTiming

        func milliseconds(_ fraction: Double) -> Double {
            BenchCommand.Row.quantile(timing.runs.map(Format.milliseconds), fraction)
        }
        var tokensPerSecond: Double { 1000 * Double(timing.tokens) / milliseconds(0.5) }
    }

    func run() async throws {
        let title = "loading \(model)"
        let context = (prompts + depths.map { $0 + tokens }).reduce(0, max) + 1
        let opened = try await PerceptionLanguageModel(
            source, on: try global.openGPU(), precision: global.precision, weights: weights,
            context: max(context, 1024),
            logger: global.logger
        ) { Console.shared.progress(title, $0) }
        try await opened.prepare()
        Console.shared.progress(title, 1)
        var rows: [Row] = []
        let runs = runs ?? 3
        for length in prompts {
            rows.append(Row(test: "prompt", timing: try await opened.measurePrompt(tokens: length, runs: runs)))
        }
        for depth in depths {
            rows.append(
                Row(
                    test: "generation",
                    timing: try await opened.measureDecoding(depth: depth, tokens: tokens, runs: runs)))
        }
        let image = try BenchCommand.testImage(height: 448, width: 448)
        let first = try await opened.measureFirstToken(image, maxTiles: tiles, runs: runs)
        rows.append(Row(test: "first token", timing: first))
        report(rows, opened)
        await opened.report()
    }

    private func report(_ rows: [Row], _ model: PerceptionLanguageModel) {
        let device = model.gpu.description
        guard !global.json else {
            let results = rows.map { row in
                JSONText.members([
                    "test": .string(row.test), "depth": .integer(row.timing.depth),
                    "tokens": .integer(row.timing.tokens), "median_ms": .number(row.milliseconds(0.5)),
                    "p10_ms": .number(row.milliseconds(0.1)), "p90_ms": .number(row.milliseconds(0.9)),
                    "tokens_per_second": .number(row.tokensPerSecond),
                ])
            }
            let document = JSONText.members([
                "device": .string(device.name), "driver": .string(device.driver), "model": .string(model.modelName),
                "precision": .string(model.precision.rawValue), "weights": .string(model.weights.rawValue),
                "results": .array(results),
            ])
            return Console.shared.result(document.text)
        }
        var table = Table([
            "test": .left, "tokens": .right, "depth": .right, "median ms": .right, "p10 ms": .right, "p90 ms": .right,
            "tokens/s": .right,
        ])
        for row in rows {
            table.add([
                row.test, String(row.timing.tokens), String(row.timing.depth), Format.fixed(row.milliseconds(0.5), 1),
                Format.fixed(row.milliseconds(0.1), 1), Format.fixed(row.milliseconds(0.9), 1),
                Format.fixed(row.tokensPerSecond, 2),
            ])
        }
        Console.shared.result(
            "\(model.modelName), \(model.precision.rawValue), weights \(model.weights.rawValue), \(device.name), "
                + device.driver)
        Console.shared.result(table.text)
    }
}
