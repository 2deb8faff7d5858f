package import PerceptNumbers
package import PerceptShaders

/// How `matmul_workgroup_matrix` cuts a product: a pure function of shape and device.
package struct WorkgroupMatrixTile: Hashable, Sendable {
    package let rows: Int
    package let columns: Int
    let depth: Int
    /// Threads of a workgroup.
    package let lanes: Int

    /// Rows of the sums that are in shared memory at a time.
    private static let slabRows = 16

    /// Largest first.
    private static let all = [
        WorkgroupMatrixTile(rows: 128, columns: 256, depth: 64, lanes: 256),
        WorkgroupMatrixTile(rows: 128, columns: 128, depth: 64, lanes: 256),
        WorkgroupMatrixTile(rows: 64, columns: 64, depth: 64, lanes: 128),
    ]

    private init(rows: Int, columns: Int, depth: Int, lanes: Int) {
        self.rows = rows
        self.columns = columns
        self.depth = depth
        self.lanes = lanes
    }

    /// Tiles that the device takes, largest first; none where matrices of workgroups do not serve.
    static func fitting(_ elements: StorageType, _ device: DeviceProfile) -> [WorkgroupMatrixTile] {
        guard let units = device.matrixUnits, let kernel = kernel(elements), units.kernels.contains(kernel) else {
            return []
        }
        return all.filter { tile in
            let shared = slabRows * tile.columns * 4 + units.reservedSharedMemory
            return tile.lanes <= device.largestWorkgroup && shared <= device.sharedMemoryBytes
                && units.workgroups.contains { $0.elements == elements && tile.isMade(of: $0) }
        }
    }

    private func isMade(of workgroup: MatrixUnits.Workgroup) -> Bool {
        let step = workgroup.step
        return workgroup.threads == lanes && max(rows, columns, depth) <= workgroup.longest
            && rows % step.rows == 0 && columns % step.columns == 0 && depth % step.depth == 0
    }

    /// The specialisation constants beyond those that all products have.
    var constants: [(key: String, value: Int)] {
        [("TILE_COLUMNS", columns), ("TILE_DEPTH", depth), ("SLAB_ROWS", Self.slabRows)]
    }

    package static func kernel(_ elements: StorageType) -> Kernel? { MatrixKernels(elements)?.workgroupProduct }
}
