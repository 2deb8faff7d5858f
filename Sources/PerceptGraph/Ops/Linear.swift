package import PerceptNumbers
import PerceptShaders

/// What a product's epilogue does, in this order: bias, rotation, GELU, scale, residual, SwiGLU or split. Last, when rows
/// are complete, a norm.
package struct Epilogue: Sendable {
    package var bias: Tensor?
    package var rotary: Rotary?
    package var gelu = false
    /// LayerScale.
    package var scale: Tensor?
    package var residual: Tensor?
    /// Where the rows stand in a decoder's sequences [rows, 8], words of `Place`; rotation and split go by it.
    package var places: Tensor?
    /// Where the last columns go instead of the result.
    package var split: Split?
    /// Pairs of columns (gate, up) become silu(gate) · up; the result has half the columns.
    package var swiglu = false
    /// The result's rows, normalised for the next product beside the result itself.
    package var norm: (norm: Norm, target: Tensor)?

    /// Columns from `column` on go to the rows of `target` that places say: keys and values of a decoder. Where the target
    /// is quantised the result keeps them too, and there are at most `ProductShape.mostMatvecRows`.
    package struct Split: Sendable {
        package let column: Int
        package let target: Tensor

        package init(column: Int, target: Tensor) {
            precondition(column % 8 == 0)
            self.column = column
            self.target = target
        }

        var quantizes: Bool { !target.format.isPlain }
    }

    package init(
        bias: Tensor? = nil, rotary: Rotary? = nil, gelu: Bool = false, scale: Tensor? = nil, residual: Tensor? = nil,
        places: Tensor? = nil, split: Split? = nil, swiglu: Bool = false, norm: (norm: Norm, target: Tensor)? = nil
    ) {
        self.bias = bias
        self.rotary = rotary
        self.gelu = gelu
        self.scale = scale
        self.residual = residual
        self.places = places
        self.split = split
        self.swiglu = swiglu
        self.norm = norm
        precondition(split == nil || (places != nil && !swiglu))
        precondition(norm == nil || (split == nil && !swiglu))
    }

    /// The EPILOGUE bits of `Shaders/include/epilogue.glsl`.
    var bits: Int {
        (bias == nil ? 0 : 1) | (rotary == nil ? 0 : 2) | (gelu ? 4 : 0) | (scale == nil ? 0 : 8)
            | (residual == nil ? 0 : 16) | (places == nil ? 0 : 32) | (swiglu ? 128 : 0)
            | (split.map { $0.quantizes ? 1024 : 64 } ?? 0) | (norm?.norm.epilogueBit ?? 0)
    }
}

/// Rotary position embedding of the first columns of a product: queries and keys, not values.
package struct Rotary: Sendable {
    /// [sequence, head]: cosine and sine of each pair, repeated for every head and image; with places, by position.
    package let table: Tensor
    /// Columns that are rotated; a whole number of heads.
    package let columns: Int

    package init(table: Tensor, columns: Int) {
        precondition(table.columns % 8 == 0 && columns % table.columns == 0)
        self.table = table
        self.columns = columns
    }
}

