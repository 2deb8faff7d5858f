import Percept
import PerceptCommandKit

/// The device and the model of a command, opened when the first of its inputs has proved readable.
final class ModelSession {
    /// The encoder, once it has been asked for.
    private(set) var opened: PerceptionEncoder?
    private let global: GlobalOptions
    private let model: ModelOptions
    private let preprocessing: Preprocessing

    init(_ global: GlobalOptions, _ model: ModelOptions, _ preprocessing: Preprocessing) {
        self.global = global
        self.model = model
        self.preprocessing = preprocessing
    }

    /// - Parameter forTexts: texts will be embedded too.
    /// - Throws: a usage error for texts without a text tower, before any file has been encoded.
    func encoder(forTexts: Bool) async throws -> PerceptionEncoder {
        if let opened { return opened }
        let encoder = try await model.open(global: global, preprocessing: preprocessing)
        if forTexts && !encoder.hasTextTower { throw PerceptError(.usage, "\(encoder.modelName) has no text tower") }
        if encoder.usesPatchMean {
            Console.shared.note("\(encoder.modelName) has no pooling: embeddings are the mean of its patch tokens")
        }
        opened = encoder
        return encoder
    }
}
