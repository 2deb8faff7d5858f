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
    private enum Recording: CaseIterable { case prefill, first, step, vision }

    private func graph(_ recording: Recording, _ config: PLMConfig, _ decoder: LanguageDecoder) -> Graph {
        var graph = Graph()
        switch recording {
        case .prefill: decoder.prefill(rows: 11, in: &graph)
        case .first: decoder.first(in: &graph)
        case .step: decoder.step(in: &graph)
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
        try prove(name, storage, quantizesCache: true, [.prefill, .step])
    }

    private func prove(
        _ name: String, _ storage: StorageType, quantizesCache: Bool, _ recordings: [Recording]
    ) throws {
        let config = try PLMModelFixture(name).config
        let decoder = LanguageDecoder(
            config.language, storage: storage, quantizesCache: quantizesCache, positions: 40,
            mediaRows: config.tokensPerChunk, keepsLogits: true)
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
                // The first rows of a sequence: nothing is there before them, so nothing but their own is read.
                let cursor: [UInt32] = [0, recording == .prefill ? 9 : 1, 2, 0]
                for (slot, tensor) in graph.states {
                    let words = run.state(slot.name).bindMemory(to: UInt32.self)
                    switch slot.name {
                    case "cursor": for (index, word) in cursor.enumerated() { words[index] = word }
                    case "rope":
                        let rows = decoder.rotaryValues
                        for (index, value) in rows.enumerated() {
                            let place = index / tensor.columns * tensor.paddedColumns + index % tensor.columns
                            words[place] = value.bitPattern
                        }
                    case "last": words.update(repeating: Float(0.5).bitPattern)
                    default: break
                    }
                }
                for (input, _) in plan.inputs where input == "cursor" {
                    let words = run.input(input).bindMemory(to: UInt32.self)
                    for (index, word) in cursor.enumerated() { words[index] = word }
                }
                #expect(try run.findings() == [], "\(recording), \(style)")
            }
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
            var graph = Graph()
            decoder.step(in: &graph)
            // Embedding, the first norm, and the output, which draws the token too.
            #expect(graph.nodes.count == 5 * model.language.layers + (fusesDraw ? 3 : 4))
        }
    }
}