extension Graph {
    /// `epilogue(x · weightᵀ)`: x [..., K], weight [N, K], result [..., N]; [..., N / 2] with SwiGLU, [..., column] of a
    /// split that does not quantise.
    package mutating func linear(
        _ label: String, _ x: Tensor, _ weight: Tensor, _ epilogue: Epilogue = Epilogue(), to type: StorageType
    ) -> Tensor {
        precondition(weight.columns == x.columns, "\(label): [.., \(x.columns)] by \(weight)")
        let columns = weight.rows
        let splits = epilogue.split.flatMap { $0.quantizes ? nil : $0 }
        let kept = epilogue.swiglu ? columns / 2 : splits?.column ?? columns
        precondition(!epilogue.swiglu || kept % 8 == 0, "\(label): SwiGLU of \(columns) columns")
        if let split = epilogue.split {
            precondition(split.target.columns == columns - split.column, label)
            precondition(
                !split.quantizes || x.rows <= ProductShape.mostMatvecRows && split.target.format == .q8,
                "\(label): \(x.rows) rows to \(split.target)")
        }
        if let places = epilogue.places { precondition(places.rows == x.rows, "\(label): \(places)") }
        let result = self.result(x.shape.dropLast() + [kept], type)
        for vector in [epilogue.bias, epilogue.scale].compactMap({ $0 }) {
            precondition(vector.columns == columns && vector.rows == 1 && vector.type == .f32, "\(label): \(vector)")
        }
        if let residual = epilogue.residual {
            precondition(residual.columns == columns && residual.rows == x.rows && residual.type == .f32, label)
        }
        if let rotary = epilogue.rotary, epilogue.places == nil { precondition(x.rows % rotary.table.rows == 0, label) }
        if let (norm, target) = epilogue.norm {
            precondition(type == .f32 && target.shape == result.shape && norm.width == columns, "\(label): \(norm)")
        }
        append(label, product(x, weight, epilogue, result))
        return result
    }

    fileprivate mutating func product(_ x: Tensor, _ weight: Tensor, _ epilogue: Epilogue, _ result: Tensor) -> Linear {
        // Whether a plan allots memory for them is the chosen kernel's business: there is enough for any.
        let parts = scratch([ProductShape.mostParts * x.rows, weight.rows])
        let counters = max(x.rows, ProductChoice.mostCounters(rows: x.rows, columns: weight.rows))
        return Linear(
            x: x, weight: weight, epilogue: epilogue, result: result, arrivals: arrivals(counters), parts: parts)
    }
}

extension Graph {
    /// Products of every row of x [..., K] with the first `count` rows of `vectors` [at least count, K]: [..., count].
    ///
    /// Unlike a weight, `vectors` is filled by the caller, who makes its rows a multiple of eight with zeros.
    package mutating func similarity(_ label: String, _ x: Tensor, _ vectors: Tensor, count: Int) -> Tensor {
        precondition(vectors.columns == x.columns && vectors.rows == count.roundedUp(to: 8), "\(label): \(vectors)")
        let result = self.result(x.shape.dropLast() + [count], .f32)
        append(label, product(x, vectors, Epilogue(), result))
        return result
    }
}

/// A product with its epilogue: `matvec` for few rows, else `matmul` in the device's style.
struct Linear: Operation {
    let x: Tensor
    let weight: Tensor
    let epilogue: Epilogue
    let result: Tensor
    /// Counts who is done, where something is made of rows or of tiles once they are complete.
    let arrivals: Tensor
    /// [most parts · rows, columns]: sums over parts of the depth.
    let parts: Tensor

    func shape(_ lowering: Lowering) -> ProductShape {
        var shape = ProductShape(
            rows: x.rows, columns: weight.rows, depth: x.columns, type: lowering.plainType(of: x),
            format: lowering.format(of: weight))
        shape.quantizes = epilogue.split?.quantizes == true
        return shape
    }

