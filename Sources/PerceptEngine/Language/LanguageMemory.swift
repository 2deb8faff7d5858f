package import PerceptFiles
package import PerceptGraph
package import PerceptModels
package import PerceptNumbers
package import PerceptRuntime
import PerceptVulkan

/// Device memory that a language model takes once everything it may need has been made, in bytes.
package struct LanguageMemory: Hashable, Sendable {
    /// Matrices and vectors of decoder, projector and tower.
    package let weights: Int
    /// Keys and values of all positions, media features and what else outlives a run.
    package let context: Int
    /// Recorded programs, for pictures up to 4000 x 3000.
    package let programs: Int

    package var total: Int { weights + context + programs }

    /// Plans every program of a model, without a device.
    package init(_ graphs: PLMGraphs, for profile: DeviceProfile) throws {
        var weights: [Weight: Int] = [:]
        var states: [StateSlot: Int] = [:]
        func plan(_ graph: Graph) throws -> Plan {
            for (tensor, source) in zip(graph.tensors, graph.sources) {
                switch source {
                case .weight(let weight):
                    let rows = tensor.rows == 1 ? 1 : tensor.rows.roundedUp(to: 8)
                    weights[weight] = rows * tensor.rowByteCount
                case .state(let slot): states[slot] = tensor.byteCount
                default: break
                }
            }
            return try Plan(graph, for: profile)
        }
        // Prompts share an arena, and steps do, of which there are two of a kind.
        let (prompts, steps) = (try graphs.prompting.map(plan), try graphs.stepping.map(plan))
        let arenas = [prompts, steps].map { $0.map(\.arenaByteCount).max() ?? 0 }
        programs =
            (prompts + steps + steps).reduce(arenas[0] + arenas[1]) { $0 + Program.byteCount($1, sharesArena: true) }
            + Program.byteCount(try plan(graphs.vision(holding: Self.largePicture).graph))
        self.weights = weights.values.reduce(0, +)
        self.context = states.values.reduce(0, +)
    }

    private static let largePicture = PixelCapacity(
        headerWords: 1 << 15, sourceWords: 9_000_000, pixels: 12_000_000, side: 4000, layouts: .all)

    /// The matrices whose rows the programs take whole in one quantised format, and that format, by canonical name: what
    /// can be quantised ahead of time.
    static func quantizedRows(_ config: PLMConfig, _ format: QuantizedFormat) -> [String: QuantizedFormat] {
        let graphs = LanguageFormat(matrices: format).graphs(config, storage: .f16, positions: 64)
        var formats: [String: Set<QuantizedFormat?>] = [:]
        for (weight, type) in graphs.step(rows: 1).graph.weights + graphs.vision(holding: .none).graph.weights {
            for part in weight.parts {
                let isMatrix = part.shape.count == 2 && part.keepsRows
                var format: QuantizedFormat?
                if case .quantized(let quantized) = type, isMatrix { format = quantized }
                formats[part.name, default: []].insert(format)
            }
        }
        return formats.compactMapValues { $0.count == 1 ? $0.first ?? nil : nil }
    }
}

