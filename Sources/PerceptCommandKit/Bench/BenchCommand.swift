package import ArgumentParser
package import Percept
import PerceptEngine

package struct BenchCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Throughput and latency of a model's image tower, or of a language model.",
        discussion: "Times run from decoded images in memory to embeddings in memory; GPU times from kernel to kernel.")

    @OptionGroup package var global: GlobalOptions
    @OptionGroup package var modelOptions: ModelOptions

    @Flag(help: "Use made-up weights for a model's name, so that no file is needed.")
    package var random = false

    @Option(
        help: ArgumentHelp("Batch sizes, separated by commas, of an encoder (default: 1,8,32).", valueName: "1,8,32"))
    package var batch: NumberList?

    @Option(
        help: ArgumentHelp(
            "Callers that each ask an encoder for one image at a time, all at once, separated by commas.",
            valueName: "1,8,64"))
    package var callers: NumberList?

    @Option(
        help: ArgumentHelp(
            "A language model that answers on the same device while callers are measured.", valueName: "name|path"))
    package var beside: String?

    @Option(
        help: ArgumentHelp(
            "Write a trace of the last of --callers or --answers for ui.perfetto.dev: who had the device, and requests as rows.",
            valueName: "file.json"))
    package var trace: String?

    @Option(help: "How a language model's matrices are stored: auto, full, q8 or q4 (default: auto).")
    package var weights: LanguageWeights?

    @Option(help: "How a language model's keys and values are stored: full or q8 (default: full).")
    package var cache: LanguageCache?

    @Option(
        help: ArgumentHelp(
            "Lengths of a language model's prompts, in tokens (default: 128,512).", valueName: "128,512"))
    package var prompt: NumberList?

    @Option(
        help: ArgumentHelp(
            "Positions behind which a language model generates (default: 128,1024).", valueName: "128,1024"))
    package var depth: NumberList?

    @Option(help: ArgumentHelp("Tokens that a language model generates (default: 32).", valueName: "count"))
    package var tokens: Int?

    @Option(
        help: ArgumentHelp(
            "How many answers a language model generates at a time (default: 1; at most 32).", valueName: "1,8,32"))
    package var answers: NumberList?

    @Option(
        help: ArgumentHelp(
            "Most tiles of the image that a language model's first token is timed for (default: 1).",
            valueName: "count"))
    package var tiles: Int?

    @Option(help: ArgumentHelp("How often each is run (default: as fits two seconds).", valueName: "count"))
    package var runs: Int?

    @Flag(help: "Print Markdown.")
    package var markdown = false

    @Option(
        help: ArgumentHelp(
            "What `percept bench --json` printed before: says what has become slower, kernels first.", valueName: "file"
        ))
    package var compare: String?

    package init() {}

    package func validate() throws {
        if markdown && global.json { throw ValidationError("--markdown and --json exclude each other.") }
        if trace != nil && callers == nil && answers == nil {
            throw ValidationError("--trace is for --callers and --answers.")
        }
        if beside != nil && callers == nil { throw ValidationError("--beside is for --callers.") }
        if [tokens, tiles, runs].contains(where: { ($0 ?? 1) < 1 }) {
            throw ValidationError("--tokens, --tiles and --runs are at least 1.")
        }
    }

    package struct NumberList: ExpressibleByArgument {
        let sizes: [Int]

        init(_ sizes: [Int]) { self.sizes = sizes }

        package init?(argument: String) {
            let sizes = argument.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
            guard sizes.allSatisfy({ (1...65536).contains($0) }) else { return nil }
            self.sizes = sizes
        }
    }

    struct Row {
        let batch: Int
        let timings: [RunTiming]
        /// Joules an image; nil where nothing counts them.
        let energy: Double?

        /// In milliseconds; `fraction` 0.5 is the median.
        func host(_ fraction: Double) -> Double {
            Self.quantile(timings.map { Format.milliseconds($0.host) }, fraction)
        }

        /// The median in milliseconds.
        var device: Double? {
            let times = timings.compactMap(\.device).map(Format.milliseconds)
            return times.isEmpty ? nil : Self.quantile(times, 0.5)
        }

        var imagesPerSecond: Double { 1000 * Double(batch) / host(0.5) }

        static func quantile(_ values: [Double], _ fraction: Double) -> Double {
            values.sorted()[Int((Double(values.count - 1) * fraction).rounded())]
        }

        var json: JSONText {
            .members([
                "batch": .integer(batch), "median_ms": .number(host(0.5)), "p10_ms": .number(host(0.1)),
                "p90_ms": .number(host(0.9)), "p99_ms": .number(host(0.99)),
                "gpu_ms": device.map(JSONText.number) ?? .null, "images_per_second": .number(imagesPerSecond),
                "runs": .integer(timings.count), "joules_per_image": energy.map(JSONText.number) ?? .null,
            ])
        }

        var record: BenchRecord.Result {
            BenchRecord.Result(
                name: BenchRecord.name(batch: batch), median: host(0.5), low: host(0.1), high: host(0.9))
        }
    }

    package func run() async throws {
        let opening = ModelOpening(modelOptions.model, global, random: random)
        // Read first: a wrong file should not cost a measurement.
        let before = try compare.map { (file: $0, record: try BenchRecord(contentsOf: $0)) }
        let report: BenchReport
        if opening.family == .language {
            if batch != nil || callers != nil || beside != nil || modelOptions.inputSize != nil {
                throw ValidationError(
                    "--batch, --callers, --beside and --input-size are for encoders; \(modelOptions.model) is a language model."
                )
            }
            report = try await LanguageBench(
                opening: opening, weights: weights ?? .auto, cache: cache ?? .full,
                prompts: prompt?.sizes ?? [128, 512], depths: depth?.sizes ?? [128, 1024],
                tokens: tokens ?? 32, answers: answers?.sizes ?? [1], tiles: tiles ?? 1, runs: runs,
                timesKernels: timesKernels, trace: trace
            ).run()
        } else {
            if weights != nil || cache != nil || prompt != nil || depth != nil || tokens != nil || answers != nil
                || tiles != nil
            {
                throw ValidationError(
                    "--weights, --cache, --prompt, --depth, --tokens, --answers and --tiles are for language models; "
                        + "\(modelOptions.model) is an encoder.")
            }
            report = try await encoder(opening)
        }
        let comparison = before.map { BenchComparison(file: $0.file, before: $0.record, after: report.record) }
        if global.json {
            if let checksum = report.checksum { Console.shared.note("output checksum \(checksum)") }
            Console.shared.result(report.json(comparison).text)
        } else {
            Console.shared.result(markdown ? report.markdown(comparison) : report.text(comparison))
        }
    }

    /// Kernels are timed for those who can compare them, now or later.
    private var timesKernels: Bool { global.json || compare != nil }

    private func encoder(_ opening: ModelOpening) async throws -> BenchReport {
        let encoder = try await opening.encoder(inputSize: modelOptions.inputSize)
        let image = try Self.testImage(height: encoder.inputSize.height, width: encoder.inputSize.width)
        let checksum = try await checksum(encoder, image)
        Console.shared.progress("loading", 1)
        if encoder.usesPatchMean { Console.shared.detail("\(encoder.modelName) has no pooling: tokens are averaged") }
        let energy = encoder.gpu.energyMeter
        Console.shared.detail("energy: " + (energy?.name ?? "not readable"))

        var rows: [Row] = []
        let sizes = batch?.sizes ?? [1, 8, 32]
        for (index, size) in sizes.enumerated() {
            Console.shared.progress("measuring batch \(size)", Double(index) / Double(sizes.count))
            rows.append(try await measure(encoder, Array(repeating: image, count: size), energy))
        }
        let shared = try await self.shared(encoder, image, callers?.sizes ?? [], alone: rows[0])
        Console.shared.progress("measuring", 1)
        let kernels =
            timesKernels
            ? KernelTimes.all(of: try await encoder.profile(Array(repeating: image, count: sizes[0]))) : []
        await encoder.report()
        let memory = await encoder.memoryUse
        return BenchReport(
            device: encoder.gpu.description, model: encoder.modelName, precision: encoder.precision, weights: nil,
            cache: nil,
            table: Self.table(rows), sharedTable: shared.isEmpty ? nil : SharedRow.table(shared),
            sharedRows: shared.map(\.json), rows: rows.map(\.json), results: rows.map(\.record), kernels: kernels,
            memory: ["weights": memory.weights, "programs": memory.programs], checksum: checksum)
    }

    /// Callers at the same time, and beside an answer if that is asked for.
    private func shared(
        _ encoder: PerceptionEncoder, _ image: Image, _ counts: [Int], alone: Row
    ) async throws -> [SharedRow] {
        let answer: AnswerLoad? =
            if let beside {
                try await AnswerLoad(
                    try await ModelOpening(beside, global, random: random, on: encoder.gpu).languageModel())
            } else { nil }
        var rows: [SharedRow] = []
        for count in counts {
            Console.shared.progress("measuring \(count) callers", 0.9)
            let requests = runs ?? min(max(Int(2000 / alone.host(0.5)), 4 * count), 1000)
            let measure = {
                try await SharedTrace.written(
                    to: count == counts.last ? trace : nil, encoder.gpu, model: encoder.modelName
                ) { try await encoder.measure(image, callers: count, requests: requests) }
            }
            if let answer {
                let (timing, tokens) = try await answer.beside { _ in try await measure() }
                rows.append(SharedRow(timing: timing, answer: (answer.alone, tokens)))
            } else {
                rows.append(SharedRow(timing: try await measure(), answer: nil))
            }
        }
        return rows
    }

    /// One run to record and warm up, then as many as fit two seconds; at least three, however long they take.
    private func measure(
        _ encoder: PerceptionEncoder, _ images: [Image], _ energy: EnergyMeter?
    ) async throws -> Row {
        let warmUp = try await encoder.measure(images, runs: 2)
        let runs = self.runs ?? min(max(Int(Duration.seconds(2) / warmUp[1].host), 3), 100)
        let count = energy?.start()
        let timings = try await encoder.measure(images, runs: runs)
        let joules = count?()
        return Row(
            batch: images.count, timings: timings, energy: joules.map { $0 / Double(timings.count * images.count) })
    }

    /// An image of the model's input size, so that hardly any time goes into resizing.
    static func testImage(height: Int, width: Int) throws -> Image {
        var pixels: [UInt8] = []
        for y in 0..<height {
            for x in 0..<width {
                pixels += [UInt8(255 * x / width), UInt8(255 * y / height), UInt8((x ^ y) & 0xFF)]
            }
        }
        return try Image(rgb: pixels, width: width, height: height)
    }

    /// FNV-1a of an embedding's bits: equal as long as the model computes the same.
    ///
    /// - Throws: an internal fault where a value is not finite.
    private func checksum(_ encoder: PerceptionEncoder, _ image: Image) async throws -> String {
        let embedding = try await encoder.embed([image])[0].checked(encoder.modelName)
        let hash = embedding.values.reduce(UInt64(0xCBF2_9CE4_8422_2325)) { hash, value in
            withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes in
                bytes.reduce(hash) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
            }
        }
        return String(hash, radix: 16)
    }

    private static func table(_ rows: [Row]) -> Table {
        var table = Table([
            "batch": .right, "median ms": .right, "p10 ms": .right, "p90 ms": .right, "p99 ms": .right,
            "GPU ms": .right, "images/s": .right, "J/image": .right,
        ])
        for row in rows {
            table.add([
                String(row.batch), Format.fixed(row.host(0.5), 2), Format.fixed(row.host(0.1), 2),
                Format.fixed(row.host(0.9), 2), Format.fixed(row.host(0.99), 2),
                row.device.map { Format.fixed($0, 2) } ?? "–", Format.fixed(row.imagesPerSecond, 2),
                row.energy.map { Format.fixed($0, 2) } ?? "–",
            ])
        }
        return table
    }
}
