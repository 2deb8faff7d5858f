/// Finds out which dispatches need a barrier in front of them.
///
/// Ranges of bytes are compared, not tensors: the arena is reused, so tensors that have nothing to do with each other
/// can conflict.
struct HazardTracker {
    private var reads: [Range<Int>] = []
    private var writes: [Range<Int>] = []

    /// Whether the ranges conflict with any since the last barrier; if so, the history starts anew behind a barrier.
    mutating func needsBarrier(reads newReads: [Range<Int>], writes newWrites: [Range<Int>]) -> Bool {
        let readsWritten = newReads.contains { read in writes.contains { $0.overlaps(read) } }
        let overwrites = newWrites.contains { write in
            writes.contains { $0.overlaps(write) } || reads.contains { $0.overlaps(write) }
        }
        let conflict = readsWritten || overwrites
        if conflict {
            reads.removeAll(keepingCapacity: true)
            writes.removeAll(keepingCapacity: true)
        }
        reads += newReads
        writes += newWrites
        return conflict
    }
}
