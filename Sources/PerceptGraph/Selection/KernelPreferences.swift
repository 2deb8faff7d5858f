/// What selection goes by where nothing was measured: the table of defaults, by family of devices.
///
/// A value of the device's profile, in which a driver's own figures replace those of its family.
package struct KernelPreferences: Hashable, Sendable {
    /// Workgroups that leave no processor without work; tiles become smaller rather than make fewer.
    package var enoughWorkgroups: Int
    /// The longest side of a tile of products on matrix units.
    package var longestMatrixTile: Int
    /// Rows of the largest tile that shares A and B in shared memory: 64 or 128.
    package var tiledRows: Int
    /// Most parts that the depth of a product is made in by workgroups apart, where its tiles alone leave processors without
    /// work.
    package var mostParts: Int
    /// Whether products of quantised weights quantise the other side too where matrix units do not serve, for dot products
    /// of packed bytes: ggml does where drivers say that these are fast.
    package var dotsPackedBytes = false
    /// Up to this many rows a product is bound by reading the weights once, and lanes share the depth.
    package var matvecRows: Int
    /// Subgroups of a workgroup of those; nil for as many as make 64 lanes.
    package var matvecSubgroups: Int?
    /// Lanes of a workgroup of attention that shares keys and values in shared memory.
    package var attentionLanes: Int
    /// Lanes of those that share a head of up to 64, at most a subgroup.
    package var attentionSplit = 4

    /// The entry of a family. Figures of peers are those that they choose by, read in the source of ggml's Vulkan back end
    /// (ggml-vulkan.cpp, August 2026); none has been tried here but those of CPU drivers.
    ///
    /// - `enoughWorkgroups` counts the processors of a card in the middle of the family: drivers of NVIDIA, AMD and Arm
    ///   tell the real figure, and one workgroup a processor is then enough.
    /// - Where nothing is known of that number, `mostParts` is one: on few processors parts only cost.
    /// - Eight rows go to a matrix-vector kernel in ggml on all GPUs; a portable tile of 16 rows or more would mostly be
    ///   idle.
    /// - On CPU drivers a tile of eight rows is faster from four rows on. On Mesa 22.3.6 two rows of 3072 columns, 768 deep,
    ///   took 3.3 ms in f16 by `matvec` and 4.5 by the tile, four rows in f32 4.2 and 3.5.
    /// - Workgroups of ggml's matrix-vector kernel have four subgroups on NVIDIA and Intel, one elsewhere.
    /// - ggml's scalar product has tiles of 128 x 128 on NVIDIA alone, 64 x 64 elsewhere.
    package init(_ family: DeviceClass) {
        self.init(enoughWorkgroups: 96)
        switch family {
        case .nvidia:
            enoughWorkgroups = 64
            tiledRows = 128
            matvecSubgroups = 4
        case .amdRDNA4, .amdRDNA3:
            enoughWorkgroups = 64
            matvecSubgroups = 1
        case .amdRDNA2, .amdGCN:
            enoughWorkgroups = 48
            matvecSubgroups = 1
        case .intelArc:
            enoughWorkgroups = 24
            matvecSubgroups = 4
            (attentionLanes, attentionSplit) = (128, 16)
        case .intelIntegrated:
            enoughWorkgroups = 8
            matvecSubgroups = 4
            (attentionLanes, attentionSplit) = (128, 16)
        case .apple:
            // ggml leaves the large tile out for Apple's GPUs, by way of MoltenVK and of Honeykrisp.
            enoughWorkgroups = 16
            longestMatrixTile = 64
        case .cpu: matvecRows = 3
        case .other: break
        }
        mostParts = family == .cpu || family == .other ? 1 : ProductShape.mostParts
    }

    /// `matvecRows` of drivers that load once what all lanes read at one address: the compiler that does so makes tiles faster
    /// in other ways too. On Mesa 26.2.6 two rows of 3072 columns, 768 deep, took 2.9 ms in f16 by `matvec` and 2.0 by a
    /// tile; one row of 16384 columns, 2048 deep, 12 and 24.
    static let matvecRowsOfUniformReaders = 1

    /// Those of a device that nothing is known of.
    private init(enoughWorkgroups: Int) {
        self.enoughWorkgroups = enoughWorkgroups
        longestMatrixTile = 256
        tiledRows = 64
        mostParts = 1
        matvecRows = 8
        matvecSubgroups = nil
        attentionLanes = 64
    }
}
