import Foundation
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
    public func stop() { lease.flow.stop() }

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
                do throws(PerceptError) {
                    return Result<StreamEvent?, PerceptError>.success(try await flow.events.next())
                } catch { return .failure(error) }
            } onCancel: {
                flow.stop()
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
            flow.stop()
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
    let source: any LiveSource
    let options: StreamOptions
    let mailbox: FrameMailbox
    let events = EventQueue()
    private let hasStarted = Atomic<Bool>(false)
    private let stopped = Atomic<Bool>(false)
    private static let count = Atomic<Int>(0)

    init(_ source: any LiveSource, _ options: StreamOptions) {
        id = Self.count.wrappingAdd(1, ordering: .relaxed).newValue
        self.source = source
        self.options = options
        mailbox = FrameMailbox(everyFrame: options.everyFrame)
    }

    var isStopped: Bool { stopped.load(ordering: .relaxed) }

    /// Reads the source on a thread of its own, where it may block; it goes on when this is called again.
    func start() {
        guard !hasStarted.exchange(true, ordering: .relaxed) else { return }
        let thread = Thread { [source, mailbox] in
            do {
                reading: while let event = try source.next() {
                    switch event {
                    case .notice(let notice): mailbox.put(notice)
                    case .frame(let frame):
                        guard mailbox.put(WaitingFrame(live: frame, decoded: .now)) else { break reading }
                    }
                }
                mailbox.end(nil)
            } catch {
                mailbox.end(PerceptError(error))
            }
        }
        thread.name = "percept.source"
        // A decoder's own threads aside, the main thread's size on Linux.
        thread.stackSize = 8 << 20
        thread.start()
    }

    func stop() {
        guard !stopped.exchange(true, ordering: .relaxed) else { return }
        source.stop()
        mailbox.close()
    }

    /// Returns early when the stream is stopped.
    func sleep(_ duration: Duration) async {
        let end = ContinuousClock.now + duration
        while !isStopped, ContinuousClock.now < end { try? await Task.sleep(for: .milliseconds(50)) }
    }
}
