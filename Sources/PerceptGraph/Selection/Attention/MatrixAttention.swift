package import PerceptNumbers
package import PerceptShaders

/// How `attention_matrix` cuts attention: a pure function of head and device.
package struct MatrixAttention: Hashable, Sendable {
    let kernel: Kernel
    let headOctets: Int
    let subgroupSize: Int
    let shape: MatrixUnits.Shape

    let subgroups: Int
    /// Keys in shared memory at a time.
    let block: Int
    /// Matrices of queries of a subgroup, each of which meets every matrix of keys and values that it loads.
    let down: Int

    /// Threads of a workgroup.
    var lanes: Int { subgroups * subgroupSize }
    /// Queries of a workgroup.
    var queries: Int { subgroups * down * shape.rows }

    /// Bytes of the arrays in `Shaders/attention_matrix.comp`.
    var sharedMemoryBytes: Int {
        let values = 8 * headOctets * (block / 8 + 1) + headOctets
        let tile = max(block * (headOctets + 1) + values, queries * (headOctets + 1))
        return 16 * (tile + queries * (block / 4 + 1))
    }

    /// Nil where matrix units do not serve, or a head is no whole number of matrices.
    init?(
        _ elements: StorageType, headOctets: Int, cached: Bool, subgroups: Int = 4, block: Int = 32, down: Int = 1,
        device: DeviceProfile
    ) {
        guard let units = device.matrixUnits, let kernel = Self.kernel(elements, cached: cached),
            let shape = units.shape(elements, for: kernel)
        else { return nil }
        self.kernel = kernel
        self.headOctets = headOctets
        self.shape = shape
        self.subgroups = subgroups
        self.block = block
        self.down = down
        subgroupSize = units.subgroupSize
        // A row's scores are shared by whole lanes, an octet each at least; or a lane has whole rows.
        let share = max(1, subgroupSize / (down * shape.rows))
        guard headOctets * 8 % shape.depth == 0, headOctets * 8 % shape.columns == 0, headOctets % 2 == 0,
            // What sums fade by lies beside a row's weights, in the other half of its scores' place.
            block % shape.depth == 0, 2 * shape.columns <= block,
            subgroupSize % (down * shape.rows) == 0 || (down * shape.rows) % subgroupSize == 0,
            (block / 8) % share == 0, lanes <= device.largestWorkgroup,
            sharedMemoryBytes <= device.sharedMemoryBytes
        else { return nil }
    }

    package static func kernel(_ elements: StorageType, cached: Bool) -> Kernel? {
        MatrixKernels(elements).map { cached ? $0.cachedAttention : $0.attention }
    }

    /// The specialisation constants beyond those that all kernels of attention have.
    var constants: [(key: String, value: Int)] {
        [
            ("SUBGROUPS", subgroups), ("BLOCK", block), ("MATRIX_ROWS", shape.rows), ("MATRIX_COLUMNS", shape.columns),
            ("MATRIX_DEPTH", shape.depth), ("MATRICES_DOWN", down),
        ]
    }
}
