import PerceptNumbers
import PerceptShaders

/// What the host reads (`Shaders/include/sampling.glsl`) where there was no token to draw.
package enum DrawnToken {
    /// A logit was NaN or infinite.
    package static let notFinite: UInt32 = 0xffff_ffff
}

extension Graph {
    /// A decoder's input [T, W] f32: rows of the token table, and rows of media where an id has the top bit set.
    ///
    /// - Parameters:
    ///   - ids: where they come from.
    ///   - table: [V, W].
    ///   - media: [M, W].
    package mutating func spliceEmbedding(
        _ label: String, ids: RowTokens, table: Tensor, media: Tensor
    ) -> Tensor {
        precondition(media.columns == table.columns, "\(label): \(media), \(table)")
        let result = self.result([ids.rows, table.columns], .f32)
        append(label, SpliceEmbedding(ids: ids, table: table, media: media, result: result))
        return result
    }

    /// What the rows of a decoder's run are.
    package enum RowTokens: Sendable {
        /// Ids of a prompt [1, T], 32-bit words.
        case prompt(Tensor)
        /// The tokens at hand [1, slots] of the rows at `places` [T, 8].
        case drawn(Tensor, places: Tensor)

        var rows: Int {
            switch self {
            case .prompt(let ids): ids.columns
            case .drawn(_, let places): places.rows
            }
        }
    }

    /// Means of `ratio` x `ratio` tokens of a square grid, written to the rows of `target` from `first` on.
    ///
    /// - Parameters:
    ///   - x: [skipped + side², W], the grid row by row behind `skipped` rows.
    ///   - first: [1, 8], a row of `target` in its first word.
    ///   - target: [rows, W].
    package mutating func gridPool(
        _ label: String, _ x: Tensor, skipped: Int, ratio: Int, first: Tensor, into target: Tensor
    ) {
        let side = Int(Double(x.rows - skipped).squareRoot())
        precondition(side * side == x.rows - skipped && side % ratio == 0, "\(label): \(x)")
        precondition(target.columns == x.columns, "\(label): \(target)")
        append(label, GridPool(x: x, skipped: skipped, side: side, ratio: ratio, first: first, target: target))
    }

    /// Rows of x, of any format, copied to other rows of it.
    ///
    /// - Parameters:
    ///   - rows: [1, 8], words: the first row, where it goes, and how many; the two ranges do not meet.
    ///   - most: rows at most.
    package mutating func copyRows(_ label: String, _ x: Tensor, rows: Tensor, most: Int) {
        append(label, CopyRows(x: x, rows: rows, most: most))
    }

    /// The last real row of a prompt's run, x [T, W] f32 to `target` [1, W] f32; its rows are at `places` [T, 8].
    package mutating func lastRow(_ label: String, _ x: Tensor, places: Tensor, into target: Tensor) {
        precondition(x.type == .f32 && target.type == .f32 && target.shape == [1, x.columns], "\(label): \(x)")
        append(label, LastRow(x: x, places: places, target: target))
    }

    /// How tokens are drawn, and where they go.
    package struct Drawing: Sendable {
        /// [rows, 8] words of `SamplingSettings` (`Shaders/include/sampling.glsl`).
        package let settings: Tensor
        /// [rows, 8] words of `Place`.
        package let places: Tensor
        /// [1, slots] words: the tokens at hand.
        package let tokens: Tensor
        /// [1, words]: what the host reads, see `DrawnToken`.
        package let drawn: Tensor

        package init(settings: Tensor, places: Tensor, tokens: Tensor, drawn: Tensor) {
            self.settings = settings
            self.places = places
            self.tokens = tokens
            self.drawn = drawn
        }
    }

    /// Draws the token after each row's position: logits [rows, V] f32.
    package mutating func sample(_ label: String, logits: Tensor, _ drawing: Drawing) {
        precondition(logits.rows == drawing.places.rows && logits.type == .f32, "\(label): \(logits)")
        append(label, Sample(logits: logits, drawing: drawing))
    }

    /// The logits of one row, and the token that `sample` draws from them, in one dispatch.
    ///
    /// - Parameters:
    ///   - x: [1, K].
    ///   - weight: [V, K], quantised or not.
    /// - Returns: the logits [1, V] f32.
    package mutating func draw(
        _ label: String, _ x: Tensor, _ weight: Tensor, _ drawing: Drawing
    ) -> Tensor {
        precondition(x.rows == 1 && weight.columns == x.columns, "\(label): \(x) by \(weight)")
        let logits = result([1, weight.rows], .f32)
        let bests = result([1, 2 * Draw.parts(of: logits)], .f32)
        append(
            label,
            Draw(x: x, weight: weight, logits: logits, bests: bests, arrivals: arrivals(1), drawing: drawing))
        return logits
    }
}

struct SpliceEmbedding: Operation {
    let ids: Graph.RowTokens
    let table: Tensor
    let media: Tensor
    let result: Tensor

