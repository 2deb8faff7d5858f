import PerceptGraph
import PerceptModels
import PerceptNumbers

/// What the models of a name run, recorded without their weights.
enum ModelGraphs {
    /// - Parameters:
    ///   - name: of a published encoder or language model.
    ///   - batch: images and texts of one run of an encoder.
    /// - Returns: nil for a name that is not known.
    static func all(_ name: String, weightType: WeightType, batch: Int) -> [Graph]? {
        let storage: StorageType = if case .plain(let type) = weightType { type } else { .f16 }
        return switch PublishedModel.named(name)?.architecture {
        case .encoder(let config): EncoderGraphs(Encoder(config), storage: storage).all(batch: batch, texts: batch)
        case .language(let config):
            PLMGraphs(
                config,
                LanguageDecoder(
                    config.language, storage: storage, weightType: weightType, positions: 4096, mediaRows: 256)
            ).all
        case nil: nil
        }
    }
}
