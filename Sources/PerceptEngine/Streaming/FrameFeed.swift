import Foundation
package import PerceptFrame
import Synchronization

/// A source that is read on a thread of its own, where it may block, into a mailbox.
package final class FrameFeed: Sendable {
    package let description: LiveDescription
    package let mailbox: FrameMailbox
    private let source: any LiveSource
    private let hasStarted = Atomic<Bool>(false)
    private let stopped = Atomic<Bool>(false)

    /// - Parameter everyFrame: whether the source waits for the device; else the newest frame wins.
    package init(_ source: any LiveSource, everyFrame: Bool) {
        self.source = source
        description = source.description
        mailbox = FrameMailbox(everyFrame: everyFrame)
    }

    package var isStopped: Bool { stopped.load(ordering: .relaxed) }

    /// Begins to read; it goes on where this is called again.
    package func start() {
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
                mailbox.end(error)
            }
        }
        thread.name = "percept.source"
        // A decoder's own threads aside, the main thread's size on Linux.
        thread.stackSize = 8 << 20
        thread.start()
    }

    package func stop() {
        guard !stopped.exchange(true, ordering: .relaxed) else { return }
        source.stop()
        mailbox.close()
    }

    /// Waits, and returns early when the feed is stopped.
    package func sleep(_ duration: Duration) async {
        let end = ContinuousClock.now + duration
        while !isStopped, ContinuousClock.now < end { try? await Task.sleep(for: .milliseconds(50)) }
    }
}
