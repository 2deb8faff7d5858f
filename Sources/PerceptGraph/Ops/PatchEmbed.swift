import PerceptNumbers
import PerceptShaders

extension Graph {
    /// Patch embedding with class token and positions added.
    ///
    /// pixels [B, 3, H, W] normalised, weight [W', 3 · patch²] with depth order (channel, y, x), positions
    /// [class + gridRows · gridColumns, W'], classToken [W'] or nil; result [B, tokens, W'] f32. Pixels beyond the last
    /// whole patch are ignored (perception_models: core/vision_encoder/pe.py, `conv1`).
    package mutating func patchEmbed(
        _ label: String, _ pixels: Tensor, _ weight: Tensor, patch: Int, positions: Tensor, classToken: Tensor?
    ) -> Tensor {
        let columns = pixels.shape[3] / patch
        let tokens = (pixels.shape[2] / patch) * columns + (classToken == nil ? 0 : 1)
        precondition(pixels.shape[1] == 3 && pixels.type == .f32 && weight.columns == 3 * patch * patch, label)
        precondition(positions.rows == tokens && positions.columns == weight.rows, "\(label): \(positions)")
        let result = self.result([pixels.shape[0], tokens, weight.rows], .f32)
        append(
            label,
            PatchEmbed(
                pixels: pixels, weight: weight, patch: patch, positions: positions, classToken: classToken,
                gridColumns: columns, result: result))
        return result
    }

    /// Position embeddings resampled to another grid: [class + native², W] to [class + gridRows · gridColumns, W].
    package mutating func interpolatePositions(
        _ label: String, _ positions: Tensor, classRows: Int, native: Int, gridRows: Int, gridColumns: Int
    ) -> Tensor {
        precondition(positions.rows == classRows + native * native && positions.type == .f32, label)
        let result = self.result([classRows + gridRows * gridColumns, positions.columns], .f32)
        append(
            label,
            InterpolatePositions(
                positions: positions, classRows: classRows, native: native, gridRows: gridRows,
                gridColumns: gridColumns, result: result))
        return result
    }
}

struct PatchEmbed: Operation {
    let pixels: Tensor
    let weight: Tensor
    let patch: Int
    let positions: Tensor
    let classToken: Tensor?
    let gridColumns: Int
    let result: Tensor

    func dispatch(_ lowering: Lowering) -> Dispatch {
        let shape = ProductShape(
            rows: result.rows, columns: result.columns, depth: weight.columns, type: pixels.type,
            format: lowering.format(of: weight), isGathered: true)
        let choice = ProductChoice(shape, for: lowering.device)
        return Dispatch(
            choice.kernel,
            constants: [
                "LANES": choice.lanes, "TILE_ROWS": choice.tileRows, "B_TYPE": lowering.constant(typeOf: weight),
                "PATCH": patch,
            ],
            furtherConstants: choice.furtherConstants,
            push: [
                "pixels": .operand(Operand(pixels)), "b": .operand(Operand(weight)),
                "result": .operand(Operand(result)),
                "classToken": classToken.map { .operand(Operand($0)) } ?? .unused,
                "positions": .operand(Operand(positions)), "rows": .uint(result.rows),
                "columns": .uint(result.paddedColumns), "depth": .uint(weight.paddedColumns),
                "resultStride": .uint(result.octets), "sequence": .uint(positions.rows),
                "classRows": .uint(classToken == nil ? 0 : 1),
                "gridWidth": .uint(gridColumns), "pixelRows": .uint(pixels.shape[2]),
                "pixelStride": .uint(pixels.octets),
            ],
            groups: choice.groups,
            reads: [pixels, weight, positions, classToken].compactMap { $0.map { Operand($0) } },
            writes: [Operand(result)],
            flops: 2 * Double(result.rows) * Double(weight.columns) * Double(weight.rows),
            subgroupSize: choice.subgroupSize)
    }
}

struct InterpolatePositions: Operation {
    let positions: Tensor
    let classRows: Int
    let native: Int
    let gridRows: Int
    let gridColumns: Int
    let result: Tensor

    func dispatch(_ lowering: Lowering) -> Dispatch {
        let lanes = lowering.device.rowWorkgroup
        return Dispatch(
            Catalog.interpolatePositions, constants: ["LANES": lanes],
            push: [
                "positions": .operand(Operand(positions)), "result": .operand(Operand(result)),
                "stride": .uint(result.octets), "classRows": .uint(classRows), "nativeRows": .uint(native),
                "nativeColumns": .uint(native), "gridRows": .uint(gridRows), "gridColumns": .uint(gridColumns),
            ],
            groups: [(result.octets * 2).dividedRoundingUp(by: lanes), result.rows, 1],
            reads: [Operand(positions)], writes: [Operand(result)])
    }
}
