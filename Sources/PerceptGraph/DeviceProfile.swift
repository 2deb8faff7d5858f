package import PerceptNumbers
package import PerceptShaders

/// What selection and planning need to know of a device: a value, so that both are tested without one.
package struct DeviceProfile: Hashable, Sendable {
    /// How a device likes its kernels.
    package enum Style: Hashable, Sendable {
        /// Lanes are SIMD lanes of a core: loads are dear, shuffles cheap, barriers dear, shared memory useless.
        case cpu
        /// Shared memory is fast and loads coalesce.
        case gpu
    }
    package var style: Style
    /// Lanes of a subgroup, as pipelines are made.
    package var subgroupSize: Int
    package var supports: KernelRequirements
    /// Whether a load whose address is the same in a whole workgroup is made once instead of lane by lane.
    package var readsUniformsOnce: Bool
    package var largestGroupCount: [Int]
    package var largestWorkgroup: Int
    package var sharedMemoryBytes: Int
    /// Measured matmul rate, in floating-point operations a second: it sizes submissions.
    package var flopsPerSecond: Double
    /// The largest vocabulary that a decoder's output product also draws the token of (`Graph.draw`).
    ///
    /// Times of `draw` by those of a product and `sample`, on Mesa's CPU driver (`percept-bench kernels
    /// draw:1x128256x2048:f16 sample:1x128256x2048:f16`): 22.3.6 0.85 for 4000 columns of depth 512, 1 for 8192 of 1024, 1.05
    /// for 128,256 of 2048; 26.2.6 0.75 for the last, 1 in q8 for 65,536 of 1024, and 1.04 in f32 for 16,384 of 1024. On a GPU
    /// `sample` has one workgroup go through all logits while nothing else runs; none has been measured.
    package var fusedDrawColumns: Int { style == .cpu && !readsUniformsOnce ? 8192 : .max }
    /// The matrix units that products use; nil where there are none, or they do not serve.
    package var matrixUnits: MatrixUnits?
    package var family: DeviceClass
    /// What kernels are chosen by where nothing was measured.
    package var preferences: KernelPreferences
    /// What was measured.
    package var tuning = TuningTable()

    package init(
        style: Style, subgroupSize: Int, supports: KernelRequirements, readsUniformsOnce: Bool = false,
        largestGroupCount: [Int], largestWorkgroup: Int, sharedMemoryBytes: Int, flopsPerSecond: Double,
        matrixUnits: MatrixUnits? = nil, family: DeviceClass? = nil
    ) {
        self.style = style
        self.subgroupSize = subgroupSize
        self.supports = supports
        self.readsUniformsOnce = readsUniformsOnce
        self.largestGroupCount = largestGroupCount
        self.largestWorkgroup = largestWorkgroup
        self.sharedMemoryBytes = sharedMemoryBytes
        self.flopsPerSecond = flopsPerSecond
        self.matrixUnits = matrixUnits
        self.family = family ?? (style == .cpu ? .cpu : .other)
        preferences = KernelPreferences(self.family)
        if style == .cpu && readsUniformsOnce { preferences.matvecRows = KernelPreferences.matvecRowsOfUniformReaders }
    }

    /// The same device with kernels chosen as devices of another style have them by default.
    package func inStyle(_ style: Style) -> DeviceProfile {
        guard style != self.style else { return self }
        return DeviceProfile(
            style: style, subgroupSize: subgroupSize, supports: supports, readsUniformsOnce: readsUniformsOnce,
            largestGroupCount: largestGroupCount, largestWorkgroup: largestWorkgroup,
            sharedMemoryBytes: sharedMemoryBytes, flopsPerSecond: flopsPerSecond, matrixUnits: matrixUnits)
    }

    /// Whether products and attention pass data round the subgroup instead of through shared memory.
    ///
    /// A subgroup wider than 16 would need more registers than a lane has.
    package var shuffles: Bool { style == .cpu && supports.contains(.subgroupShuffle) && subgroupSize <= 16 }

    /// Whether products and attention load through 64-bit integers: half as many loads where each lane's is one of its own.
    package var loadsWide: Bool { style == .cpu && supports.contains(.int64) }

    /// Whether products and attention read A, or keys and values, of this type at one address in all lanes.
    ///
    /// 16-bit types do not gain by it: every lane would widen every element, which shuffles spare.
    package func readsUniformly(_ type: StorageType) -> Bool {
        shuffles && loadsWide && readsUniformsOnce && type == .f32
    }

    /// Workgroup size of kernels that give each row to a subgroup.
    package var rowWorkgroup: Int { min(largestWorkgroup, max(64, subgroupSize)) }
    package var rowsPerWorkgroup: Int { max(1, rowWorkgroup / subgroupSize) }

    /// The grid that gives each of `rows` to a subgroup, in lines as `Shaders/include/rows.glsl` counts them.
    package func rowGrid(_ rows: Int) -> [Int] {
        let groups = rows.dividedRoundingUp(by: rowsPerWorkgroup)
        return [min(groups, 32768), groups.dividedRoundingUp(by: 32768), 1]
    }
}
