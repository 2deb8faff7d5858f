import Synchronization

/// What the pieces of a program took on the device, as far as they have run: by it, short ones are joined.
package final class PieceTimes: Sendable {
    private let times: Mutex<[Duration?]>

    init(count: Int) { times = Mutex([Duration?](repeating: nil, count: count)) }

    /// The end of the pieces from `start` on that go out together: as many as fit into `limit` by the times that they
    /// took, and at least one.
    ///
    /// - Parameter end: behind the last.
    func end(from start: Int, before end: Int, within limit: Duration) -> Int {
        times.withLock { times in
            var stop = start + 1
            guard var sum = times[start] else { return stop }
            while stop < end, let more = times[stop], sum + more <= limit {
                sum += more
                stop += 1
            }
            return stop
        }
    }

    /// Takes in what pieces took together, each its share by what was known of them. What took longer may have met other
    /// work, or been compiled: it counts for a quarter.
    func learn(_ took: Duration, of run: Range<Int>) {
        times.withLock { times in
            guard run.count > 1 else {
                let index = run.lowerBound
                times[index] = times[index].map { took < $0 ? took : ($0 * 3 + took) / 4 } ?? took
                return
            }
            let known = run.reduce(Duration.zero) { $0 + (times[$1] ?? .zero) }
            guard known > .zero else { return }
            let factor = took < known ? took / known : (3 + took / known) / 4
            for piece in run { times[piece] = times[piece].map { $0 * factor } }
        }
    }
}
