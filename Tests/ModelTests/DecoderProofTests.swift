import Foundation
import PerceptGraph
import PerceptModels
import PerceptNumbers
import PerceptRuntime
import TestSupport
import Testing

/// The engine's own proofs on language models: no missing barrier, no byte read or written out of place, and as many
/// dispatches as there should be.
@Suite("Proofs on the fixture language models")
struct DecoderProofTests {
    private enum Recording: CaseIterable { case prefill, first, step, steps, vision }

    private func graph(_ recording: Recording, _ config: PLMConfig, _ decoder: LanguageDecoder) -> Graph {
        var graph = Graph()
        switch recording {
        case .prefill: decoder.prefill(rows: 11, in: &graph)
        case .first: decoder.first(in: &graph)
        case .step: decoder.step(rows: 1, in: &graph)
        case .steps: decoder.step(rows: 4, in: &graph)
        case .vision:
            let pixels = graph.input("pixels", [1, 3, config.imageSize, config.imageSize])
            let media = decoder.media(in: &graph)
            PLMVision(config, storage: decoder.storage)(pixels, into: media, in: &graph)
        }
        return graph
    }

    @Test("barriers and poison", arguments: ["tied", "untied", "narrow"], StorageType.allCases)
    func prove(name: String, storage: StorageType) throws {
        try prove(name, storage, quantizesCache: false, Recording.allCases)
    }

    @Test("barriers and poison with quantised keys and values", arguments: ["untied", "narrow"], StorageType.allCases)
    func proveQuantized(name: String, storage: StorageType) throws {
        try prove(name, storage, quantizesCache: true, [.prefill, .step, .steps])
    }

    private func prove(
        _ name: String, _ storage: StorageType, quantizesCache: Bool, _ recordings: [Recording]
    ) throws {
        let config = try PLMModelFixture(name).config
        let decoder = LanguageDecoder(
            config.language, storage: storage, quantizesCache: quantizesCache, positions: 40,
            pages: 4, mediaRows: config.tokensPerChunk, keepsLogits: true)
        let weights = FormulaWeights(Dictionary(uniqueKeysWithValues: config.weights.map { ($0.name, $0.shape) }))
        try TestGPU.run { gpu in
            for (recording, style) in recordings.flatMap({ r in [(r, DeviceProfile.Style.cpu), (r, .gpu)] }) {
                let graph = self.graph(recording, config, decoder)
                let profile = gpu.profile.inStyle(style)
                let plan = try Plan(graph, for: profile)
                #expect(PlanChecker.findings(in: plan) == [])
                for (piece, list) in plan.commands.enumerated() {
                    for index in list.indices {
                        // The very first stands against other programs, of which a plan knows nothing.
                        guard case .barrier = list[index], (piece, index) != (0, 0) else { continue }
                        var commands = plan.commands
                        commands[piece].remove(at: index)
                        #expect(
                            !PlanChecker.findings(in: plan, commands: commands).isEmpty,
                            "\(recording): barrier \(index) of piece \(piece) is not missed")
                    }
                }
                let run = try PoisonedRun(plan, graph, from: weights, on: gpu)
                // The first rows of sequences: nothing is there before them, so nothing but their own is read.
                for (slot, tensor) in graph.states {
                    let words = run.state(slot.name).bindMemory(to: UInt32.self)
                    switch slot.name {
                    case "rope":
                        let rows = decoder.rotaryValues
                        for (index, value) in rows.enumerated() {
                            let place = index / tensor.columns * tensor.paddedColumns + index % tensor.columns
                            words[place] = value.bitPattern
                        }
                    case "last": words.update(repeating: Float(0.5).bitPattern)
                    case "tokens": words.update(repeating: 2)
                    default: break
                    }
                }
                for (input, tensor) in plan.inputs {
                    let words = run.input(input).bindMemory(to: UInt32.self)
                    switch input {
                    case "places":
                        let places = self.places(recording, rows: tensor.rows).words
                        for (index, word) in places.enumerated() { words[index] = word }
                    // Each row's sequence has a page of its own.
                    case "pages": for row in 0..<tensor.rows { words[row * tensor.paddedColumns] = UInt32(row) }
                    case "settings": words.update(repeating: 0)
                    default: break
                    }
                }
                #expect(try run.findings() == [], "\(recording), \(style)")
            }
        }
    }

    private func places(_ recording: Recording, rows: Int) -> [Place] {
        if recording == .prefill { return Place.prompt(first: 0, count: 9, rows: rows) }
        // The last of several fills up the bucket.
        return (0..<rows).map { row in
            guard rows == 1 || row < rows - 1 else { return .filling }
            return Place(position: 0, row: row * Pages.rows, keys: 1, slot: row, drawn: row)
        }
    }

    /// Programs of one conversation run behind each other in the same memory, and none knows which was before it.
    @Test("programs that share an arena", arguments: [DeviceProfile.Style.cpu, .gpu])
    func shared(style: DeviceProfile.Style) throws {
        let config = try PLMModelFixture("untied").config
        let decoder = LanguageDecoder(
            config.language, storage: .f16, positions: 40, mediaRows: config.tokensPerChunk, keepsLogits: true)
        let profile = try TestGPU.shared.get().profile.inStyle(style)
        let plans = try Recording.allCases.filter { $0 != .vision }.map {
            try Plan(graph($0, config, decoder), for: profile)
        }
        let programs = plans.map { (plan: $0, commands: $0.commands) }
        #expect(PlanChecker.findings(inTurn: programs) == [])
        for index in plans.indices {
            var without = programs
            without[index].commands[0].removeFirst()
            #expect(!PlanChecker.findings(inTurn: without).isEmpty, "the barrier in front of program \(index)")
        }
    }

    /// Two products around attention, and the gated layer in two; norms, and what quantises, in the products before.
    @Test("dispatches of a decoding step", arguments: [false, true])
    func dispatches(quantizesCache: Bool) throws {
        for (model, fusesDraw) in PublishedModel.languageModels.flatMap({ [($0, true), ($0, false)] }) {
            var decoder = LanguageDecoder(
                model.language, storage: .f16, quantizesCache: quantizesCache, positions: 1024, mediaRows: 1024)
            decoder.fusesDraw = fusesDraw
            for rows in PLMGraphs.stepRows {
                var graph = Graph()
                decoder.step(rows: rows, in: &graph)
                // Embedding, the first norm, and the output, which draws the token of one row too. Keys and values of more
                // rows than `matvec` takes are quantised apart.
                let layer = quantizesCache && rows > 8 ? 6 : 5
                #expect(graph.nodes.count == layer * model.language.layers + (fusesDraw && rows == 1 ? 3 : 4))
            }
        }
    }
}
