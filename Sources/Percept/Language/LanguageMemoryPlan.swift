package import PerceptGraph
package import PerceptModels
import PerceptRuntime
import PerceptVulkan

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

    /// From the most exact to the smallest.
    package static let formats: [LanguageWeights] = [.full, .q8, .q4]

    package init(_ format: QuantizedFormat) {
        switch format {
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

    func type(_ storage: StorageType) -> WeightType { format.map(WeightType.quantized) ?? .plain(storage) }
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

    /// Plans every program of a model, without a device.
    package init(_ config: PLMConfig, _ decoder: LanguageDecoder, for profile: DeviceProfile) throws {
        var weights: [Weight: Int] = [:]
        var states: [String: Int] = [:]
        func plan(_ graph: Graph) throws -> Plan {
            for (tensor, source) in zip(graph.tensors, graph.sources) {
                switch source {
                case .weight(let weight):
                    let rows = tensor.rows == 1 ? 1 : tensor.rows.roundedUp(to: 8)
                    weights[weight] = rows * tensor.rowByteCount
                case .state(let slot): states[slot.name] = tensor.byteCount
                default: break
                }
            }
            return try Plan(graph, for: profile)
        }
        // They share one arena.
        let decoding = try LanguageSession.Recording.all(decoder).map { try plan($0.graph(decoder)) }
        let arena = decoding.map(\.arenaByteCount).max() ?? 0
        var vision = Graph()
        Self.recordVision(config, for: decoder, in: &vision)
        programs =
            decoding.reduce(arena) { $0 + Program.byteCount($1, sharesArena: true) }
            + Program.byteCount(try plan(vision))
        self.weights = weights.values.reduce(0, +)
        self.context = states.values.reduce(0, +)
    }

    private static func recordVision(_ config: PLMConfig, for decoder: LanguageDecoder, in graph: inout Graph) {
        let room = PixelCapacity(
            headerWords: 1 << 15, sourceWords: 9_000_000, pixels: 12_000_000, side: 4000, layouts: .all)
        let side = config.imageSize
        let pixels = graph.preprocess("pixels", images: 1, height: side, width: side, capacity: room)
        PLMVision(config, storage: decoder.storage, weightType: decoder.weightType)(
            pixels, into: decoder.media(in: &graph), in: &graph)
    }

    /// The matrices whose rows the programs take whole in one quantised format, and that format, by canonical name: what
    /// can be quantised ahead of time.
    static func quantizedRows(_ config: PLMConfig, _ weights: LanguageWeights) -> [String: QuantizedFormat] {
        let decoder = decoder(config, storage: .f16, weights, cache: .full, positions: 64)
        var (decoding, seeing) = (Graph(), Graph())
        decoder.step(in: &decoding)
        recordVision(config, for: decoder, in: &seeing)
        var formats: [String: Set<QuantizedFormat?>] = [:]
        for (weight, type) in decoding.weights + seeing.weights {
            for part in weight.parts {
                let isMatrix = part.shape.count == 2 && part.keepsRows
                var format: QuantizedFormat?
                if case .quantized(let quantized) = type, isMatrix { format = quantized }
                formats[part.name, default: []].insert(format)
            }
        }
        return formats.compactMapValues { $0.count == 1 ? $0.first ?? nil : nil }
    }

    /// The formats that may be meant, from the most exact on.
    ///
    /// - Parameter stored: that of a checkpoint in quantised rows; nil for others.
    /// - Throws: ``PerceptError`` with ``PerceptError/Code/usage`` where quantised rows would have to be quantised anew.
    static func candidates(
        _ asked: LanguageWeights, stored: LanguageWeights?, name: String
    ) throws(PerceptError) -> [LanguageWeights] {
        guard let stored else { return asked == .auto ? LanguageWeights.formats : [asked] }
        switch asked {
        case .auto: return [stored]
        case .full, stored: return [asked]
        default:
            throw PerceptError(
                .usage,
                "\(name) is stored in \(stored.rawValue); weights in \(asked.rawValue) are made of the checkpoint that it "
                    + "was made of")
        }
    }

    /// What fits of the formats allowed, from the most exact on.
    ///
    /// - Parameter stored: the format of a checkpoint in quantised rows; nil for others.
    /// - Throws: ``PerceptError`` with ``PerceptError/Code/temporary`` where none does, with the sizes and what would;
    ///   with ``PerceptError/Code/usage`` for a format that the checkpoint does not have.
    static func choose(
        _ asked: LanguageWeights, stored: LanguageWeights?, cache: LanguageCache, config: PLMConfig,
        storage: StorageType, context: Int, on gpu: PerceptRuntime.GPU
    ) throws -> (format: LanguageWeights, plan: LanguageMemoryPlan) {
        func plan(_ format: LanguageWeights, _ cache: LanguageCache, _ positions: Int) throws -> LanguageMemoryPlan {
            try LanguageMemoryPlan(
                config, decoder(config, storage: storage, format, cache: cache, positions: positions), for: gpu.profile)
        }
        let available = gpu.device.availableMemory()
        // Drivers and other programs need some of what is free.
        let usable = Int(clamping: available - available / 20)
        let formats = try candidates(asked, stored: stored, name: config.name)
        var plans: [(LanguageWeights, LanguageMemoryPlan)] = []
        for format in formats {
            let planned = try plan(format, cache, context)
            if planned.total <= usable { return (format, planned) }
            plans.append((format, planned))
        }
        // What is asked for stays as it is; a smaller cache is only proposed.
        let sizes = plans.map { "\($0.0.rawValue) \(gibibytes($0.1.total))" }.joined(separator: ", ")
        var advice = "no option makes it fit"
        let caches = cache == .full ? [cache, .q8] : [cache]
        search: for positions in [context, 4096, 1024] where positions <= context {
            for smaller in caches {
                for format in stored.map({ [$0] }) ?? LanguageWeights.formats
                where try plan(format, smaller, positions).total <= usable {
                    let parts = [
                        "weights in \(format.rawValue)",
                        smaller == cache ? nil : "the cache in \(smaller.rawValue)",
                        positions == context ? nil : "a context of \(positions)",
                    ].compactMap { $0 }
                    let others = parts.dropLast().joined(separator: ", ")
                    advice = (others.isEmpty ? "" : others + " and ") + parts[parts.count - 1] + " would fit"
                    break search
                }
            }
        }
        throw PerceptError(
            .temporary,
            "\(config.name) needs \(sizes) with a context of \(context), and \(gibibytes(usable)) are usable on the "
                + "device; \(advice)")
    }

    /// The decoder with as many rows of media as positions: that many a prompt can use.
    package static func decoder(
        _ config: PLMConfig, storage: StorageType, _ weights: LanguageWeights, cache: LanguageCache, positions: Int
    ) -> LanguageDecoder {
        LanguageDecoder(
            config.language, storage: storage, weightType: weights.type(storage), quantizesCache: cache == .q8,
            positions: positions, mediaRows: positions)
    }

    private static func gibibytes(_ bytes: Int) -> String {
        let tenths = (Double(bytes) / Double(1 << 30) * 10).rounded() / 10
        return "\(tenths) GiB"
    }
}