/// How a language model's matrices, and its keys and values, are stored.
package struct LanguageFormat: Hashable, Sendable {
    /// Nil where matrices are stored as activations.
    package var matrices: QuantizedFormat?
    /// Whether keys and values are kept in 8 bits.
    package var quantizesCache: Bool

    package init(matrices: QuantizedFormat?, quantizesCache: Bool = false) {
        self.matrices = matrices
        self.quantizesCache = quantizesCache
    }

    /// Formats of matrices from the most exact to the smallest.
    package static let matrices: [QuantizedFormat?] = [nil, .q8, .q4]

    /// What people call a format of matrices.
    package static func name(_ matrices: QuantizedFormat?) -> String { matrices?.description ?? "full" }

    /// What a model of these formats runs, with as many rows of media as positions: that many a prompt can use.
    ///
    /// - Parameter pages: of the cache; nil for those of one conversation.
    package func graphs(_ config: PLMConfig, storage: StorageType, positions: Int, pages: Int? = nil) -> PLMGraphs {
        PLMGraphs(
            config,
            LanguageDecoder(
                config.language, storage: storage, weightType: matrices.map(WeightType.quantized) ?? .plain(storage),
                quantizesCache: quantizesCache, positions: positions, pages: pages, mediaRows: positions))
    }

    /// The formats of matrices that may be meant, from the most exact on.
    ///
    /// - Parameters:
    ///   - asked: the format asked for; nil leaves it to the model and the device.
    ///   - stored: that of a checkpoint in quantised rows; nil for others.
    /// - Throws: ``Refusal`` where quantised rows would have to be quantised anew.
    package static func candidates(
        _ asked: QuantizedFormat??, stored: QuantizedFormat?, name: String
    ) throws(Refusal) -> [QuantizedFormat?] {
        guard let stored else { return asked.map { [$0] } ?? matrices }
        switch asked {
        case nil: return [stored]
        case .some(nil), .some(stored): return asked.map { [$0] } ?? []
        default:
            throw Refusal(
                .usage,
                "\(name) is stored in \(Self.name(stored)); weights in \(Self.name(asked ?? nil)) are made of the checkpoint "
                    + "that it was made of")
        }
    }

    /// What fits of the formats allowed, from the most exact on.
    ///
    /// - Parameters:
    ///   - asked: as of ``candidates(_:stored:name:)``.
    ///   - positions: of a conversation.
    ///   - conversationMemory: bytes for keys and values of further conversations, as far as they fit; nil for as many as one
    ///     takes.
    /// - Returns: what fits, the pages of its cache, and the memory it takes.
    /// - Throws: ``Refusal`` of kind temporary where none does, with the sizes and what would fit; of kind usage for a
    ///   format that the checkpoint does not have.
    package static func fitting(
        _ asked: QuantizedFormat??, stored: QuantizedFormat?, quantizesCache: Bool, config: PLMConfig,
        storage: StorageType, positions: Int, conversationMemory: Int?, on gpu: OpenDevice
    ) throws -> (format: LanguageFormat, pages: Int, memory: LanguageMemory) {
        func memory(_ format: LanguageFormat, _ positions: Int, pages: Int? = nil) throws -> LanguageMemory {
            try LanguageMemory(
                format.graphs(config, storage: storage, positions: positions, pages: pages), for: gpu.profile)
        }
        let available = gpu.device.availableMemory()
        // Drivers and other programs need some of what is free.
        let usable = Int(clamping: available - available / 20)
        var sizes: [String] = []
        var least = UInt64.max
        for matrices in try candidates(asked, stored: stored, name: config.name) {
            let format = LanguageFormat(matrices: matrices, quantizesCache: quantizesCache)
            let planned = try memory(format, positions)
            if planned.total <= usable {
                let decoder = format.graphs(config, storage: storage, positions: positions).decoder
                let wanted = conversationMemory.map { max($0, 0) } ?? decoder.pages * decoder.pageByteCount
                let pages = decoder.pages + min(wanted, usable - planned.total) / decoder.pageByteCount
                return (format, pages, try memory(format, positions, pages: pages))
            }
            least = min(least, UInt64(planned.total))
            sizes.append("\(name(matrices)) \(gibibytes(planned.total))")
        }
        // What is asked for stays as it is; a smaller cache is only proposed.
        var advice = "no option makes it fit"
        search: for fewer in [positions, 4096, 1024] where fewer <= positions {
            for smaller in quantizesCache ? [true] : [false, true] {
                for matrices in stored.map({ [$0] }) ?? Self.matrices
                where try memory(LanguageFormat(matrices: matrices, quantizesCache: smaller), fewer).total <= usable {
                    let parts = [
                        "weights in \(name(matrices))",
                        smaller == quantizesCache ? nil : "the cache in q8",
                        fewer == positions ? nil : "a context of \(fewer)",
                    ].compactMap { $0 }
                    let others = parts.dropLast().joined(separator: ", ")
                    advice = (others.isEmpty ? "" : others + " and ") + parts[parts.count - 1] + " would fit"
                    break search
                }
            }
        }
        throw Refusal(
            .temporary,
            "\(config.name) needs \(sizes.joined(separator: ", ")) with a context of \(positions), and "
                + "\(gibibytes(usable)) are usable on the device; \(advice)",
            cause: RuntimeError.memory(needed: least, available: UInt64(usable)))
    }

    private static func gibibytes(_ bytes: Int) -> String {
        let tenths = (Double(bytes) / Double(1 << 30) * 10).rounded() / 10
        return "\(tenths) GiB"
    }
}
