import Foundation
import Synchronization

// What ThreadSanitizer must be silent about, and what it must find: four threads add to one number, in a mutex that they
// wait for, or beside it.
//
//   race mutex|race

final class Sum: Sendable {
    let kept = Mutex(0)
    nonisolated(unsafe) var bare = 0
}

let sum = Sum()
let isRace = CommandLine.arguments.last == "race"
DispatchQueue.concurrentPerform(iterations: 4) { _ in
    for _ in 0..<20_000 {
        if isRace { sum.bare += 1 }
        sum.kept.withLock { $0 += 1 }
    }
}
print(sum.kept.withLock { $0 })