    func dispatch(_ lowering: Lowering) -> Dispatch {
        let e = epilogue
        let columns = weight.rows.roundedUp(to: 8)
        let choice = ProductChoice(shape(lowering), for: lowering.device)
        // SwiGLU's result has half a lane's columns, and is written as the split is.
        let other = e.split?.target ?? e.norm?.target ?? (e.swiglu ? result : nil)
        let counts = e.norm != nil || e.split?.quantizes == true || choice.parts > 1
        let arrivals = counts ? arrivals : nil
        let parts = choice.parts > 1 ? Operand(parts, rows: .some(choice.parts * x.rows)) : nil
        precondition(choice.counterCount <= self.arrivals.columns, "\(choice.name) counts \(choice.counterCount)")
        func address(_ tensor: Tensor?) -> PushValue { tensor.map { .operand(Operand($0)) } ?? .unused }
        return Dispatch(
            choice.kernel,
            constants: [
                "LANES": choice.lanes, "TILE_ROWS": choice.tileRows, "A_TYPE": lowering.constant(typeOf: x),
                "B_TYPE": lowering.constant(formatOf: weight), "RESULT_TYPE": Int(result.type.rawValue),
                "EPILOGUE": e.bits, "OTHER_TYPE": lowering.constant(formatOf: other ?? result),
                "NORM_COLUMNS": e.norm?.norm.width ?? 0, "NORM_EPSILON": Int((e.norm?.norm.epsilon ?? 0).bitPattern),
                "HEAD_SIZE": e.rotary?.table.columns ?? 8, "ROTATED_COLUMNS": e.rotary?.columns ?? 0,
            ],
            furtherConstants: choice.furtherConstants,
            push: [
                "a": address(x), "b": address(weight), "result": address(result), "bias": address(e.bias),
                "scale": address(e.scale), "residual": address(e.residual), "rope": address(e.rotary?.table),
                "saturations": .saturations, "places": address(e.places), "other": address(other),
                "norm": address(e.norm?.norm.weights), "arrivals": address(arrivals),
                "parts": parts.map { .operand($0) } ?? .unused,
                "rows": .uint(x.rows), "columns": .uint(columns), "depth": .uint(x.paddedColumns),
                "sequence": .uint(e.rotary?.table.rows ?? 1),
                "splitColumn": .uint(e.split?.column ?? 0), "otherStride": .uint(other?.octets ?? 0),
            ],
            groups: choice.groups,
            reads: [x, weight, e.bias, e.scale, e.residual, e.places, e.norm?.norm.weights].compactMap {
                $0.map { Operand($0) }
            }
                + [e.rotary?.table].compactMap { $0.map { Operand($0, rows: .some(min($0.rows, x.rows))) } },
            writes: [result, e.norm?.target, arrivals].compactMap { $0.map { Operand($0) } }
                + [parts].compactMap { $0 }
                + [e.split?.target].compactMap { $0.map { Operand($0, rows: .some(x.rows)) } },
            flops: 2 * Double(x.rows) * Double(x.columns) * Double(weight.rows)
                + (e.norm?.norm.flops(rows: x.rows) ?? 0),
            subgroupSize: choice.subgroupSize)
    }
}

extension Graph {
    /// `x · weightᵀ` by the untuned kernel that benchmarks compare with: x [..., K], weight [N, K], result [..., N] f32.
    package mutating func naiveLinear(_ label: String, _ x: Tensor, _ weight: Tensor) -> Tensor {
        precondition(weight.columns == x.columns, "\(label): [.., \(x.columns)] by \(weight)")
        let result = self.result(x.shape.dropLast() + [weight.rows], .f32)
        append(label, NaiveLinear(x: x, weight: weight, result: result))
        return result
    }
}

struct NaiveLinear: Operation {
    private static let lanes = 64
    let x: Tensor
    let weight: Tensor
    let result: Tensor

    func dispatch(_ lowering: Lowering) -> Dispatch {
        Dispatch(
            Catalog.matmulNaive,
            constants: [
                "LANES": Self.lanes, "A_TYPE": lowering.constant(typeOf: x),
                "B_TYPE": lowering.constant(typeOf: weight),
            ],
            push: [
                "a": .operand(Operand(x)), "b": .operand(Operand(weight)), "result": .operand(Operand(result)),
                "columns": .uint(result.paddedColumns), "octets": .uint(x.octets),
            ],
            groups: [result.paddedColumns.dividedRoundingUp(by: Self.lanes), x.rows, 1],
            reads: [Operand(x), Operand(weight)], writes: [Operand(result)],
            flops: 2 * Double(x.rows) * Double(x.columns) * Double(weight.rows))
    }
}
