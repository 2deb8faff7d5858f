import Foundation
import Percept
import PerceptGraph
import PerceptModels
import PerceptRuntime
import PerceptVulkan
import TestSupport
import Testing

/// Long prompts go out in submissions that are short by the device's rate, on any device.
@Suite("Pieces of a prompt")
struct PrefillPieceTests {
    private static let rows = 512

    private func decoder() throws -> LanguageDecoder {
        LanguageDecoder(
            try PLMModelFixture("small-1b").config.language, storage: .f16, positions: Self.rows, mediaRows: 1)
    }

    private func graph(_ decoder: LanguageDecoder) -> Graph {
        var graph = Graph()
        graph.output("x", decoder.prefill(rows: Self.rows, in: &graph))
        return graph
    }

    /// A device of its own, whose submissions nobody else adds to.
    private func privateDevice() throws -> Device {
        let physical = try TestGPU.shared.get().device.physical
        let instance = try Instance { _ in }
        return try Device(instance, try #require(instance.physicalDevices().first { $0.uuid == physical.uuid }))
    }

    /// The residual stream behind a prompt of `rows` positions, and the submissions that it took.
    private func run(_ decoder: LanguageDecoder, on gpu: PerceptRuntime.GPU) throws -> (Program, [Float], Int) {
        let session = LanguageSession(
            decoder, from: RandomWeights(seed: PLMModelFixture.seed), weights: WeightStore(on: gpu), on: gpu)
        let program = try session.record(graph(decoder))
        let ids = program.input("ids").bindMemory(to: UInt32.self)
        for index in 0..<Self.rows { ids[index] = UInt32(index * 31 % decoder.config.vocabulary) }
        let cursor = program.input("cursor")
        cursor.initializeMemory(as: UInt8.self, repeating: 0)
        cursor.storeBytes(of: UInt32(Self.rows), toByteOffset: 4, as: UInt32.self)
        let before = gpu.device.statistics.submissions
        try program.run()
        return (program, program.values("x"), gpu.device.statistics.submissions - before)
    }

    @Test("a device said to be 1000 times slower: many more pieces, none predicted to run long, the same numbers")
    func slow() throws {
        let device = try privateDevice()
        let decoder = try decoder()
        let (fast, expected, few) = try run(decoder, on: GPU(device, flopsPerSecond: 1e10))
        let (slow, found, many) = try run(decoder, on: GPU(device, flopsPerSecond: 1e7))
        #expect(few == fast.plan.pieces.count && many == slow.plan.pieces.count)
        #expect(few > 1 && many > 300 * few, "\(few) and \(many) submissions")
        for (program, rate) in [(fast, 1e10), (slow, 1e7)] {
            for piece in program.plan.pieces {
                let seconds = piece.reduce(0) { sum, part in
                    let step = program.plan.steps[part.step], slice = step.slices[part.slice]
                    let share = Double(slice.groups.reduce(1, *)) / Double(step.dispatch.groups.reduce(1, *))
                    return sum + step.dispatch.flops * share / rate
                }
                // A workgroup is what cannot be cut.
                let isWorkgroup =
                    piece.count == 1
                    && program.plan.steps[piece[0].step].slices[piece[0].slice].groups == [1, 1, 1]
                #expect(seconds <= 1.001 * Plan.longestPiece || isWorkgroup, "\(seconds) s: \(piece)")
            }
        }
        #expect(found.allSatisfy(\.isFinite) && found == expected)
    }

    /// What is predicted is worth something: a prompt takes about as long as its operations at the measured rate. The
    /// factor leaves room for what else the machine does, and for products faster or slower than the one measured.
    @Test("the measured rate tells how long a prompt takes")
    func predicted() throws {
        let gpu = try GPU.open(try privateDevice(), cacheDirectory: nil)
        let program = try run(try decoder(), on: gpu).0
        // The first run also makes pipelines.
        try program.run()
        guard let taken = try program.deviceTime() else { return }
        let predicted = program.plan.flops / gpu.profile.flopsPerSecond
        #expect(taken <= .seconds(5 * predicted), "\(taken), predicted \(predicted) s")
    }
}
