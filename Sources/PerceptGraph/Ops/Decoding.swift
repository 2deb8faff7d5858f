import PerceptNumbers
import PerceptShaders

/// Where a decoder is, or which rows of the media features are written: what the host fills of
/// `Shaders/include/cursor.glsl`.
package struct Cursor: Hashable, Sendable {
    /// A cursor's words, filled up to an octet.
    package static let shape = [1, 8]

    /// The first position or row.
    package var first: Int
    /// Rows that are real; those behind them fill up a prompt.
    package var count: Int

    package init(first: Int, count: Int = 0) {
        self.first = first
        self.count = count
    }

    package var words: [UInt32] { [UInt32(first), UInt32(count), 0, 0, 0, 0, 0, 0] }
}

/// What stands in the ring of tokens (`Shaders/include/sampling.glsl`) where there was none to draw.
package enum DrawnToken {
    /// A logit was NaN or infinite.
    package static let notFinite: UInt32 = 0xffff_ffff
}

extension Graph {
    /// A decoder's input [T, W] f32: rows of the token table, and rows of media where an id has the top bit set.
    ///
    /// - Parameters:
    ///   - ids: [1, T] 32-bit words; nil takes the cursor's token, T = 1.
    ///   - table: [V, W].
    ///   - media: [M, W].
    package mutating func spliceEmbedding(
        _ label: String, ids: Tensor?, table: Tensor, media: Tensor, cursor: Tensor
    ) -> Tensor {
        precondition(media.columns == table.columns, "\(label): \(media), \(table)")
        let result = self.result([ids?.columns ?? 1, table.columns], .f32)
        append(label, SpliceEmbedding(ids: ids, table: table, media: media, cursor: cursor, result: result))
        return result
    }

    /// Means of `ratio` x `ratio` tokens of a square grid, written to the rows of `target` from the cursor's first on.
    ///
    /// - Parameters:
    ///   - x: [skipped + side², W], the grid row by row behind `skipped` rows.
    ///   - target: [rows, W].
    package mutating func gridPool(
        _ label: String, _ x: Tensor, skipped: Int, ratio: Int, cursor: Tensor, into target: Tensor
    ) {
        let side = Int(Double(x.rows - skipped).squareRoot())
        precondition(side * side == x.rows - skipped && side % ratio == 0, "\(label): \(x)")
        precondition(target.columns == x.columns, "\(label): \(target)")
        append(label, GridPool(x: x, skipped: skipped, side: side, ratio: ratio, cursor: cursor, target: target))
    }

    /// The last real row of a prefill, x [T, W] f32 to `target` [1, W] f32; `next` becomes the cursor at its position.
    package mutating func lastRow(_ label: String, _ x: Tensor, cursor: Tensor, next: Tensor, into target: Tensor) {
        precondition(x.type == .f32 && target.type == .f32 && target.shape == [1, x.columns], "\(label): \(x)")
        append(label, LastRow(x: x, cursor: cursor, next: next, target: target))
    }

    /// Draws the token after the cursor's position, and moves the cursor on to it.
    ///
    /// - Parameters:
    ///   - logits: [1, V] f32.
    ///   - settings: [1, 8] words of `SamplingSettings` (`Shaders/include/sampling.glsl`).
    ///   - tokens: [1, capacity] words, a ring; see `DrawnToken`.
    package mutating func sample(_ label: String, logits: Tensor, settings: Tensor, cursor: Tensor, tokens: Tensor) {
        precondition(logits.rows == 1 && logits.type == .f32 && tokens.rows == 1, "\(label): \(logits)")
        append(label, Sample(logits: logits, settings: settings, cursor: cursor, tokens: tokens))
    }

    /// The logits of one row, and the token that `sample` draws from them, in one dispatch.
    ///
    /// - Parameters:
    ///   - x: [1, K].
    ///   - weight: [V, K], quantised or not.
    /// - Returns: the logits [1, V] f32.
    package mutating func draw(
        _ label: String, _ x: Tensor, _ weight: Tensor, settings: Tensor, cursor: Tensor, tokens: Tensor
    ) -> Tensor {
        precondition(x.rows == 1 && weight.columns == x.columns && tokens.rows == 1, "\(label): \(x) by \(weight)")
        let logits = result([1, weight.rows], .f32)
        let bests = result([1, 2 * Draw.parts(of: logits)], .f32)
        append(
            label,
            Draw(
                x: x, weight: weight, logits: logits, bests: bests, arrivals: arrivals(1), settings: settings,
                cursor: cursor, tokens: tokens))
        return logits
    }
}

struct SpliceEmbedding: Operation {
    let ids: Tensor?
    let table: Tensor
    let media: Tensor
    let cursor: Tensor
    let result: Tensor

    func dispatch(_ lowering: Lowering) -> Dispatch {
        let lanes = lowering.device.rowWorkgroup
        return Dispatch(
            Catalog.spliceEmbedding,
            constants: [
                "LANES": lanes, "TABLE_TYPE": lowering.constant(formatOf: table),
                "MEDIA_TYPE": Int(media.type.rawValue),
                "DECODING": ids == nil ? 1 : 0,
            ],
            push: [
                "ids": ids.map { .operand(Operand($0)) } ?? .unused, "table": .operand(Operand(table)),
                "media": .operand(Operand(media)), "result": .operand(Operand(result)),
                "cursor": .operand(Operand(cursor)), "stride": .uint(table.octets), "width": .uint(table.columns),
                "vocabulary": .uint(table.rows), "mediaRows": .uint(media.rows),
            ],
            groups: [table.octets.dividedRoundingUp(by: lanes), result.rows, 1],
            // Each row comes from one of the two.
            reads: [ids, cursor].compactMap { $0.map { Operand($0) } } + [
                Operand(table, rows: .some(result.rows)), Operand(media, rows: .some(0)),
            ], writes: [Operand(result)])
    }
}

