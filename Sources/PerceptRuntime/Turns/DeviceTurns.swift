package import PerceptVulkan
import Synchronization

/// Who has the device next: all hand in short pieces, of which two are on their way, so that the device has the next when
/// it ends one, and nobody waits for more than two that are not his.
///
/// Nobody blocks: a thread of its own waits for the device and wakes whoever waits for a turn or for the end of a piece.
package final class DeviceTurns: Sendable {
    /// Pieces that the device has at a time.
    package static let mostInFlight = 2
    /// What pieces that were cut apart may take together; one that takes longer by itself goes alone.
    package static let longestPiece = Duration.milliseconds(10)

    /// A piece that the device has.
    private struct Flight {
        let submission: SubmissionID
        let client: TurnClient
        let submitted: ContinuousClock.Instant
        let pieces: (PieceTimes, Range<Int>)
    }

    private enum Ending {
        case done
        /// The moment came first.
        case late
        case failed(VulkanError)
    }

    private struct State {
        var order = TurnOrder<UnsafeContinuation<Void, Never>>()
        /// Turns that were given and not used yet.
        var given = 0
        var flights: [Flight] = []
        var ends: [(number: Int, submission: SubmissionID, continuation: UnsafeContinuation<Ending, Never>)] = []
        var lastNumber = 0
        /// Everything up to it is done.
        var done = SubmissionID.none
        var lastEnd: ContinuousClock.Instant?
        /// Everything up to the submission that was not done has failed.
        var failure: (through: SubmissionID, error: VulkanError)?
        var use = DeviceUse()

        var isFull: Bool { given + flights.count >= mostInFlight }
        func fault(of submission: SubmissionID) -> VulkanError? {
            guard done < submission, let failure else { return nil }
            return submission <= failure.through ? failure.error : nil
        }
    }

    /// Who had the device when.
    package let trace = TurnTrace()
    private let queue: Queue
    private let state = Mutex(State())
    private let watch: EndWatch

    package init(_ queue: Queue) throws {
        self.queue = queue
        watch = try EndWatch()
    }

    /// What the device has done in turns so far, or since the last `takeUse`.
    package var use: DeviceUse { state.withLock { $0.use } }

    /// What the device has done in turns since the last call; counting begins anew.
    package func takeUse() -> DeviceUse {
        state.withLock { state in
            defer { state.use = DeviceUse() }
            return state.use
        }
    }

    /// Hands recorded commands in when it is the client's turn.
    ///
    /// - Parameters:
    ///   - pieces: where their times are kept, and which they are.
    ///   - isolation: the device's thread.
    package func submit(
        _ buffers: ArraySlice<CommandBuffer>, as client: TurnClient, pieces: (PieceTimes, Range<Int>),
        isolation: isolated (any Actor)? = #isolation
    ) async throws(VulkanError) -> SubmissionID {
        await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
            let isNext = state.withLock { state in
                if !state.isFull && state.order.isEmpty {
                    state.given += 1
                    return true
                }
                state.order.add(client, continuation)
                return false
            }
            if isNext { continuation.resume() }
        }
        let submission: SubmissionID
        do throws(VulkanError) {
            if let fault = client.takeFault() { throw fault }
            submission = try queue.submit(buffers)
        } catch {
            state.withLock { $0.given -= 1 }
            giveTurns()
            throw error
        }
        client.begin()
        state.withLock { state in
            state.given -= 1
            state.flights.append(
                Flight(submission: submission, client: client, submitted: .now, pieces: pieces))
        }
        watch.watch(submission, on: queue, for: self)
        return submission
    }

    /// Waits until a submission that was handed in here is done.
    package func end(
        of submission: SubmissionID, as client: TurnClient, isolation: isolated (any Actor)? = #isolation
    ) async throws(VulkanError) {
        _ = try await ending(of: submission, client) { _ in }
    }

    /// Waits until a submission is done, or the moment has come.
    ///
    /// - Parameter thread: wakes the caller at that moment; the one it runs on.
    /// - Returns: whether it is done.
    package func end(
        of submission: SubmissionID, as client: TurnClient, before moment: ContinuousClock.Instant,
        by thread: ExecutorThread, isolation: isolated (any Actor)? = #isolation
    ) async throws(VulkanError) -> Bool {
        try await ending(of: submission, client) { thread.alarm(self, $0, at: moment) }
    }

    private func ending(
        of submission: SubmissionID, _ client: TurnClient, isolation: isolated (any Actor)? = #isolation,
        _ waits: (Int) -> Void
    ) async throws(VulkanError) -> Bool {
        let ending = await withUnsafeContinuation { (continuation: UnsafeContinuation<Ending, Never>) in
            let (ending, number): (Ending?, Int) = state.withLock { state in
                if state.done >= submission { return (.done, 0) }
                if let fault = state.fault(of: submission) { return (.failed(fault), 0) }
                state.lastNumber += 1
                state.ends.append((state.lastNumber, submission, continuation))
                return (nil, state.lastNumber)
            }
            if let ending { continuation.resume(returning: ending) } else { waits(number) }
        }
        switch ending {
        case .late: return false
        case .failed(let error):
            _ = client.takeFault()
            throw error
        case .done: if let fault = client.takeFault() { throw fault }
        }
        // Lets go of command buffers that are done.
        _ = try queue.completedValue()
        return true
    }

    // MARK: The thread that waits for the device

    fileprivate func ended(_ submission: SubmissionID) {
        let now = ContinuousClock.now
        while true {
            let continuation: UnsafeContinuation<Ending, Never>? = state.withLock { state in
                state.done = max(state.done, submission)
                while let flight = state.flights.first, flight.submission <= state.done {
                    state.flights.remove(at: 0)
                    let began = state.lastEnd.map { max($0, flight.submitted) } ?? flight.submitted
                    flight.client.charge(now - began)
                    state.use.note(now - began)
                    trace.note(flight.client, began, now)
                    flight.pieces.0.learn(now - began, of: flight.pieces.1)
                    state.lastEnd = now
                }
                guard let index = state.ends.firstIndex(where: { $0.submission <= state.done }) else { return nil }
                return state.ends.remove(at: index).continuation
            }
            guard let continuation else { break }
            continuation.resume(returning: .done)
        }
        giveTurns()
    }

    fileprivate func failed(_ error: VulkanError) {
        let ends = state.withLock { state in
            // A device that was lost fails those that follow by itself.
            state.failure = (state.flights.last?.submission ?? state.done, error)
            for flight in state.flights { flight.client.fail(error) }
            state.flights = []
            defer { state.ends = [] }
            return state.ends.map(\.continuation)
        }
        for continuation in ends { continuation.resume(returning: .failed(error)) }
        giveTurns()
    }

    private func giveTurns() {
        while let next = state.withLock({ state -> UnsafeContinuation<Void, Never>? in
            guard !state.isFull, let next = state.order.next() else { return nil }
            state.given += 1
            return next
        }) { next.resume() }
    }
}

