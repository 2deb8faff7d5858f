import Dispatch
import Foundation
import Synchronization

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
        // The reading thread also cancels, but only when it has read all there is.
        if !isEnding.withLock({ $0 }) { places.wait() }
        line.async { [places] in
            block()
            places.signal()
        }
    }

    /// Runs `cancel` after what has come, and never again holds up the thread that reads.
    func end(_ cancel: @escaping @Sendable () -> Void) {
        isEnding.withLock { $0 = true }
        places.signal()
        line.async(execute: cancel)
    }
}