    func dispatch(_ lowering: Lowering) -> Dispatch {
        let lanes = lowering.device.rowWorkgroup
        let (prompt, tokens, places): (Tensor?, Tensor?, Tensor?) =
            switch ids {
            case .prompt(let ids): (ids, nil, nil)
            case .drawn(let tokens, let places): (nil, tokens, places)
            }
        func address(_ tensor: Tensor?) -> PushValue { tensor.map { .operand(Operand($0)) } ?? .unused }
        return Dispatch(
            Catalog.spliceEmbedding,
            constants: [
                "LANES": lanes, "TABLE_TYPE": lowering.constant(formatOf: table),
                "MEDIA_TYPE": Int(media.type.rawValue),
                "DECODING": prompt == nil ? 1 : 0,
            ],
            push: [
                "ids": address(prompt), "table": .operand(Operand(table)),
                "media": .operand(Operand(media)), "result": .operand(Operand(result)),
                "places": address(places), "tokens": address(tokens), "stride": .uint(table.octets),
                "width": .uint(table.columns),
                "vocabulary": .uint(table.rows), "mediaRows": .uint(media.rows),
            ],
            groups: [table.octets.dividedRoundingUp(by: lanes), result.rows, 1],
            // Each row comes from one of the two.
            reads: [prompt, tokens, places].compactMap { $0.map { Operand($0) } } + [
                Operand(table, rows: .some(result.rows)), Operand(media, rows: .some(0)),
            ], writes: [Operand(result)])
    }
}

struct GridPool: Operation {
    let x: Tensor
    let skipped: Int
    let side: Int
    let ratio: Int
    let first: Tensor
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
                "first": .operand(Operand(first)), "skipped": .uint(skipped), "side": .uint(side),
                "ratio": .uint(ratio), "stride": .uint(x.octets), "rows": .uint(target.rows),
            ],
            groups: [x.octets.dividedRoundingUp(by: lanes), pooled * pooled, 1],
            reads: [Operand(x), Operand(first)], writes: [Operand(target, rows: .some(pooled * pooled))])
    }
}

struct CopyRows: Operation {
    let x: Tensor
    let rows: Tensor
    let most: Int

    func dispatch(_ lowering: Lowering) -> Dispatch {
        Dispatch(
            Catalog.copyRows, constants: ["LANES": lowering.device.rowWorkgroup],
            push: [
                "x": .operand(Operand(x)), "result": .operand(Operand(x)), "rows": .operand(Operand(rows)),
                "stride": .uint(x.rowByteCount / 16),
            ],
            groups: [most, 1, 1], reads: [Operand(x, rows: .some(most)), Operand(rows)],
            writes: [Operand(x, rows: .some(most))])
    }
}

struct LastRow: Operation {
    let x: Tensor
    let places: Tensor
    let target: Tensor

    func dispatch(_ lowering: Lowering) -> Dispatch {
        let lanes = lowering.device.rowWorkgroup
        return Dispatch(
            Catalog.lastRow, constants: ["LANES": lanes],
            push: [
                "x": .operand(Operand(x)), "result": .operand(Operand(target)), "places": .operand(Operand(places)),
                "rows": .uint(x.rows), "stride": .uint(x.octets),
            ],
            groups: [x.octets.dividedRoundingUp(by: lanes), 1, 1],
            reads: [Operand(x, rows: .some(1)), Operand(places, rows: .some(1))], writes: [Operand(target)])
    }
}

struct Sample: Operation {
    let logits: Tensor
    let drawing: Graph.Drawing

    func dispatch(_ lowering: Lowering) -> Dispatch {
        Dispatch(
            Catalog.sample, constants: ["LANES": lowering.device.samplingWorkgroup],
            push: [
                "logits": .operand(Operand(logits)), "settings": .operand(Operand(drawing.settings)),
                "places": .operand(Operand(drawing.places)), "tokens": .operand(Operand(drawing.tokens)),
                "drawn": .operand(Operand(drawing.drawn)), "vocabulary": .uint(logits.columns),
                "stride": .uint(logits.paddedColumns),
            ],
            groups: [1, logits.rows, 1], reads: [logits, drawing.settings, drawing.places].map { Operand($0) },
            writes: [drawing.tokens, drawing.drawn].map { Operand($0) })
    }
}

struct Draw: Operation {
    let x: Tensor
    let weight: Tensor
    let logits: Tensor
    /// Of the parts, the largest logit and its index.
    let bests: Tensor
    let arrivals: Tensor
    let drawing: Graph.Drawing

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
                "settings": .operand(Operand(drawing.settings)), "places": .operand(Operand(drawing.places)),
                "tokens": .operand(Operand(drawing.tokens)), "drawn": .operand(Operand(drawing.drawn)),
                "columns": .uint(logits.paddedColumns),
                "depth": .uint(x.paddedColumns), "parts": .uint(parts), "vocabulary": .uint(logits.columns),
            ],
            groups: [parts, 1, 1], reads: [x, weight, drawing.settings, drawing.places].map { Operand($0) },
            writes: [logits, bests, arrivals, drawing.tokens, drawing.drawn].map { Operand($0) },
            flops: 2 * Double(weight.columns) * Double(weight.rows), subgroupSize: device.subgroupSize)
    }
}

extension DeviceProfile {
    /// Lanes that draw a token. A CPU driver runs a workgroup on one core, where more than a subgroup's only cost barriers.
    fileprivate var samplingWorkgroup: Int {
        style == .cpu ? subgroupSize : min(256, 32 * subgroupSize, largestWorkgroup)
    }
}
