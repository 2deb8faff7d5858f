package import PerceptNumbers
package import PerceptShaders

/// How `matmul_matrix` cuts a product: a pure function of shape and device.
package struct MatrixTile: Hashable, Sendable {
    /// Part of the result that a workgroup makes.
    package let rows: Int
    package let columns: Int
    /// Part of it that a subgroup makes.
    package let subgroupRows: Int
    package let subgroupColumns: Int
    package let subgroupSize: Int
    package let shape: MatrixUnits.Shape
    /// Elements of the depth in shared memory at a time: whole groups of quantised weights.
    package let depth: Int

    /// Threads of a workgroup.
    package var lanes: Int { rows / subgroupRows * (columns / subgroupColumns) * subgroupSize }

    /// Bytes of the array in `Shaders/include/product_matrix.glsl`.
    package var sharedMemoryBytes: Int {
        let tiles = 2 * (rows + columns) * (depth / 8 + 1)
        let sums = lanes / subgroupSize * shape.rows * (subgroupColumns / 4 + 1)
        return 16 * max(tiles, sums)
    }

    /// Tiles for so many rows that the device has room for, largest first; none where matrix units do not serve.
    static func fitting(_ elements: StorageType, rows: Int, _ device: DeviceProfile) -> [MatrixTile] {
        fitting(elements, device, rows > ProductShape.fewRows ? usual : few).filter {
            rows > ProductShape.fewRows || $0.rows == (rows > 16 ? 32 : 16)
        }
    }

    /// Those that only a measurement may prefer.
    static func fittingOthers(_ elements: StorageType, rows: Int, _ device: DeviceProfile) -> [MatrixTile] {
        if rows > ProductShape.fewRows { return fitting(elements, device, others) }
        let preferred = fitting(elements, rows: rows, device)
        // The widest of the others is one of the few.
        let all =
            fitting(elements, device, few) + fitting(elements, device, others).filter { $0.rows <= 32 && $0.depth > 32 }
        return all.filter { !preferred.contains($0) }
    }

    private static func fitting(
        _ elements: StorageType, _ device: DeviceProfile, _ tiles: (Int, MatrixUnits.Shape) -> [MatrixTile]
    ) -> [MatrixTile] {
        guard let units = device.matrixUnits, let shape = units.shape(elements, for: kernel(elements)) else {
            return []
        }
        return tiles(units.subgroupSize, shape).filter {
            $0.lanes <= device.largestWorkgroup && $0.sharedMemoryBytes <= device.sharedMemoryBytes
        }
    }

    /// - Parameter matrices: rows and columns of the matrices that a subgroup makes.
    private init(
        _ tile: (Int, Int), matrices: (Int, Int), _ subgroupSize: Int, _ shape: MatrixUnits.Shape, depth: Int = 32
    ) {
        (rows, columns) = tile
        (subgroupRows, subgroupColumns) = (matrices.0 * shape.rows, matrices.1 * shape.columns)
        self.subgroupSize = subgroupSize
        self.shape = shape
        self.depth = depth
    }

    // Matrices of a subgroup are counted, not elements: as many are in registers, and unrolled, at a time. Narrow subgroups are
    // Intel's, whose registers hold fewer: with twice as many matrices, Mesa 26.2 spilled 146 values for Arc A770M and 135 for
    // Arc B580, with these none.
    private static func isNarrow(_ subgroupSize: Int) -> Bool { subgroupSize < 32 }

    private static func usual(_ subgroupSize: Int, _ shape: MatrixUnits.Shape) -> [MatrixTile] {
        let many = isNarrow(subgroupSize) ? (2, 2) : subgroupSize >= 64 ? (4, 4) : (2, 4)
        return [
            MatrixTile((128, 128), matrices: many, subgroupSize, shape),
            MatrixTile((128, 64), matrices: many, subgroupSize, shape),
            MatrixTile((64, 64), matrices: (2, 2), subgroupSize, shape),
            MatrixTile((32, 64), matrices: isNarrow(subgroupSize) ? (1, 2) : (2, 2), subgroupSize, shape),
        ]
    }

    /// For as few rows as one of them holds.
    private static func few(_ subgroupSize: Int, _ shape: MatrixUnits.Shape) -> [MatrixTile] {
        let low = isNarrow(subgroupSize) ? (1, 2) : (2, 2)
        return [
            MatrixTile((32, 128), matrices: low, subgroupSize, shape),
            MatrixTile((32, 64), matrices: low, subgroupSize, shape),
            MatrixTile((16, 128), matrices: (1, 2), subgroupSize, shape),
            MatrixTile((16, 64), matrices: (1, 2), subgroupSize, shape),
        ]
    }

    /// Wide ones, other numbers of subgroups for a large one, and fewer barriers.
    private static func others(_ subgroupSize: Int, _ shape: MatrixUnits.Shape) -> [MatrixTile] {
        // Two thirds of the loads from shared memory that (2, 4) has, in twice the registers.
        let most = subgroupSize == 32 ? [MatrixTile((128, 128), matrices: (4, 4), subgroupSize, shape)] : []
        return most + [
            MatrixTile((128, 128), matrices: isNarrow(subgroupSize) ? (2, 4) : (2, 2), subgroupSize, shape),
            MatrixTile((64, 128), matrices: (2, 2), subgroupSize, shape),
            MatrixTile((32, 128), matrices: (2, 2), subgroupSize, shape),
            MatrixTile((64, 64), matrices: (2, 2), subgroupSize, shape, depth: 64),
            MatrixTile((32, 64), matrices: (2, 2), subgroupSize, shape, depth: 64),
        ]
    }

    /// Shapes that divide every tile, in whole octets where rows of 16 bytes are loaded.
    package static func serves(_ shape: MatrixUnits.Shape) -> Bool {
        [(shape.rows, 4...16), (shape.columns, 8...16), (shape.depth, 8...32)].allSatisfy { side, range in
            range.contains(side) && 32 % side == 0
        }
    }

    /// The specialisation constants beyond those that all products have.
    var constants: [(key: String, value: Int)] {
        [
            ("TILE_COLUMNS", columns), ("TILE_DEPTH", depth), ("SUBGROUP_ROWS", subgroupRows),
            ("SUBGROUP_COLUMNS", subgroupColumns), ("MATRIX_ROWS", shape.rows), ("MATRIX_COLUMNS", shape.columns),
            ("MATRIX_DEPTH", shape.depth),
        ]
    }

    package static func kernel(_ elements: StorageType) -> Kernel? { MatrixKernels(elements)?.product }
}
