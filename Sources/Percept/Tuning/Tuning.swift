import PerceptGraph
import PerceptRuntime
import PerceptVulkan

/// What timing kernels for the shapes of a model has found on a device: a value to be printed.
///
/// ```swift
/// let tuning = try await encoder.tune()
/// for shape in tuning.shapes where shape.gain > 1 { print(shape.name, shape.after.kernel, shape.gain) }
/// ```
public struct Tuning: Sendable, Hashable {
    /// A kernel with its cut, and how long it takes.
    public struct Candidate: Sendable, Hashable {
        /// Such as `matmul_wide 40x32, 8 lanes`: kernel, rows by columns of its tile, size of its workgroups.
        public let kernel: String
        /// The median of its runs.
        public let time: Duration
        /// Registers of a lane, where the driver tells.
        public let registers: Int?
        /// Values that did not fit the registers, where the driver tells.
        public let spills: Int?
        /// Bytes of memory in place of registers, where the driver tells.
        public let scratchBytes: Int?
        /// Subgroups that run on a unit of a processor at a time, where the driver tells.
        public let subgroupsPerUnit: Int?
    }

    /// A candidate that was not taken into account.
    public struct Refusal: Sendable, Hashable {
        /// Its name.
        public let kernel: String
        /// What was wrong with it.
        public let reason: String
    }

    /// Products, or attentions, that one kernel is chosen for.
    public struct Shape: Sendable, Hashable {
        /// Such as `product 513...768 x 3072 x 768 f16 f16`: rows, columns, depth, activations, weights.
        public let name: String
        /// How many the model has of it.
        public let uses: Int
        /// What has served so far; nil where that was refused.
        public let before: Candidate?
        /// What will serve from now on; equal to the one before where none is surely faster.
        public let after: Candidate
        /// All that were timed, fastest first.
        public let candidates: [Candidate]
        /// Those that were refused.
        public let refused: [Refusal]

        /// Times as fast as before.
        public var gain: Double { before.map { $0.time / after.time } ?? 1 }
    }

    /// By the work they are in the model, most first.
    public let shapes: [Shape]
    /// Why the winners could not be kept; nil where they are.
    public let fault: String?
}

/// A shape with what could serve it.
public struct TuningCandidates: Sendable, Hashable {
    /// As ``Tuning/Shape/name``.
    public let shape: String
    /// How many a model has of it.
    public let uses: Int
    /// Kernels with their cuts; what serves now comes first.
    public let kernels: [String]
}

extension Tuning.Candidate {
    init(_ timing: CandidateTiming) {
        kernel = timing.name
        time = .seconds(timing.median)
        registers = timing.statistics?.registers
        spills = timing.statistics?.spills
        scratchBytes = timing.statistics?.scratchBytes
        subgroupsPerUnit = timing.statistics?.subgroupsPerUnit
    }
}

extension Tuning.Shape {
    init(_ result: TuningResult) {
        name = result.use.shape.shapeClass.description
        uses = result.use.count
        before = result.before.map(Tuning.Candidate.init)
        after = Tuning.Candidate(result.after)
        candidates = result.timings.map(Tuning.Candidate.init)
        refused = result.refused.map { Tuning.Refusal(kernel: $0.name, reason: $0.reason) }
    }
}
