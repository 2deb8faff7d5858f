import Foundation
import Percept
import PerceptEngine
import PerceptGraph
import PerceptModels
import PerceptNumbers
import PerceptRuntime
import PerceptVulkan
import Synchronization
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
        graph.output("x", decoder.prefill(rows: Self.rows, in: &graph).stream)
        return graph
    }

    /// A device of its own, whose submissions nobody else adds to.
    private func privateDevice() throws -> Device {
        let physical = try TestGPU.shared.get().device.physical
        let instance = try Instance { _ in }
        return try Device(instance, try #require(instance.physicalDevices().first { $0.uuid == physical.uuid }))
    }

    /// The residual stream behind a prompt of `rows` positions, and the submissions that it took.
    private func run(_ decoder: LanguageDecoder, on gpu: OpenDevice) throws -> (Program, [Float], Int) {
        let program = try program(decoder, host(decoder, gpu))
        let before = gpu.device.statistics.submissions
        try program.run()
        return (program, program.values("x"), gpu.device.statistics.submissions - before)
    }

    private func host(_ decoder: LanguageDecoder, _ gpu: OpenDevice) -> ModelHost {
        ModelHost(
            on: gpu, from: RandomWeights(seed: PLMModelFixture.seed),
            initialStates: [LanguageDecoder.ropeSlot: { decoder.rotaryValues.map(\.bitPattern) }],
            programMemory: .max, logger: GPU.silent)
    }

    /// The prompt's program with a prompt in it.
    private func program(
        _ decoder: LanguageDecoder, _ host: ModelHost, _ limit: Plan.PieceLimit = .drivers
    ) throws -> Program {
        let program = try host.record(graph(decoder), RecordingOptions(limit: limit))
        let ids = program.input("ids").bindMemory(to: UInt32.self)
        for index in 0..<Self.rows { ids[index] = UInt32(index * 31 % decoder.config.vocabulary) }
        let places = Place.prompt(first: 0, count: Self.rows, rows: Self.rows).words
        places.withUnsafeBytes { program.input("places").copyMemory(from: $0) }
        let pages = program.input("pages").bindMemory(to: UInt32.self)
        for index in pages.indices { pages[index] = UInt32(index) }
        return program
    }

    @Test("a device said to be 1000 times slower: many more pieces, none predicted to run long, the same numbers")
    func slow() throws {
        let device = try privateDevice()
        let decoder = try decoder()
        let (fast, expected, few) = try run(decoder, on: OpenDevice(device, flopsPerSecond: 1e10))
        let (slow, found, many) = try run(decoder, on: OpenDevice(device, flopsPerSecond: 1e7))
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

    @Test("cut for turns: the same numbers, and fewer submissions once times are known")
    func turns() async throws {
        let gpu = try OpenDevice(privateDevice(), flopsPerSecond: 1e10)
        let decoder = try decoder()
        let expected = try run(decoder, on: gpu).1
        let program = try program(decoder, host(decoder, gpu), .turns)
        #expect(program.plan.pieces.count > 10)
        let client = TurnClient(.interactive)
        for run in 0..<3 {
            let before = gpu.device.statistics.submissions
            try await program.run(as: client)
            let (use, count) = (client.takeUse(), gpu.device.statistics.submissions - before)
            #expect(use.pieces == count && use.longestPiece > .zero && use.longestPiece <= use.busy)
            // What is short goes out together, no longer than a piece should be.
            if run == 0 { #expect(count == program.plan.pieces.count) }
            #expect(program.values("x") == expected)
        }
        // One that is left off in the middle leaves nothing behind.
        let other = OtherWork(program, as: client)
        await #expect(throws: CancellationError.self) { try await other.runCancelled() }
        #expect(client.takeUse().pieces == 0)
        try await program.run(as: client)
        #expect(program.values("x") == expected)
    }

    /// A program in a task that is cancelled before its first piece.
    private final class OtherWork {
        private let program: Program
        private let client: TurnClient

        init(_ program: Program, as client: TurnClient) { (self.program, self.client) = (program, client) }

        func runCancelled() async throws {
            withUnsafeCurrentTask { $0?.cancel() }
            try await program.run(as: client)
        }
    }

    /// What is predicted is worth something: a prompt takes about as long as its operations at the measured rate. The
    /// factor leaves room for what else the machine does, and for products faster or slower than the one measured.
    @Test("the measured rate tells how long a prompt takes")
    func predicted() throws {
        let gpu = try OpenDevice.open(try privateDevice(), cacheDirectory: nil)
        let program = try run(try decoder(), on: gpu).0
        // The first run also makes pipelines.
        try program.run()
        guard let taken = try program.deviceTime() else { return }
        let predicted = program.plan.flops / gpu.profile.flopsPerSecond
        #expect(taken <= .seconds(5 * predicted), "\(taken), predicted \(predicted) s")
    }
}
