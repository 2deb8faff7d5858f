import PerceptEngine
import PerceptFrame
import Synchronization

/// The results of a source that is being watched, as they come.
///
/// Made by ``PerceptionEncoder/watch(_:options:)``, and iterated once. Ending the iteration, be the stream kept or not, and
/// letting go of the stream stop the source. So do cancelling the task that iterates, and ``stop()``: what is under way is
/// then still delivered, and the ``StreamSummary`` last.
///
/// A reader that is slower than the encoder slows it down: at most two results wait, and of the source's frames those are
/// dropped that there is no time for.
public struct FrameStream: AsyncSequence, Sendable {
    public typealias Element = StreamEvent
    public typealias Failure = PerceptError

    private let lease: Lease

    init(_ flow: StreamFlow) { lease = Lease(flow) }

    /// Stops the source; the stream ends soon.
    public func stop() { lease.flow.feed.stop() }

    public func makeAsyncIterator() -> Iterator { Iterator(iteration: Iteration(lease)) }

    public struct Iterator: AsyncIteratorProtocol {
        fileprivate let iteration: Iteration

        /// - Throws: ``PerceptError`` behind the summary, if something ended the stream: the source or the device.
        public mutating func next() async throws(PerceptError) -> StreamEvent? {
            try await next(isolation: nil)
        }

        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(PerceptError) -> StreamEvent? {
            let flow = iteration.lease.flow
            let result = await withTaskCancellationHandler {
                do {
                    return Result<StreamEvent?, PerceptError>.success(try await flow.events.next())
                } catch { return .failure(PerceptError(error)) }
            } onCancel: {
                flow.feed.stop()
            }
            return try result.get()
        }
    }

    /// Held by the stream and its iterator; the encoder holds the flow alone, so that this goes with its last reader.
    fileprivate final class Lease: Sendable {
        let flow: StreamFlow

        init(_ flow: StreamFlow) { self.flow = flow }

        func end() {
            flow.events.close()
            flow.feed.stop()
        }

        deinit { end() }
    }

    /// Goes with the iterator, when the loop is left, and ends what it read.
    fileprivate final class Iteration: Sendable {
        let lease: Lease

        init(_ lease: Lease) { self.lease = lease }

        deinit { lease.end() }
    }
}

/// What the source's thread, the encoder and the reader share.
final class StreamFlow: Sendable {
    let id: Int
    let options: StreamOptions
    let feed: FrameFeed
    let events = EventQueue<StreamEvent>()
    private static let count = Atomic<Int>(0)

    init(_ source: any LiveSource, _ options: StreamOptions) {
        id = Self.count.wrappingAdd(1, ordering: .relaxed).newValue
        self.options = options
        feed = FrameFeed(source, everyFrame: options.everyFrame)
    }
}
