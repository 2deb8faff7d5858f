import Dispatch
import Foundation

/// Where URLSession delivers what arrives: one piece after the other, and no more of them waiting than fit in a few
/// mebibytes.
///
/// On Linux a transfer cannot be paused ("Need to solve pausing receive", NativeProtocol.swift of
/// swift-corelibs-foundation), and what a slow disk leaves waiting piles up in memory by the gigabyte. But pieces are added
/// here by the thread that reads the socket: held up, it stops reading, and the sender waits.
final class DeliveryQueue: OperationQueue, @unchecked Sendable {
    /// Pieces have up to 16 KiB.
    private let places = DispatchSemaphore(value: 256)
    private let line = DispatchQueue(label: "percept.hub.delivery")

    override func addOperation(_ block: @escaping @Sendable () -> Void) {
        places.wait()
        line.async { [places] in
            block()
            places.signal()
        }
    }
}
