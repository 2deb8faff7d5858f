package import ArgumentParser
package import Percept

/// Which model.
package struct ModelOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A model's name, a checkpoint file or directory, or demo, the model inside this program.",
            valueName: "name|path"))
    package var model = "demo"

    @Option(
        help: ArgumentHelp(
            "Height and width in pixels that images are resized to, whole patches of the model, or one number for both "
                + "(default: as the model was trained). Positions are interpolated as the reference does.",
            valueName: "height>x<width"))
    package var inputSize: InputSize?

    package init() {}

    package func validate() throws {
        if model.isEmpty { throw ValidationError("--model needs a name or a path.") }
    }

    /// Opens the model on the device asked for.
    package func open(
        global: GlobalOptions, preprocessing: Preprocessing = .official
    ) async throws -> PerceptionEncoder {
        try await ModelOpening(model, global, preprocessing: preprocessing).encoder(inputSize: inputSize)
    }
}

/// `448x336`, height first as tensors have it, or `448`.
package struct InputSize: ExpressibleByArgument {
    let height: Int
    let width: Int

    package init?(argument: String) {
        let sides = argument.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
        guard (1...2).contains(sides.count), sides.allSatisfy({ 1...(1 << 26) ~= $0 }) else { return nil }
        (height, width) = (sides[0], sides[sides.count - 1])
    }
}

extension PerceptionEncoder {
    /// Says what a user should know of a run: a stand-in for pooling, weights that f16 cannot hold, and values that did
    /// not fit, which make results less exact than they could be.
    package func report() { tell(notes, saturations) }
}

extension PerceptionLanguageModel {
    /// Says what a user should know of a run.
    package func report() { tell(notes, saturations) }
}

private func tell(_ notes: [String], _ saturations: Int) {
    for note in notes { Console.shared.note(note) }
    guard saturations > 0 else { return }
    Console.shared.note("\(saturations) values were too large for f16; --precision bf16 holds them")
}

extension Embedding {
    /// - Throws: an internal fault where a value is not finite; `source` is what was encoded.
    package func checked(_ source: String) throws(PerceptError) -> Embedding {
        guard values.allSatisfy(\.isFinite) else {
            throw PerceptError(.internalFault, "\(source): the embedding is not finite; try --precision bf16 or f32")
        }
        return self
    }
}
