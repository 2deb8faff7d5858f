package import PerceptShaders

/// Which product kernel serves a shape on a device, with its tile: a pure function of both.
package struct ProductChoice: Sendable, Equatable {
    package let kernel: Kernel
    package let lanes: Int
    package let tileRows: Int
    package let groups: [Int]
    package let subgroupSize: Int?
    /// Of products on matrix units.
    package var matrixTile: MatrixTile?
    package var workgroupMatrixTile: WorkgroupMatrixTile?

    /// Up to this many rows the product is bound by reading the weights once, and lanes share the depth.
    package static let matvecRows = 4

    /// - Parameters:
    ///   - type: of A.
    ///   - implicit: whether A is gathered from pixels.
    ///   - elements: what both operands are for matrix units; nil where they are not alike.
    package init(
        rows: Int, columns: Int, type: StorageType, device: DeviceProfile, implicit: Bool = false,
        elements: StorageType? = nil
    ) {
        let quads = columns / 4
        if rows <= Self.matvecRows && !implicit && device.supports.contains(.subgroupArithmetic) {
            kernel = device.loadsWide ? Catalog.matvecWide : Catalog.matvec
            lanes = device.rowWorkgroup
            tileRows = rows
            groups = [quads.dividedRoundingUp(by: device.rowsPerWorkgroup), 1, 1]
            subgroupSize = device.subgroupSize
        } else if !implicit, let elements, let matmulWorkgroupMatrix = WorkgroupMatrixTile.kernel(elements),
            let tile = WorkgroupMatrixTile(rows: rows, columns: columns, elements: elements, device: device)
        {
            kernel = matmulWorkgroupMatrix
            lanes = tile.lanes
            tileRows = tile.rows
            groups = [columns.dividedRoundingUp(by: tile.columns), rows.dividedRoundingUp(by: tile.rows), 1]
            subgroupSize = nil
            workgroupMatrixTile = tile
        } else if !implicit, let elements, let matmulMatrix = MatrixTile.kernel(elements),
            let tile = MatrixTile(rows: rows, columns: columns, elements: elements, device: device)
        {
            kernel = matmulMatrix
            lanes = tile.lanes
            tileRows = tile.rows
            groups = [columns.dividedRoundingUp(by: tile.columns), rows.dividedRoundingUp(by: tile.rows), 1]
            subgroupSize = tile.subgroupSize
            matrixTile = tile
        } else if device.readsUniformly(type) && !implicit {
            kernel = Catalog.matmulUniform
            lanes = device.subgroupSize
            tileRows = Self.tallTileRows(rows: rows, step: 8)
            groups = [(columns / 2).dividedRoundingUp(by: lanes), rows.dividedRoundingUp(by: tileRows), 1]
            subgroupSize = lanes
        } else if device.shuffles {
            kernel = implicit ? Catalog.patchEmbed : device.loadsWide ? Catalog.matmulWide : Catalog.matmul
            lanes = device.subgroupSize
            tileRows = Self.tallTileRows(rows: rows, step: max(lanes, 8))
            groups = [quads.dividedRoundingUp(by: lanes), rows.dividedRoundingUp(by: tileRows), 1]
            subgroupSize = lanes
        } else {
            kernel = implicit ? Catalog.patchEmbedTiled : Catalog.matmulTiled
            lanes = 256
            tileRows = Self.tileRows(rows: rows, atMost: 64, atLeast: 16)
            groups = [columns.dividedRoundingUp(by: 64), rows.dividedRoundingUp(by: tileRows), 1]
            subgroupSize = nil
        }
    }

    /// The tile that makes `rows` cheapest. Tall tiles share each load of B among more rows, and their last one makes more
    /// rows that nobody wants; taller than 48, drivers take seconds to compile them.
    ///
    /// The load of B costs as much as 7 rows: measured on llvmpipe, where 16 rows took 1.18 times as long a row as 32
    /// (`matmul`, Mesa 22.3) and 1.28 times as long as 48 (`matmul_uniform`, Mesa 26.2).
    private static func tallTileRows(rows: Int, step: Int) -> Int {
        func cost(_ tile: Int) -> Double { Double(rows.roundedUp(to: tile)) * (1 + 7 / Double(tile)) }
        return stride(from: step, through: max(step, 48), by: step).min { cost($0) < cost($1) } ?? step
    }

    private static func tileRows(rows: Int, atMost: Int, atLeast: Int) -> Int {
        var tile = atMost
        while tile > atLeast && rows <= tile / 2 { tile /= 2 }
        return tile
    }
}
