import PerceptVulkan
import Synchronization

/// Somebody who hands work to a device in pieces: a stream, an answer, a model's batches.
package final class TurnClient: Sendable {
    /// How much work cannot wait.
    package enum Urgency: Int, Sendable, CaseIterable {
        /// Frames of a camera: before all others. They take little of the device's time.
        case live
        /// Somebody waits for it.
        case interactive
        /// Nobody waits: what the others leave, and a ninth of the time at least.
        case bulk

        /// Share of the device's time among those that want it.
        fileprivate var weight: Double {
            switch self {
            case .live, .interactive: 8
            case .bulk: 1
            }
        }
    }

    /// What traces call it.
    package let name: String
    package let urgency: Urgency
    private struct State {
        var used = 0.0
        /// Pieces that the device has.
        var flights = 0
        var use = DeviceUse()
        /// Waiting for a piece failed, and nobody has been told yet.
        var fault: VulkanError?
    }

    private let state = Mutex(State())

    package init(_ urgency: Urgency, name: String = "other") {
        self.urgency = urgency
        self.name = name
    }

    /// What has run since the last call.
    package func takeUse() -> DeviceUse {
        state.withLock { state in
            defer { state.use = DeviceUse() }
            return state.use
        }
    }

    /// Notes that waiting for one of the client's pieces failed.
    func fail(_ error: VulkanError) {
        state.withLock { state in
            state.flights -= 1
            state.fault = error
        }
    }

    /// What failed since the last call.
    func takeFault() -> VulkanError? {
        state.withLock { state in
            defer { state.fault = nil }
            return state.fault
        }
    }

    /// Nanoseconds of the device's time that were had, over the weight.
    fileprivate var used: Double { state.withLock { $0.used } }

    /// Notes that the device has a piece.
    package func begin() { state.withLock { $0.flights += 1 } }

    /// Takes in what a piece took that has ended.
    package func charge(_ time: Duration) {
        state.withLock { state in
            state.flights -= 1
            state.used += time / .nanoseconds(1) / urgency.weight
            state.use.note(time)
        }
    }

    /// Time that was not asked for is not saved up; whoever has a piece on its way asks on.
    fileprivate func forget(before floor: Double) {
        state.withLock { state in
            if state.flights == 0 { state.used = max(state.used, floor) }
        }
    }
}

/// In which order those who wait have their turns: live ones first, then whoever has had least of the device's time for
/// his weight (start-time fair queueing: Goyal, Vin and Cheng 1996).
package struct TurnOrder<Token> {
    private var waiting: [(client: TurnClient, token: Token)] = []
    /// What the one had used who had the last turn.
    private var floor = 0.0

    package init() {}

    package var isEmpty: Bool { waiting.isEmpty }

    package mutating func add(_ client: TurnClient, _ token: Token) {
        client.forget(before: floor)
        waiting.append((client, token))
    }

    /// Takes out who is next. Of one client, and of those that have had the same, the one who came first.
    package mutating func next() -> Token? {
        var best: (index: Int, live: Bool, used: Double)?
        for (index, entry) in waiting.enumerated() {
            let (live, used) = (entry.client.urgency == .live, entry.client.used)
            if let best, best.live == live ? best.used <= used : best.live { continue }
            best = (index, live, used)
        }
        guard let best else { return nil }
        if !best.live { floor = max(floor, best.used) }
        return waiting.remove(at: best.index).token
    }
}
