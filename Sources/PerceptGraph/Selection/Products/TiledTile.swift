/// How `matmul_tiled` and `patch_embed_tiled` cut a product: a pure function of shape and device.
package struct TiledTile: Sendable, Hashable {
    /// Part of the result that a workgroup makes.
    package let rows: Int
    package let columns: Int
    /// Quads of columns that a thread makes, of as many rows as its share leaves.
    package let threadQuads: Int
    /// Threads of a workgroup.
    package let lanes: Int

    /// Elements of the depth in shared memory at a time.
    private static let depth = 16

    /// Bytes of the arrays in `Shaders/include/product_tiled.glsl`.
    package var sharedMemoryBytes: Int { 4 * Self.depth * (rows + columns) }

    /// Largest first. A thread of the first two makes 8 x 8 of the result, of the next two 4 x 8, of the others four rows or
    /// two of four columns, so that there are threads enough; every device takes workgroups of 128. Of 4 x 4, GPUs read
    /// shared memory for as long as they multiply. Of few rows, the wide ones are for results that fill the device all the
    /// same.
    package static let candidates = [
        TiledTile(rows: 128, columns: 128, threadQuads: 2, lanes: 256),
        TiledTile(rows: 128, columns: 64, threadQuads: 2, lanes: 128),
        TiledTile(rows: 64, columns: 64, threadQuads: 2, lanes: 128),
        TiledTile(rows: 32, columns: 128, threadQuads: 2, lanes: 128),
        TiledTile(rows: 32, columns: 64, threadQuads: 1, lanes: 128),
        TiledTile(rows: 16, columns: 128, threadQuads: 1, lanes: 128),
        TiledTile(rows: 16, columns: 64, threadQuads: 1, lanes: 128),
    ]

    /// Whether a device has room for it; every device has for the smallest.
    func fits(_ device: DeviceProfile) -> Bool {
        self == Self.candidates.last
            || lanes <= device.largestWorkgroup && sharedMemoryBytes <= device.sharedMemoryBytes
    }

    /// The specialisation constants beyond those that all products have.
    var constants: [(key: String, value: Int)] { [("TILE_COLUMNS", columns), ("THREAD_QUADS", threadQuads)] }
}
