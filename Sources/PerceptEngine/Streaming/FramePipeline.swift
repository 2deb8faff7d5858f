import PerceptFrame
import PerceptGraph
import PerceptModels
import PerceptRuntime
import PerceptVulkan

/// What a stream has on a device, and where its frames are. It belongs to the device's thread.
///
/// Two slots: while the device computes one frame, the next is put into the other and submitted. They share an arena,
/// since runs follow one another there, and have inputs and outputs of their own.
package final class FramePipeline {
    /// What is wanted of a stream.
    package struct Options: Sendable {
        /// Whether every frame is encoded, and the source waits; else the newest frame wins.
        package let everyFrame: Bool
        /// After so many encoded frames the stream ends.
        package let maxFrames: Int?
        /// Whether the tokens of the last block are wanted too.
        package let keepsFeatures: Bool

        package init(everyFrame: Bool, maxFrames: Int?, keepsFeatures: Bool) {
            self.everyFrame = everyFrame
            self.maxFrames = maxFrames
            self.keepsFeatures = keepsFeatures
        }
    }

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
    package static let heldResults = streamCapacity + 4

    let engine: EncoderEngine
    package let feed: FrameFeed
    let options: Options
    package var progress: StreamProgress
    private(set) var slots: [Slot] = []
    /// Of each slot; nil while there are none.
    private(set) var capacity: PixelCapacity?
    /// Where their inputs and outputs are; nil while there are none.
    private(set) var outputs: EncoderGraphs.Images?
    var flight: Flight?
    package internal(set) var isAtEnd = false
    /// Thrown where nobody could be told: this device's part of the stream ends with it.
    package private(set) var failure: (any Error)?
    /// Whoever has frames described.
    package var describer: FrameDescriber?
    var embeddings: ReusedRows
    /// Results that there is room for.
    let room: () -> Int
    let deliver: (FrameDelivery) -> Void
    let client = TurnClient(.live, name: "frames")
    private let stager: FrameStager
    private var lastSlot = 0
    private var lastEncoded: ContinuousClock.Instant?
    /// What the device takes for a frame, and the host to put one there; smoothed.
    private(set) var encodeTime: Duration?
    private(set) var uploadTime = Duration.zero

    /// - Parameters:
    ///   - progress: how far the stream has come, on another device perhaps.
    ///   - room: results that may be delivered now.
    ///   - deliver: takes a result in, on the device's thread.
    package init(
        _ engine: EncoderEngine, _ feed: FrameFeed, _ options: Options, from progress: StreamProgress,
        room: @escaping () -> Int, deliver: @escaping (FrameDelivery) -> Void
    ) throws {
        stager = try FrameStager()
        self.engine = engine
        self.feed = feed
        self.options = options
        self.progress = progress
        self.room = room
        self.deliver = deliver
        embeddings = ReusedRows(count: Self.heldResults, width: engine.graphs.traits.embeddingWidth)
    }

    /// Bytes of device memory.
    package var byteCount: Int {
        guard let plan = slots.first?.program.plan else { return 0 }
        return plan.arenaByteCount
            + slots.reduce(0) { $0 + Program.byteCount($1.program.plan, sharesArena: true) }
    }

    /// Whether no frame is wanted behind those that the device has.
    var isFull: Bool { options.maxFrames.map { progress.encoded + (flight == nil ? 0 : 1) >= $0 } ?? false }

    /// Ends this device's part of the stream for what befell work on its behalf.
    package func fail(_ error: any Error) {
        failure = failure ?? error
        feed.mailbox.wake()
    }

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
    func fits(_ frame: DecodedFrame) -> Bool {
        guard let slot = slots.first, let capacity else { return false }
        return slot.input?.isLike(frame) == true || capacity.holds(engine.preparation.input(frame).capacity)
    }

    /// Puts a frame into a slot that the device does not read.
    func write(_ frame: DecodedFrame, to index: Int, isolation: isolated (any Actor)? = #isolation) async {
        guard let slot = outputs?.slots[0] else { preconditionFailure("there are no slots") }
        let place = StagedImage(slot, of: slots[index].program)
        if slots[index].input?.take(frame) == true, let input = slots[index].input {
            await stager.writePixels(of: input, to: place)
        } else {
            slots[index].input = await stager.write(frame, by: engine.preparation, to: place)
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

/// Copies frames on a thread of its own.
private actor FrameStager {
    private let thread: ExecutorThread

    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    init() throws { thread = try ExecutorThread(name: "percept.frames") }

    func writePixels(of input: ImageInput, to place: StagedImage) { place.writePixels(of: input) }

    func write(_ frame: DecodedFrame, by preparation: ImagePreparation, to place: StagedImage) -> ImageInput {
        let input = preparation.input(frame)
        place.write(input)
        return input
    }
}