extension DeviceTurns: Alarmed {
    package func alarm(_ number: Int) {
        let continuation = state.withLock { state in
            state.ends.firstIndex { $0.number == number }.map { state.ends.remove(at: $0).continuation }
        }
        continuation?.resume(returning: .late)
    }
}

/// What a device has done.
package struct DeviceUse: Hashable, Sendable {
    /// Pieces that have run, several that were cut apart and went out together being one.
    package private(set) var pieces = 0
    /// What they took.
    package private(set) var busy = Duration.zero
    package private(set) var longestPiece = Duration.zero

    package init() {}

    /// The part of one of several who had it together.
    package mutating func share(among count: Int) { busy /= count }

    package mutating func add(_ other: DeviceUse) {
        pieces += other.pieces
        busy += other.busy
        longestPiece = max(longestPiece, other.longestPiece)
    }

    mutating func note(_ took: Duration) {
        pieces += 1
        busy += took
        longestPiece = max(longestPiece, took)
    }
}

/// The thread that blocks on the device, so that no other has to.
private final class EndWatch: Sendable {
    private struct Entry {
        let submission: SubmissionID
        let queue: Queue
        let turns: DeviceTurns
    }

    private final class Mailbox: Sendable {
        private struct State {
            var entries: [Entry] = []
            var isClosed = false
        }

        private let state = Mutex(State())
        private let arrivals = ThreadSignal()

        func put(_ entry: Entry) {
            state.withLock { $0.entries.append(entry) }
            arrivals.signal()
        }

        func close() {
            state.withLock { $0.isClosed = true }
            arrivals.signal()
        }

        func run() {
            var entries: [Entry] = []
            while true {
                arrivals.wait()
                let isClosed = state.withLock { state in
                    swap(&entries, &state.entries)
                    return state.isClosed
                }
                for entry in entries {
                    do throws(VulkanError) {
                        try entry.queue.watch(entry.submission)
                        entry.turns.ended(entry.submission)
                    } catch { entry.turns.failed(error) }
                }
                entries.removeAll(keepingCapacity: true)
                if isClosed { return }
            }
        }
    }

    private let mailbox = Mailbox()

    init() throws(ThreadError) {
        try startThread(name: "percept.watch") { [mailbox] in mailbox.run() }
    }

    deinit { mailbox.close() }

    func watch(_ submission: SubmissionID, on queue: Queue, for turns: DeviceTurns) {
        mailbox.put(Entry(submission: submission, queue: queue, turns: turns))
    }
}
