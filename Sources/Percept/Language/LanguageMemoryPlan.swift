import PerceptEngine
package import PerceptNumbers

/// How a language model's matrices are stored on the device.
public enum LanguageWeights: String, Sendable, CaseIterable {
    /// The format of a checkpoint that ``CheckpointQuantizer`` wrote; of others, the most exact one that fits into the
    /// device's memory.
    case auto
    /// As activations: see ``Precision``.
    case full
    /// 8 bits an element and a scale for 32 of them; the projector as activations.
    case q8
    /// 4 bits an element, a scale and a minimum for 32 of them; token table, output, and queries, keys and values of the
    /// first half of the decoder's layers in 8 bits; the projector as activations.
    case q4

    package init(_ format: QuantizedFormat?) {
        switch format {
        case nil: self = .full
        case .q8: self = .q8
        case .q4: self = .q4
        }
    }

    /// Of most matrices; nil where they are not quantised.
    package var format: QuantizedFormat? {
        switch self {
        case .auto, .full: nil
        case .q8: .q8
        case .q4: .q4
        }
    }

    /// The format as the engine takes it; nil leaves the choice to it.
    var asked: QuantizedFormat?? { self == .auto ? .none : .some(format) }
}

/// How a language model's keys and values are stored on the device.
public enum LanguageCache: String, Sendable, CaseIterable {
    /// In 16 bits; in 32 with ``Precision/f32``.
    case full
    /// In 8 bits an element and a scale for 32 of them.
    case q8
}

/// Device memory that a language model takes once everything it may need has been made, in bytes.
public struct LanguageMemoryPlan: Sendable, Hashable {
    /// Matrices and vectors of decoder, projector and tower.
    public let weights: Int
    /// Keys and values of all positions, media features and what else outlives a run.
    public let context: Int
    /// Recorded programs, for pictures up to 4000 x 3000.
    public let programs: Int

    /// All of it.
    public var total: Int { weights + context + programs }

    init(_ memory: LanguageMemory) {
        weights = memory.weights
        context = memory.context
        programs = memory.programs
    }
}
