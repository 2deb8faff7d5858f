import Percept
import PerceptCommandKit
import PerceptEngine
import Synchronization

/// The device and the model of a command, opened when the first of its inputs has proved readable.
final class ModelSession: Sendable {
    private let encoder: Once<PerceptionEncoder>
    private let isAskedFor = Atomic<Bool>(false)

    init(_ global: GlobalOptions, _ model: ModelOptions, _ preprocessing: Preprocessing) {
        encoder = Once {
            let encoder = try await model.open(global: global, preprocessing: preprocessing)
            if encoder.usesPatchMean {
                Console.shared.note("\(encoder.modelName) has no pooling: embeddings are the mean of its patch tokens")
            }
            return encoder
        }
    }

    /// The encoder, if it has been asked for.
    var opened: PerceptionEncoder? {
        get async { isAskedFor.load(ordering: .relaxed) ? try? await encoder.value : nil }
    }

    /// - Parameter forTexts: texts will be embedded too.
    /// - Throws: a usage error for texts without a text tower, before any file has been encoded.
    func encoder(forTexts: Bool) async throws -> PerceptionEncoder {
        isAskedFor.store(true, ordering: .relaxed)
        let encoder = try await encoder.value
        if forTexts && !encoder.hasTextTower { throw PerceptError(.usage, "\(encoder.modelName) has no text tower") }
        return encoder
    }
}
