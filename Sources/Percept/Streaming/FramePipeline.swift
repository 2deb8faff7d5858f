import PerceptEngine
import PerceptFrame
import PerceptGraph
import PerceptModels
import PerceptRuntime
import PerceptVulkan

/// What a stream has on the device, and where its frames are. It belongs to the device's thread.
///
/// Two slots: while the device computes one frame, the next is put into the other and submitted. They share an arena,
/// since runs follow one another there, and have inputs and outputs of their own.
final class FramePipeline {
    /// A recorded program with the frame in it.
    struct Slot {
        let program: Program
        /// What was last written; frames like it need their pixels copied and nothing else.
        var input: ImageInput?
    }

    /// A frame that the device has.
    struct Flight {
        let slot: Int
        let frame: WaitingFrame
        let dropped: Int
        let taken: ContinuousClock.Instant
        let submitted: ContinuousClock.Instant
        let submission: SubmissionID
    }

    static let slotCount = 2
    /// Results that may be held while another is written: those that wait for the reader, the one it has, and a few.
    static let heldResults = EventQueue.capacity + 4

    let flow: StreamFlow
    var tally: StreamTally
    private(set) var slots: [Slot] = []
    /// Of each slot; nil while there are none.
    private(set) var capacity: PixelCapacity?
    /// Where their inputs and outputs are; nil while there are none.
    private(set) var outputs: EncoderGraphs.Images?
    var flight: Flight?
    var isAtEnd = false
    /// Thrown where nobody could be told: this device's part of the stream ends with it.
    var failure: (any Error)?
    var captioner: StreamCaptioner?
    var embeddings: ReusedRows
    var softmax: LabelProbabilities
    var probabilities: ReusedRows
    private var lastSlot = 0
    private var lastEncoded: ContinuousClock.Instant?
    /// What the device takes for a frame, and the host to put one there; smoothed.
    private(set) var encodeTime: Duration?
    private(set) var uploadTime = Duration.zero

    init(_ flow: StreamFlow, _ tally: StreamTally, embeddingWidth: Int, logitScale: Float) {
        self.flow = flow
        self.tally = tally
        let labels = flow.options.labels
        softmax = LabelProbabilities(labels.map(\.values), scale: logitScale)
        embeddings = ReusedRows(count: Self.heldResults, width: embeddingWidth)
        probabilities = ReusedRows(count: Self.heldResults, width: labels.count)
    }

    var byteCount: Int {
        guard let plan = slots.first?.program.plan else { return 0 }
        return plan.arenaByteCount
            + slots.reduce(0) { $0 + Program.byteCount($1.program.plan, sharesArena: true) }
    }

    /// Whether no frame is wanted behind those that the device has.
    var isFull: Bool { flow.options.maxFrames.map { tally.encoded + (flight == nil ? 0 : 1) >= $0 } ?? false }

    var freeSlot: Int { (lastSlot + 1) % Self.slotCount }

    // MARK: Slots

    /// Lets go of the slots: their memory may be needed for larger ones.
    func removeSlots() { (slots, capacity, outputs) = ([], nil, nil) }

    func setSlots(_ programs: [Program], _ recording: EncoderGraphs.Images, capacity: PixelCapacity) {
        slots = programs.map { Slot(program: $0, input: nil) }
        outputs = recording
        self.capacity = capacity
    }

    /// Whether the slots hold a frame.
    func fits(_ frame: DecodedFrame, _ engine: EncoderEngine) -> Bool {
        guard let slot = slots.first, let capacity else { return false }
        return slot.input?.isLike(frame) == true || capacity.holds(engine.input(frame).capacity)
    }

    /// Puts a frame into a slot that the device does not read.
    func write(_ frame: DecodedFrame, to index: Int, _ engine: EncoderEngine) {
        guard let slot = outputs?.slots[0] else { preconditionFailure("there are no slots") }
        let program = slots[index].program
        if slots[index].input?.take(frame) == true {
            slots[index].input?.writePixels(to: program, slot)
        } else {
            let input = engine.input(frame)
            input.write(to: program, slot)
            slots[index].input = input
        }
    }

    // MARK: Times

    /// The moment to hand the next frame over: late, so that it is as new as can be, but before the device runs dry.
    func handover(_ flight: Flight) -> ContinuousClock.Instant? {
        guard let encodeTime else { return nil }
        // Twice what an upload took: it is done meanwhile, and a little late costs more than a little early.
        return started(flight) + encodeTime - uploadTime * 2 - Duration.microseconds(200)
    }

    /// When the device began with a frame.
    func started(_ flight: Flight) -> ContinuousClock.Instant {
        lastEncoded.map { max($0, flight.submitted) } ?? flight.submitted
    }

    func noteSubmitted(_ flight: Flight) {
        lastSlot = flight.slot
        uploadTime = Self.smoothed(uploadTime, flight.submitted - flight.taken)
    }

    func noteEncoded(_ flight: Flight, at moment: ContinuousClock.Instant) {
        encodeTime = encodeTime.map { Self.smoothed($0, moment - started(flight)) } ?? moment - started(flight)
        lastEncoded = moment
    }

    private static func smoothed(_ old: Duration, _ new: Duration) -> Duration {
        old == .zero ? new : old * 7 / 8 + new / 8
    }
}