struct GridPool: Operation {
    let x: Tensor
    let skipped: Int
    let side: Int
    let ratio: Int
    let cursor: Tensor
    let target: Tensor

    func dispatch(_ lowering: Lowering) -> Dispatch {
        let lanes = lowering.device.rowWorkgroup
        let pooled = side / ratio
        return Dispatch(
            Catalog.gridPool,
            constants: [
                "LANES": lanes, "X_TYPE": Int(x.type.rawValue), "RESULT_TYPE": Int(target.type.rawValue),
            ],
            push: [
                "x": .operand(Operand(x)), "result": .operand(Operand(target)), "saturations": .saturations,
                "cursor": .operand(Operand(cursor)), "skipped": .uint(skipped), "side": .uint(side),
                "ratio": .uint(ratio), "stride": .uint(x.octets), "rows": .uint(target.rows),
            ],
            groups: [x.octets.dividedRoundingUp(by: lanes), pooled * pooled, 1],
            reads: [Operand(x), Operand(cursor)], writes: [Operand(target, rows: .some(pooled * pooled))])
    }
}

struct LastRow: Operation {
    let x: Tensor
    let cursor: Tensor
    let next: Tensor
    let target: Tensor

    func dispatch(_ lowering: Lowering) -> Dispatch {
        let lanes = lowering.device.rowWorkgroup
        return Dispatch(
            Catalog.lastRow, constants: ["LANES": lanes],
            push: [
                "x": .operand(Operand(x)), "result": .operand(Operand(target)), "cursor": .operand(Operand(cursor)),
                "next": .operand(Operand(next)), "rows": .uint(x.rows), "stride": .uint(x.octets),
            ],
            groups: [x.octets.dividedRoundingUp(by: lanes), 1, 1],
            reads: [Operand(x, rows: .some(1)), Operand(cursor)], writes: [Operand(target), Operand(next)])
    }
}

struct Sample: Operation {
    let logits: Tensor
    let settings: Tensor
    let cursor: Tensor
    let tokens: Tensor

    func dispatch(_ lowering: Lowering) -> Dispatch {
        Dispatch(
            Catalog.sample, constants: ["LANES": lowering.device.samplingWorkgroup],
            push: [
                "logits": .operand(Operand(logits)), "settings": .operand(Operand(settings)),
                "cursor": .operand(Operand(cursor)), "tokens": .operand(Operand(tokens)),
                "vocabulary": .uint(logits.columns), "capacity": .uint(tokens.columns),
            ],
            groups: [1, 1, 1], reads: [Operand(logits), Operand(settings), Operand(cursor)],
            writes: [Operand(cursor), Operand(tokens)])
    }
}

struct Draw: Operation {
    let x: Tensor
    let weight: Tensor
    let logits: Tensor
    /// Of the parts, the largest logit and its index.
    let bests: Tensor
    let arrivals: Tensor
    let settings: Tensor
    let cursor: Tensor
    let tokens: Tensor

    /// Columns of a workgroup: workgroups are few enough that one can go through what they found, and of a vocabulary of some
    /// hundred still more than a CPU has cores.
    private static let partColumns = 64

    /// Pairs of words in whole octets.
    static func parts(of logits: Tensor) -> Int {
        logits.paddedColumns.dividedRoundingUp(by: partColumns).roundedUp(to: 4)
    }

    func dispatch(_ lowering: Lowering) -> Dispatch {
        let device = lowering.device
        let parts = Self.parts(of: logits)
        return Dispatch(
            Catalog.draw[device.style == .gpu ? .ahead : device.loadsWide ? .wide : .plain],
            constants: [
                "LANES": device.samplingWorkgroup, "PART_COLUMNS": Self.partColumns,
                "A_TYPE": lowering.constant(typeOf: x), "B_TYPE": lowering.constant(formatOf: weight),
            ],
            push: [
                "a": .operand(Operand(x)), "b": .operand(Operand(weight)), "logits": .operand(Operand(logits)),
                "bests": .operand(Operand(bests)), "arrivals": .operand(Operand(arrivals)),
                "settings": .operand(Operand(settings)), "cursor": .operand(Operand(cursor)),
                "tokens": .operand(Operand(tokens)), "columns": .uint(logits.paddedColumns),
                "depth": .uint(x.paddedColumns), "parts": .uint(parts), "vocabulary": .uint(logits.columns),
                "capacity": .uint(tokens.columns),
            ],
            groups: [parts, 1, 1], reads: [x, weight, settings, cursor].map { Operand($0) },
            writes: [logits, bests, arrivals, cursor, tokens].map { Operand($0) },
            flops: 2 * Double(weight.columns) * Double(weight.rows), subgroupSize: device.subgroupSize)
    }
}

extension DeviceProfile {
    /// Lanes that draw a token. A CPU driver runs a workgroup on one core, where more than a subgroup's only cost barriers.
    fileprivate var samplingWorkgroup: Int {
        style == .cpu ? subgroupSize : min(256, 32 * subgroupSize, largestWorkgroup)
    }
}
