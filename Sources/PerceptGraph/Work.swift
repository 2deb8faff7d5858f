/// What a dispatch computes and moves at least, to be compared with what a device can do in a second.
package struct Work: Hashable, Sendable {
    /// Floating-point operations, an addition and a multiplication counted as two.
    package var flops: Double
    /// Bytes read and written, each once.
    package var bytes: Double

    package init(flops: Double, bytes: Double) {
        self.flops = flops
        self.bytes = bytes
    }
}

/// How much of a decoder's cache one run sees.
package struct CacheUse: Hashable, Sendable {
    /// Positions of a sequence that are held when the run ends.
    package let held: Int
    /// Mean number of positions that a row of the run sees, itself among them.
    package let seen: Double

    /// A run of `rows` positions behind `depth` others.
    package init(depth: Int, rows: Int) {
        held = depth + rows
        seen = Double(depth) + Double(rows + 1) / 2
    }
}

extension Dispatch {
    /// What it does in a run: as declared, but for what depends on how full a cache is.
    ///
    /// - Parameter cache: nil takes the cache as full, as a plan has to.
    package func work(_ cache: CacheUse? = nil) -> Work {
        // A tensor that is named by several operands, as queries, keys and values in one, moves once.
        func bytes(_ operands: [Operand]) -> Double {
            var tensors: [Int: Int] = [:]
            for operand in operands {
                let rows: Int
                switch operand.rows {
                case .all: rows = operand.tensor.rows
                case .some(let count): rows = count
                case .held(let positions, let sequences):
                    rows = min(min(cache?.held ?? positions, positions) * sequences, operand.tensor.rows)
                }
                tensors[operand.tensor.id] = max(tensors[operand.tensor.id] ?? 0, rows * operand.tensor.rowByteCount)
            }
            return tensors.values.reduce(0) { $0 + Double($1) }
        }
        var flops = flops
        for operand in reads {
            guard let cache, case .held(let room, _) = operand.rows else { continue }
            flops *= min(cache.seen, Double(room)) / Double(room)
        }
        return Work(flops: flops, bytes: bytes(reads) + bytes(writes))
    }
}
