package import Logging
import PerceptFiles
package import PerceptGraph
package import PerceptRuntime

/// What a model has on a device: its weights, its states and its recorded programs.
///
/// Programs are kept by what they compute, within a budget of bytes: the one that was used longest ago goes first, and all
/// that nobody needs now go where memory is short. All calls come from the device's thread.
package final class ModelHost {
    package let gpu: OpenDevice
    package let weights: WeightStore
    package let states: StateStore
    /// Stores in which f16 could not hold a value and kept it at ±65504; all since the model was opened.
    package private(set) var saturations = 0

    /// Lets go of what is kept beside programs and can be made again; false where there was nothing.
    package var makesMoreRoom: () -> Bool = { false }

    private let provider: any WeightProvider
    private let initialStates: [StateSlot: () -> [UInt32]]
    private let logger: Logger
    private let progress: (Double) throws -> Void
    private var programs = ProgramShelf()

    /// - Parameters:
    ///   - provider: where weights come from.
    ///   - initialStates: what states hold when they are made; others are zero.
    ///   - programMemory: bytes that programs may take together; one alone may take more. Those that are kept for good do
    ///     not count.
    ///   - logger: told of recorded programs, and of pipelines that could not be kept.
    ///   - progress: told the fraction, 0 to 1, of the weights that the program at hand still lacked; what it throws ends
    ///     the upload.
    package init(
        on gpu: OpenDevice, from provider: any WeightProvider,
        initialStates: [StateSlot: () -> [UInt32]] = [:], programMemory: Int, logger: Logger,
        progress: @escaping (Double) throws -> Void = { _ in }
    ) {
        self.gpu = gpu
        self.provider = provider
        self.initialStates = initialStates
        self.logger = logger
        self.progress = progress
        weights = WeightStore(on: gpu)
        states = StateStore(on: gpu)
        programs.budget = programMemory
        let held = HeldHost(host: self)
        gpu.roomMakers.add(ObjectIdentifier(self)) { held.host?.makeRoom() ?? false }
    }

    deinit { gpu.roomMakers.remove(ObjectIdentifier(self)) }

    /// The program of a key, recorded where it is not there, or is too small for a picture at hand: then with room for all
    /// that it held before, and some to spare.
    ///
    /// - Parameters:
    ///   - key: says all that `record` depends on but the capacity.
    ///   - capacity: room that is needed for each picture.
    ///   - options: how it is recorded, the same for one key each time.
    ///   - record: makes the graph, and says where its inputs and outputs are.
    package func program<Slots>(
        _ key: some Hashable, holding capacity: PixelCapacity = .none, _ options: RecordingOptions = .init(),
        _ record: (PixelCapacity) throws -> Recording<Slots>
    ) throws -> Recorded<Slots> {
        var room = capacity
        if let known: Recorded<Slots> = programs[key] {
            if known.capacity.holds(capacity) { return known }
            room = room.union(known.capacity)
            // Its memory may be needed for the larger one.
            programs.remove(key)
        }
        let recording = try record(capacity == .none ? room : room.withSlack)
        let program = try self.record(recording.graph, options, shelved: true)
        let made = Recorded(program: program, slots: recording.slots, capacity: recording.capacity)
        programs.add(made, as: key, bytes: program.byteCount(options), isKept: options.isKept)
        return made
    }

    /// A program that its caller keeps.
    package func record(_ graph: Graph, _ options: RecordingOptions = .init()) throws -> Program {
        try record(graph, options, shelved: false)
    }

    /// Several programs of one graph in one arena, which run one after another, each with inputs and outputs of its own.
    package func record(_ graph: Graph, count: Int) throws -> [Program] {
        try makingRoom {
            let arena = try Arena(byteCount: Plan(graph, for: gpu.profile).arenaByteCount, on: gpu)
            return try (0..<count).map { _ in try make(graph, RecordingOptions(arena: arena), shelved: false) }
        }
    }

    /// Makes what `body` makes, again without the programs that nobody needs now where memory does not suffice: they can be
    /// recorded again. Those of this model go first, then those of the other models on the device.
    package func makingRoom<T>(_ body: () throws -> T) throws -> T {
        var ways = [
            { self.makeRoom() }, { self.gpu.roomMakers.makeRoom(for: ObjectIdentifier(self)) },
        ]
        while true {
            do { return try body() } catch let error as any KnownFault where error.kind == .temporary {
                guard let helpful = ways.firstIndex(where: { $0() }) else { throw error }
                ways.removeSubrange(...helpful)
                logger.debug("recorded programs make room: \(error)")
            }
        }
    }

    /// Lets go of what nobody needs now.
    private func makeRoom() -> Bool {
        let (programs, more) = (programs.removeAll(alsoKept: false), makesMoreRoom())
        return programs || more
    }

    private func record(_ graph: Graph, _ options: RecordingOptions, shelved: Bool) throws -> Program {
        try makingRoom { try make(graph, options, shelved: shelved) }
    }

    private func make(_ graph: Graph, _ options: RecordingOptions, shelved: Bool) throws -> Program {
        try weights.load(graph, from: provider, progress: progress)
        let new = graph.states.map(\.slot).filter { !states.holds($0) }
        try states.allocate(graph)
        for slot in new {
            if let words = initialStates[slot] { try states.write(slot, words()) }
        }
        let plan = try Plan(graph, for: gpu.profile, weightTypes: weights.types, limit: options.limit)
        if shelved, !options.isKept {
            programs.makeRoom(for: Program.byteCount(plan, sharesArena: options.arena != nil))
        }
        let program = try Program(
            plan, weights, states: states, arena: options.arena, on: gpu, timing: options.timing)
        logger.debug(
            """
            recorded \(plan.steps.count) dispatches, arena \(plan.arenaByteCount) bytes; weights take \(weights.byteCount) \
            bytes, \(weights.importedByteCount) of them pages of files
            """)
        return program
    }

    // MARK: Running

    /// Takes in what a run that has ended counted.
    package func noteSaturations(of program: Program) throws { saturations += try program.takeSaturations() }

    /// Takes in what programs have counted whose runs nobody has finished one by one.
    package func collectSaturations() throws {
        for program in programs.all { saturations += try program.takeSaturations() }
    }

    /// Does a piece of work that somebody has asked for, and then keeps for the next process what was compiled for it.
    package func working<T>(_ body: () throws -> T) rethrows -> T {
        defer { keepPipelines() }
        return try body()
    }

    /// Keeps for the next process what was compiled, if anything was since the last time.
    package func keepPipelines() {
        if let error = gpu.keepPipelines() { logger.warning("pipelines are not kept: \(error)") }
    }

    // MARK: Memory

    /// Bytes of the programs that are kept here.
    package var programByteCount: Int { programs.byteCount }

    /// Lets go of all programs, also of those that were to be kept.
    package func removePrograms() { _ = programs.removeAll(alsoKept: true) }

    /// Lets go of everything on the device: what is needed next is uploaded and recorded anew.
    package func unload() {
        removePrograms()
        states.removeAll()
        weights.removeAll()
    }

    /// What a user may want to know of how weights are stored.
    package var notes: [String] {
        weights.keptInBF16.sorted().map { "\($0) has values beyond the range of f16 and is kept in bf16" }
    }
}

/// A host as the device's list of models knows it.
///
/// Unchecked, since the one who follows it is called on the device's thread, to which hosts belong.
private struct HeldHost: @unchecked Sendable {
    weak var host: ModelHost?
}

extension Program {
    fileprivate func byteCount(_ options: RecordingOptions) -> Int {
        Program.byteCount(plan, sharesArena: options.arena != nil)
    }
}
