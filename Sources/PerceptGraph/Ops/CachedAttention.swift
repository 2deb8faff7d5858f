package import PerceptNumbers
import PerceptShaders

extension Graph {
    /// Attention of a decoder's rows over its keys and values, each row seeing those up to its own position: rows that follow
    /// one another in one sequence, or the last ones of as many sequences.
    ///
    /// - Parameters:
    ///   - q: [T, at least H · D], queries first, D as stored.
    ///   - cache: [rows, 2 · G · D], quantised or not, keys first, those of this run's rows among them; G divides H.
    ///   - kvHeads: G; H / G neighbouring query heads share keys and values.
    ///   - headSize: real columns of a head: the scores are scaled by its root.
    ///   - places: [T, 8], words of `Place`.
    ///   - pages: 32-bit words, where a sequence lies in the cache (`Pages`): [1, most pages] of one sequence, [T, most pages]
    ///     of the sequence of each row.
    /// - Returns: [T, H · D].
    package mutating func cachedAttention(
        _ label: String, q: Tensor, cache: Tensor, heads: Int, kvHeads: Int, headSize: Int, places: Tensor,
        pages: Tensor, sequences: Sequences, to type: StorageType
    ) -> Tensor {
        let padded = cache.columns / (2 * kvHeads)
        precondition(
            padded % 8 == 0 && heads % kvHeads == 0 && cache.columns == 2 * kvHeads * padded
                && q.columns >= heads * padded && places.rows == q.rows, "\(label): \(q), \(cache)")
        precondition(cache.rows % Pages.rows == 0 && pages.rows == (sequences == .one ? 1 : q.rows), label)
        let result = self.result([q.rows, heads * padded], type)
        let attention = CachedAttention(
            q: q, cache: cache, heads: heads, kvHeads: kvHeads, headSize: headSize, places: places,
            pages: pages, result: result)
        guard sequences == .many else {
            append(label, attention)
            return result
        }
        // How many parts run apart is the device's business: there is room for the most.
        let parts = self.result([q.rows * CachedAttention.mostParts * heads, padded + 8], .f32)
        append(label, AttentionDecode(attention: attention, parts: parts, arrivals: arrivals(q.rows * kvHeads)))
        return result
    }

    /// Whose rows a run has.
    package enum Sequences: Sendable {
        /// Rows that follow one another in one sequence, as of a prompt.
        case one
        /// Each row is the last of a sequence of its own, as in a step of decoding.
        case many
    }

    /// Keys and values of a run, quantised and put into the rows of `target` that places say.
    ///
    /// - Parameters:
    ///   - x: [T, C], keys and values from column `first` on.
    ///   - places: [T, 8], words of `Place`.
    ///   - target: [rows, C - first] q8.
    package mutating func quantizeCache(
        _ label: String, _ x: Tensor, from first: Int, places: Tensor, into target: Tensor
    ) {
        precondition(
            target.format == .q8 && first % 8 == 0 && target.columns % 8 == 0 && x.columns == first + target.columns
                && places.rows == x.rows,
            "\(label): \(x), \(target)")
        append(label, QuantizeCache(x: x, first: first, places: places, target: target))
    }
}

struct CachedAttention: Operation {
    static let mostParts = 16

    let q: Tensor
    let cache: Tensor
    let heads: Int
    let kvHeads: Int
    let headSize: Int
    let places: Tensor
    let pages: Tensor
    let result: Tensor

    var headOctets: Int { result.columns / heads / 8 }
    /// The most that a row may see: as many as its sequence, or the cache, has room for.
    var mostKeys: Int { min(pages.columns * Pages.rows, cache.rows) }
    var scale: PushValue { .float(1 / Float(headSize).squareRoot()) }

    /// Parts that a decoding step's keys are read in; one where a device has few workgroups to fill.
    static func parts(_ device: DeviceProfile) -> Int { device.style == .cpu ? 1 : mostParts }

    var shape: AttentionShape {
        AttentionShape(
            queries: q.rows, heads: heads, headOctets: headOctets, type: q.type, format: cache.format, causal: true,
            cached: true)
    }

