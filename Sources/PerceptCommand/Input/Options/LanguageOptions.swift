import ArgumentParser
import Foundation
import Percept
import PerceptCommandKit

/// Which language model, and how it answers.
struct LanguageOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A model's name, a checkpoint directory, or demo, the model inside this program.", valueName: "name|path"))
    var model = "demo"

    @Flag(help: "Use made-up weights for a model's name, so that no file is needed; the answer means nothing.")
    var random = false

    @Option(
        help: ArgumentHelp(
            "How matrices are stored: full (as --precision says), q8, q4, or auto, the most exact that fits. A quantised "
                + "checkpoint is taken as it is, or decoded by full.",
            valueName: "format"))
    var weights = LanguageWeights.auto

    @Option(
        help: ArgumentHelp(
            "How keys and values are stored: full (16 bits; 32 with --precision f32), or q8, in about half the room.",
            valueName: "format"))
    var cache = LanguageCache.full

    @Option(help: ArgumentHelp("Positions to make room for (default: as the model was trained).", valueName: "count"))
    var context: Int?

    @Option(help: ArgumentHelp("Most tokens of an answer (default: 256).", valueName: "count"))
    var maxTokens: Int?

    @Option(help: ArgumentHelp("0 takes the most probable token each time.", valueName: "number"))
    var temperature: Float = 0

    @Option(
        help: ArgumentHelp("Keep the most probable tokens that make up this share (default: 1).", valueName: "share"))
    var topP: Float?

    @Option(
        help: ArgumentHelp(
            "Keep so many of the most probable tokens (default: 0, all); --top-p below 1 comes before it.",
            valueName: "count"))
    var topK: Int?

    @Option(help: ArgumentHelp("Decides what is drawn at a temperature above 0 (default: 0).", valueName: "number"))
    var seed: UInt64?

    @Option(
        help: ArgumentHelp(
            "Most tiles of an image besides its thumbnail; 1 gives one plain view (default: as the checkpoint says, and one "
                + "plain view of each of several images).",
            valueName: "count"))
    var tiles: Int?

    @Option(
        help: ArgumentHelp(
            "Most frames of a video, and of an animation if this is given (default: as the checkpoint says).",
            valueName: "count"))
    var frames: Int?

    @Option(
        help: ArgumentHelp(
            "official: as the original release prepares images and frames; checkpoint: as the processors beside a "
                + "checkpoint in transformers' layout say.", valueName: "official|checkpoint"))
    var preprocess = Preprocessing.official

    func validate() throws {
        if model.isEmpty { throw ValidationError("--model needs a name or a path.") }
    }

    /// Says which of the options about drawing change nothing.
    func noteIdleDrawing() {
        let given = [("--top-p", topP != nil), ("--top-k", topK != nil), ("--seed", seed != nil)].filter(\.1).map(\.0)
        if temperature == 0, !given.isEmpty {
            Console.shared.note(
                "\(given.joined(separator: ", ")): nothing is drawn at a temperature of 0, the most probable token is taken"
            )
        } else if let topP, topP < 1, topK ?? 0 > 0 {
            Console.shared.note("--top-k: --top-p comes before it, as in the reference")
        }
    }

    /// Says which of the options about media change nothing.
    ///
    /// - Parameter kinds: those of all media there are.
    func noteIdleMedia(_ kinds: [MediaKind]) {
        if tiles != nil, !kinds.contains(.image) { Console.shared.note("--tiles: there is no image to cut") }
        if frames != nil, !kinds.contains(.video) { Console.shared.note("--frames: there is no video to take them of") }
    }

    var options: GenerationOptions {
        var options = GenerationOptions()
        options.maxTokens = maxTokens ?? options.maxTokens
        options.temperature = temperature
        options.topP = topP ?? options.topP
        options.topK = topK ?? options.topK
        options.seed = seed ?? options.seed
        options.maxTiles = tiles
        options.maxFrames = frames
        return options
    }

    /// Opens the model on the device asked for.
    func open(_ global: GlobalOptions) async throws -> PerceptionLanguageModel {
        let opened = try await ModelOpening(model, global, random: random, preprocessing: preprocess)
            .languageModel(weights: weights, cache: cache, context: context)
        opened.announce(asked: weights)
        return opened
    }
}

