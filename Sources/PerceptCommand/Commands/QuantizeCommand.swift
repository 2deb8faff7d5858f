import ArgumentParser
import Percept
import PerceptCommandKit
import PerceptFiles

struct QuantizeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "quantize", abstract: "Writes a language model's checkpoint with its matrices in 8 or 4 bits.",
        discussion: """
            The new directory is in transformers' layout, and --model takes it: it answers as the original does with the \
            same --weights, but is smaller and loads without being encoded. What stays in full, and how rows are \
            stored, the documentation says under "Quantised checkpoints". Nothing appears before all of it is written.
            """)

    @OptionGroup var global: GlobalOptions

    @Option(
        help: ArgumentHelp(
            "q8, or q4 with the matrices that matter most in q8.", valueName: "q8|q4"))
    var weights: LanguageWeights

    @Option(help: ArgumentHelp("Most bytes of one file of weights, in millions.", valueName: "MB"))
    var shardSize = CheckpointQuantizer.usualShardBytes / 1_000_000

    @Argument(help: ArgumentHelp("A language model's name, or a checkpoint directory.", valueName: "in"))
    var input: String

    @Argument(help: ArgumentHelp("The directory to make; it must not be there.", valueName: "out"))
    var output: String

    func validate() throws {
        try global.refuseComputing(for: "quantize")
        if weights == .auto || weights == .full { throw ValidationError("--weights must be q8 or q4.") }
        if !(1...1_000_000_000).contains(shardSize) { throw ValidationError("--shard-size must be at least 1.") }
        if input.isEmpty || output.isEmpty { throw ValidationError("Both directories need a name.") }
        try requireWritableDirectory(of: output)
    }

    func run() async throws {
        let title = "quantising \(input)"
        let (source, weights) = (ModelSource(argument: input), weights)
        let (path, shardBytes) = (output, shardSize * 1_000_000)
        let written = try await Interruption.cancelling {
            try await CheckpointQuantizer.quantize(source, to: path, weights: weights, shardBytes: shardBytes) {
                Console.shared.progress(title, $0)
            }
        }
        if global.json { Console.shared.result(document(written).text) } else { report(written) }
    }

    private func report(_ written: QuantizedCheckpoint) {
        let share = Double(written.bytes) / Double(max(written.sourceBytes, 1))
        Console.shared.result(
            "\(Table.printable(FileName.shown(written.path))): \(written.model) in \(written.weights.rawValue), \(Format.bytes(written.sourceBytes)) before, "
                + "\(Format.bytes(written.bytes)) now (\(Format.fixed(100 * share, 0)) %)")
        for tensors in written.tensors {
            Console.shared.result("  \(tensors.format): \(tensors.count) tensors, \(Format.bytes(tensors.bytes))")
        }
    }

    private func document(_ written: QuantizedCheckpoint) -> JSONText {
        .members([
            "path": .string(FileName.shown(written.path)), "model": .string(written.model),
            "weights": .string(written.weights.rawValue), "source_bytes": .integer(written.sourceBytes),
            "bytes": .integer(written.bytes),
            "tensors": .array(
                written.tensors.map {
                    .members([
                        "format": .string($0.format), "count": .integer($0.count), "bytes": .integer($0.bytes),
                    ])
                }),
            "files": .array(
                written.files.map { .members(["name": .string($0.name), "bytes": .integer($0.bytes)]) }),
        ])
    }
}
