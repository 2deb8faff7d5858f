import Dispatch
import Foundation
import Synchronization

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// Where URLSession delivers what arrives: one piece after the other, and no more of them waiting than fit in a few
/// mebibytes.
///
/// On Linux a transfer cannot be paused ("Need to solve pausing receive", NativeProtocol.swift of
/// swift-corelibs-foundation), and what a slow disk leaves waiting piles up in memory by the gigabyte. But pieces are
/// added here by the thread that reads the socket: held up, it stops reading, and the sender waits.
final class DeliveryQueue: OperationQueue, @unchecked Sendable {
    /// Pieces have up to 16 KiB.
    private let places = DispatchSemaphore(value: 256)
    private let line = DispatchQueue(label: "percept.hub.delivery")
    private let isEnding = Mutex(false)

    override func addOperation(_ block: @escaping @Sendable () -> Void) {
        // Cancelling happens on the reading thread as well, so at the end that is slowed down only.
        if isEnding.withLock({ $0 }) { usleep(1000) } else { places.wait() }
        line.async { [places] in
            block()
            places.signal()
        }
    }

    /// Cancels `task`, whose deliveries come here, unless `isOver` says that its end was delivered.
    ///
    /// A task that is cancelled while its end is being delivered stops the process ("Trying to access a behaviour for a
    /// task that in not in the registry", TaskRegistry.swift). Therefore nothing is delivered from before the
    /// cancellation until it has got to where it sets the task's error.
    func end(_ task: URLSessionTask, isOver: @escaping @Sendable () -> Bool) {
        isEnding.withLock { $0 = true }
        places.signal()
        line.async {
            guard !isOver() else { return }
            task.cancel()
            for _ in 0..<10_000 where task.error == nil { usleep(1000) }
        }
    }
}
