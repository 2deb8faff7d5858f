import Foundation
import Synchronization

/// Power over time, read by a thread of its own until the end is asked for.
package final class PowerSum: Sendable {
    /// Sensors themselves average over some such time.
    static let interval = Duration.milliseconds(20)

    /// Between readings power is taken to change evenly.
    package struct Sum {
        private var last: (watts: Double, moment: ContinuousClock.Instant)?
        package private(set) var joules = 0.0
        package private(set) var isComplete = true
        fileprivate var isEnded = false

        package init() {}

        /// - Parameter watts: nil where they could not be read.
        package mutating func add(_ watts: Double?, at moment: ContinuousClock.Instant) {
            guard let watts else {
                isComplete = false
                return
            }
            if let last { joules += (last.watts + watts) / 2 * ((moment - last.moment) / .seconds(1)) }
            last = (watts, moment)
        }
    }

    private let watts: @Sendable () -> Double?
    private let sum = Mutex(Sum())

    init(_ watts: @escaping @Sendable () -> Double?) {
        self.watts = watts
        sample()
        let thread = Thread { [weak self] in
            repeat { Thread.sleep(forTimeInterval: Self.interval / .seconds(1)) } while self?.sample() == true
        }
        thread.name = "percept.power"
        thread.start()
    }

    /// - Returns: joules from the beginning to now; nil where a reading failed.
    func end() -> Double? {
        sample()
        return sum.withLock {
            $0.isEnded = true
            return $0.isComplete ? $0.joules : nil
        }
    }

    /// - Returns: false where no further reading is wanted.
    @discardableResult
    private func sample() -> Bool {
        let watts = watts()
        return sum.withLock {
            if $0.isEnded { return false }
            $0.add(watts, at: .now)
            return $0.isComplete
        }
    }
}