extension PerceptionLanguageModel {
    /// Says how the model is stored and what it takes, before anything is loaded; a choice that lost precision at once.
    nonisolated func announce(asked: LanguageWeights) {
        let plan = memoryPlan
        let memory =
            "weights \(Format.bytes(plan.weights)), context of \(contextLength) \(Format.bytes(plan.context)), "
            + "programs \(Format.bytes(plan.programs))"
        let text =
            "\(modelName), \(precision.rawValue), weights \(weights.rawValue), cache \(cache.rawValue): \(memory)"
        if asked == .auto && weights != .full && storedWeights == nil {
            Console.shared.note(text)
        } else {
            Console.shared.detail(text)
        }
    }
}

/// An answer as it is generated: streamed to standard output, or collected for JSON.
struct Answer {
    private(set) var text = ""
    private(set) var tokens: [Int] = []
    private(set) var summary: GenerationSummary?

    /// - Parameters:
    ///   - streams: whether pieces are written as they come, with a line break behind the last.
    ///   - limitIsChosen: whether the user has said how long an answer may be.
    init(
        _ pieces: GeneratedAnswer, streams: Bool, limitIsChosen: Bool
    ) async throws {
        for try await piece in pieces {
            if streams { Console.shared.stream(piece.text) }
            text += piece.text
            tokens += piece.tokens
            summary = piece.summary ?? summary
        }
        if streams { Console.shared.stream("\n") }
        if let summary {
            let speed = Double(max(summary.tokens - 1, 0)) / max(Format.milliseconds(summary.decodingTime) / 1000, 1e-9)
            Console.shared.detail(
                "\(summary.promptTokens) prompt tokens, \(summary.reusedTokens) of them known, "
                    + "\(summary.encodedChunks) chunks in \(Format.fixed(Format.milliseconds(summary.visionTime), 0)) ms, "
                    + "prompt in \(Format.fixed(Format.milliseconds(summary.promptTime), 0)) ms, "
                    + "\(summary.tokens) tokens at \(Format.fixed(speed, 1)) a second")
            if summary.contextIsFull {
                Console.shared.note(
                    "the answer was cut after \(summary.tokens) tokens, since the context is full; --context makes it larger"
                )
            } else if !summary.isComplete {
                let text = "the answer was cut after \(summary.tokens) tokens"
                // Who has set the limit knows of it.
                if limitIsChosen {
                    Console.shared.detail(text)
                } else {
                    Console.shared.note(text + "; --max-tokens allows more")
                }
            }
        }
    }

    /// Members of the answer's JSON object.
    var members: [(name: String, value: JSONText)] {
        var members: [(name: String, value: JSONText)] = [
            ("text", .string(text)), ("tokens", .array(tokens.map(JSONText.integer))),
        ]
        guard let summary else { return members }
        members.append(("prompt_tokens", .integer(summary.promptTokens)))
        members.append(
            (
                "timings",
                .members([
                    "chunks": .integer(summary.encodedChunks),
                    "vision_ms": .number(Format.milliseconds(summary.visionTime)),
                    "prompt_ms": .number(Format.milliseconds(summary.promptTime)),
                    "decoding_ms": .number(Format.milliseconds(summary.decodingTime)),
                    "reused_tokens": .integer(summary.reusedTokens),
                ])
            ))
        return members
    }
}

extension InputFile {
    /// The file as something to ask about.
    func media() throws -> Media {
        switch kind {
        case .image: .image(try decodedImage().get())
        case .video: .video(try openedVideo().get())
        }
    }
}
