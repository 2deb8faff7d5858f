import PerceptNumbers
import PerceptShaders

/// Products whose depth is made in parts by workgroups apart (split-K), where there are too few tiles to fill a device:
/// `Shaders/include/product_parts.glsl`.
extension ProductChoice {
    /// What there may be instead of one part.
    static let partCounts = [2, 4, ProductShape.mostParts]

    /// What a part must have of the depth to be preferred unmeasured: 32 steps of 16 by tiles in shared memory, 16 of 32 on
    /// matrix units. Sums that are written and read once more are then a quarter of what a tile of 64 x 64 reads in f16. ggml
    /// asks for a depth of 2048 in all (ggml-vulkan.cpp, August 2026); both are untried here.
    private static let leastDepth = 512
    /// What it must have to be worth a measurement.
    private static let leastTriedDepth = 256

    var hasParts: Bool { kernel.constants.contains(Catalog.parts) }
    var workgroups: Int { groups.reduce(1, *) }

    /// The same in as few parts as give every processor a workgroup, or as many as there may be.
    func filling(_ device: DeviceProfile, depth: Int) -> ProductChoice {
        let preferences = device.preferences
        let most = min(preferences.mostParts, depth / Self.leastDepth)
        let counts = Self.partCounts.filter { $0 <= most }
        guard hasParts, workgroups < preferences.enoughWorkgroups, let last = counts.last else { return self }
        return inParts(counts.first { workgroups * $0 >= preferences.enoughWorkgroups } ?? last)
    }

    /// Processors of a CPU driver are few, and filled by any tile.
    func partsWorthTrying(_ shape: ProductShape, _ device: DeviceProfile) -> [Int] {
        let enough = device.preferences.enoughWorkgroups
        guard hasParts, device.style == .gpu, workgroups < enough else { return [] }
        return Self.partCounts.filter { shape.depth / $0 >= Self.leastTriedDepth && workgroups * $0 < 4 * enough }
    }

    /// Counters of arrivals that its dispatch may use: of rows of tiles, and of tiles.
    var counterCount: Int { parts == 1 ? groups[1] : groups[1] * (1 + groups[0]) }

    /// Those of the smallest tiles that can be in parts.
    static func mostCounters(rows: Int, columns: Int) -> Int {
        rows.dividedRoundingUp(by: 16) * (1 + columns.dividedRoundingUp(by: 64))
    }
}
