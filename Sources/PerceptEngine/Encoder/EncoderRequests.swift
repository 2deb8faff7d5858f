package import PerceptFrame
package import PerceptModels
package import PerceptRuntime

/// What an encoder computes of the items of a batch.
package enum EncoderWork: Hashable, Sendable {
    /// What a task makes of decoded images; a classification has the embeddings of its labels beside it.
    case images(ImageTask, labels: [[Float]])
    /// Embeddings of normalised pixels [3, height, width].
    case tensors
    /// Embeddings of ids that are padded to the context.
    case texts
}

/// One image or text.
package enum EncoderItem: Sendable {
    case image(DecodedFrame)
    /// An image that was made ready by whoever asks.
    case prepared(ImageInput)
    case tensor([Float])
    case ids([UInt32])
}

/// What somebody has asked an encoder for: any number of items, each of which becomes a row of numbers.
///
/// It belongs to the device's thread.
package final class EncoderCall {
    let work: EncoderWork
    let items: [EncoderItem]
    /// The most of one batch; less than was asked for where memory was short.
    fileprivate(set) var limit: Int
    package let urgency: TurnClient.Urgency
    /// Whether its items go with those of other calls.
    let sharesBatches: Bool
    /// The first item that is in no batch yet.
    fileprivate(set) var next = 0
    private var rows: [[Float]]
    private var missing: Int
    private var fault: (any Error)?
    private var continuation: UnsafeContinuation<Void, Never>?
    /// From the first to the last kernel of the last batch; nil on devices without timestamps.
    package fileprivate(set) var deviceTime: Duration?

    package init(
        _ work: EncoderWork, _ items: [EncoderItem], limit: Int, urgency: TurnClient.Urgency = .interactive,
        sharesBatches: Bool = true
    ) {
        self.work = work
        self.items = items
        self.limit = max(limit, 1)
        self.urgency = urgency
        self.sharesBatches = sharesBatches
        rows = [[Float]](repeating: [], count: items.count)
        missing = items.count
    }

    fileprivate var waits: Bool { fault == nil && next < items.count }

    fileprivate func goes(with other: EncoderCall) -> Bool {
        sharesBatches && other.sharesBatches && limit == other.limit && work == other.work
    }

    /// The rows of all items in their order, waited for.
    package func results(isolation: isolated (any Actor)? = #isolation) async throws -> [[Float]] {
        if missing > 0, fault == nil {
            await withUnsafeContinuation { continuation = $0 }
        }
        if let fault { throw fault }
        return rows
    }

    /// Ends the call: what waits of it is not computed.
    package func fail(_ error: any Error) {
        guard fault == nil, missing > 0 else { return }
        fault = error
        wake()
    }

    fileprivate func take(_ row: [Float], of item: Int, deviceTime: Duration?) {
        rows[item] = row
        self.deviceTime = deviceTime
        missing -= 1
        if missing == 0, fault == nil { wake() }
    }

    private func wake() {
        continuation?.resume()
        continuation = nil
    }
}

/// Items that go through the device together, of one call or of several.
package final class EncoderBatch {
    let work: EncoderWork
    let limit: Int
    let urgency: TurnClient.Urgency
    /// Programs of the same work, so that one can be filled while the other runs.
    let place: Int
    fileprivate let parts: [(call: EncoderCall, item: Int)]

    fileprivate init(
        _ parts: [(call: EncoderCall, item: Int)], place: Int
    ) {
        let first = parts[0].call
        (work, limit, urgency) = (first.work, first.limit, first.urgency)
        self.parts = parts
        self.place = place
    }

    var count: Int { parts.count }
    var items: [EncoderItem] { parts.map { $0.call.items[$0.item] } }

    /// Hands a row out to whoever asked for it.
    func finish(_ index: Int, _ row: Result<[Float], any Error>, deviceTime: Duration?) {
        let (call, item) = parts[index]
        switch row {
        case .success(let row): call.take(row, of: item, deviceTime: deviceTime)
        case .failure(let error): call.fail(error)
        }
    }

    func fail(_ error: any Error) { for part in parts { part.call.fail(error) } }

    /// Has the items wait again.
    fileprivate func putBack() { for part in parts { part.call.next = min(part.call.next, part.item) } }
}

/// What waits for an encoder. What is of one kind goes through the device together, whoever asked for it.
struct EncoderRequests {
    /// Batches of one urgency at a time: one that runs, and one that is being handed in.
    static let mostBatches = 2

    private struct Lane {
        var calls: [EncoderCall] = []
        var places = Array(0..<mostBatches)
        /// Whether a batch of the lane is being made ready: what comes meanwhile goes into the next.
        var isFilling = false
    }

    private var lanes = [Lane](repeating: Lane(), count: TurnClient.Urgency.allCases.count)
    /// Whether nothing waits, and nothing is on its way.
    var isIdle: Bool {
        lanes.allSatisfy { lane in lane.places.count == Self.mostBatches && !lane.calls.contains(where: \.waits) }
    }

    mutating func add(_ call: EncoderCall) { lanes[call.urgency.rawValue].calls.append(call) }

    /// A batch of what waits, of a power of two; nil while there is nothing, or enough is on its way.
    ///
    /// Each call gives as much as the others, so that a large one does not hold up a small one.
    mutating func nextBatch(_ urgency: TurnClient.Urgency) -> EncoderBatch? {
        var lane = lanes[urgency.rawValue]
        defer { lanes[urgency.rawValue] = lane }
        lane.calls.removeAll { !$0.waits }
        guard !lane.isFilling, !lane.places.isEmpty, let first = lane.calls.first else { return nil }
        var calls = lane.calls.filter { $0 === first || $0.goes(with: first) }
        let waiting = calls.reduce(0) { $0 + $1.items.count - $1.next }
        let size = min(1 << (Int.bitWidth - 1 - waiting.leadingZeroBitCount), first.limit)
        var parts: [(call: EncoderCall, item: Int)] = []
        while parts.count < size {
            for call in calls.prefix(size - parts.count) {
                parts.append((call, call.next))
                call.next += 1
            }
            calls.removeAll { !$0.waits }
        }
        // Whoever had nothing is first next time.
        let served = Set(parts.map { ObjectIdentifier($0.call) })
        lane.calls =
            lane.calls.filter { !served.contains(ObjectIdentifier($0)) }
            + lane.calls.filter { served.contains(ObjectIdentifier($0)) && $0.waits }
        lane.isFilling = true
        return EncoderBatch(parts, place: lane.places.removeLast())
    }

    /// Notes that a batch has been handed in: the next may be made ready.
    mutating func handedIn(_ batch: EncoderBatch) { lanes[batch.urgency.rawValue].isFilling = false }

    /// Notes that a batch is done with, after `handedIn`.
    mutating func ended(_ batch: EncoderBatch) { lanes[batch.urgency.rawValue].places.append(batch.place) }

    /// Has the items of a batch for which memory was short wait again, for smaller ones.
    mutating func divide(_ batch: EncoderBatch) {
        batch.putBack()
        let lane = batch.urgency.rawValue
        for call in batch.calls { call.limit = max(1, batch.count / 2) }
        for call in batch.calls where !lanes[lane].calls.contains(where: { $0 === call }) {
            lanes[lane].calls.insert(call, at: 0)
        }
    }
}

extension EncoderBatch {
    fileprivate var calls: [EncoderCall] { parts.map(\.call) }
}
