import CPerceptMedia
import Foundation
import Synchronization

/// Tells the thread that waits for a source's next event that there will be none.
///
/// Every wait of a source watches the pipe's reading end beside what it waits for. The byte in it is never read, so that
/// a signal once given wakes every later wait as well.
package final class StopSignal: Sendable {
    /// What ended a wait.
    enum Wake {
        case ready
        case stopped
        case timedOut
    }

    private let isGiven = Atomic(false)
    private let reading: Int32
    private let writing: Int32

    package init() throws(MediaError.Fault) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw .unreadable("no pipe: \(String(cString: strerror(errno)))") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        (reading, writing) = (ends[0], ends[1])
    }

    deinit {
        close(reading)
        close(writing)
    }

    var isStopped: Bool { isGiven.load(ordering: .acquiring) }

    package func stop() {
        guard !isGiven.exchange(true, ordering: .acquiringAndReleasing) else { return }
        var byte: UInt8 = 0
        _ = write(writing, &byte, 1)
    }

    /// Sleeps until an instant; false when stopped before or meanwhile.
    func sleep(until instant: ContinuousClock.Instant) -> Bool {
        while true {
            if isStopped { return false }
            let left = ContinuousClock.now.duration(to: instant)
            guard left > .zero else { return true }
            _ = percept_wait_readable(reading, -1, left.nanoseconds)
        }
    }

    /// Waits until a descriptor can be read, or has failed, which reading it then tells.
    func wait(for descriptor: Int32, _ limit: Duration) -> Wake {
        let end = ContinuousClock.now + limit
        while true {
            if isStopped { return .stopped }
            let left = ContinuousClock.now.duration(to: end)
            guard left > .zero else { return .timedOut }
            let found = percept_wait_readable(reading, descriptor, left.nanoseconds)
            if found & 1 != 0 { return .stopped }
            if found & 2 != 0 { return .ready }
        }
    }
}

extension Duration {
    fileprivate var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        return min(seconds, 1 << 32) * 1_000_000_000 + attoseconds / 1_000_000_000
    }

    init(seconds: Double) { self = .nanoseconds(Int64(seconds * 1e9)) }

    var inSeconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) + Double(attoseconds) * 1e-18
    }
}