    func dispatch(_ lowering: Lowering) -> Dispatch {
        let choice = AttentionChoice(shape, for: lowering.device)
        let groups = [q.rows.dividedRoundingUp(by: choice.queries), heads, 1]
        let flops = 4 * Double(q.rows) * Double(mostKeys) * Double(heads * headSize)
        let push: KeyValuePairs<String, PushValue>
        if choice.isOnMatrices {
            push = [
                "q": .operand(Operand(q)), "k": .operand(Operand(cache)),
                "v": .operand(Operand(cache, firstColumn: cache.columns / 2)), "result": .operand(Operand(result)),
                "places": .operand(Operand(places)), "pages": .operand(Operand(pages)), "queries": .uint(q.rows),
                "keys": .uint(mostKeys),
                "queryStride": .uint(q.octets), "keyStride": .uint(cache.octets), "resultStride": .uint(result.octets),
                "scale": scale, "group": .uint(heads / kvHeads),
            ]
        } else {
            push = [
                "q": .operand(Operand(q)), "cache": .operand(Operand(cache)), "result": .operand(Operand(result)),
                "places": .operand(Operand(places)), "pages": .operand(Operand(pages)), "queries": .uint(q.rows),
                "keys": .uint(mostKeys),
                "queryStride": .uint(q.octets), "keyStride": .uint(cache.octets), "resultStride": .uint(result.octets),
                "scale": scale, "group": .uint(heads / kvHeads),
            ]
        }
        return Dispatch(
            choice.kernel, furtherConstants: choice.constants(shape, result: result.type), push: push,
            groups: groups,
            reads: [
                Operand(q), Operand(cache, rows: .held(positions: mostKeys, of: 1)), Operand(places, rows: .some(1)),
                Operand(pages),
            ],
            writes: [Operand(result)], flops: flops, subgroupSize: choice.subgroupSize)
    }
}

/// The attention of rows of as many sequences, each in parts that run apart; whichever ends last puts a row's together.
struct AttentionDecode: Operation {
    let attention: CachedAttention
    let parts: Tensor
    let arrivals: Tensor

    func dispatch(_ lowering: Lowering) -> Dispatch {
        let a = attention
        let mostParts = CachedAttention.parts(lowering.device)
        return Dispatch(
            Catalog.attentionDecode,
            constants: [
                "LANES": lowering.device.subgroupSize, "HEAD_OCTETS": a.headOctets, "Q_TYPE": Int(a.q.type.rawValue),
                "KV_TYPE": lowering.constant(formatOf: a.cache), "GROUP": a.heads / a.kvHeads,
                "RESULT_TYPE": Int(a.result.type.rawValue),
            ],
            push: [
                "q": .operand(Operand(a.q)), "cache": .operand(Operand(a.cache)), "parts": .operand(Operand(parts)),
                "result": .operand(Operand(a.result)), "arrivals": .operand(Operand(arrivals)),
                "places": .operand(Operand(a.places)), "pages": .operand(Operand(a.pages)),
                "qStride": .uint(a.q.octets), "pageStride": .uint(a.pages.paddedColumns),
                "keyStride": .uint(a.cache.octets), "mostParts": .uint(mostParts), "kvHeads": .uint(a.kvHeads),
                "scale": a.scale,
            ],
            groups: [mostParts, a.kvHeads, a.q.rows],
            reads: [
                Operand(a.q), Operand(a.cache, rows: .held(positions: a.mostKeys, of: a.q.rows)), Operand(a.places),
                Operand(a.pages),
            ],
            // One part goes straight to the result.
            writes: [
                Operand(a.result), Operand(parts, rows: .some(mostParts == 1 ? 0 : a.q.rows * mostParts * a.heads)),
                Operand(arrivals),
            ],
            flops: 4 * Double(a.q.rows) * Double(a.mostKeys) * Double(a.heads * a.headSize),
            subgroupSize: lowering.device.subgroupSize)
    }
}

struct QuantizeCache: Operation {
    let x: Tensor
    let first: Int
    let places: Tensor
    let target: Tensor

    func dispatch(_ lowering: Lowering) -> Dispatch {
        let lanes = lowering.device.rowWorkgroup
        // A lane makes two groups: their scales share a word.
        let pairs = QuantizedFormat.q8.groups(columns: target.columns).dividedRoundingUp(by: 2)
        return Dispatch(
            Catalog.quantizeCache, constants: ["LANES": lanes, "X_TYPE": Int(x.type.rawValue)],
            push: [
                "x": .operand(Operand(x, firstColumn: first)), "result": .operand(Operand(target)),
                "saturations": .saturations, "places": .operand(Operand(places)), "octets": .uint(target.octets),
                "xStride": .uint(x.octets),
            ],
            groups: [pairs.dividedRoundingUp(by: lanes), x.rows, 1],
            reads: [Operand(x), Operand(places)], writes: [Operand(target, rows: .some(x.rows))])
    }
}
