import PerceptNumbers
package import PerceptShaders

/// Which product kernel serves a shape on a device, with its tile: a pure function of both, and of what was measured.
package struct ProductChoice: Candidate {
    package let kernel: Kernel
    package let lanes: Int
    package let tileRows: Int
    package let tileColumns: Int
    package private(set) var groups: [Int]
    package let subgroupSize: Int?
    package let cut: Cut
    /// Parts of the depth that workgroups make apart (split-K).
    package private(set) var parts = 1

    /// How a kernel goes about its tile.
    package enum Cut: Hashable, Sendable {
        /// As rows and columns say.
        case plain
        /// In shared memory.
        case tiled(TiledTile)
        /// On matrix units.
        case matrix(MatrixTile)
        /// On matrices of whole workgroups.
        case workgroupMatrix(WorkgroupMatrixTile)

        /// The specialisation constants beyond those that all products have.
        fileprivate var constants: [(key: String, value: Int)] {
            switch self {
            case .plain: []
            case .tiled(let tile): tile.constants
            case .matrix(let tile): tile.constants
            case .workgroupMatrix(let tile): tile.constants
            }
        }
    }

    package var name: String {
        let (depth, subgroups) =
            if case .matrix(let tile) = cut { ("x\(tile.depth)", " of \(tile.subgroupSize)") } else { ("", "") }
        let split = parts > 1 ? ", \(parts) parts" : ""
        return "\(kernel.name) \(tileRows)x\(tileColumns)\(depth), \(lanes) lanes\(subgroups)\(split)"
    }

    /// The specialisation constants beyond those that all products have.
    var furtherConstants: [(key: String, value: Int)] {
        cut.constants + (hasParts ? [(Catalog.parts, parts)] : [])
    }

    /// What was measured to be fastest, else what the rules for the device's family say.
    package init(_ shape: ProductShape, for device: DeviceProfile) {
        let measured = device.tuning.choice(for: shape.shapeClass, among: Self.all(shape, for: device))
        self = measured ?? Self.byRule(shape, for: device)
    }

    /// Every way that the device has and that is worth a measurement, which may prefer it.
    package static func candidates(_ shape: ProductShape, for device: DeviceProfile) -> [ProductChoice] {
        ProductFamily.all(shape, device).flatMap(\.candidates).flatMap { choice in
            [choice] + choice.partsWorthTrying(shape, device).map(choice.inParts)
        }
    }

    /// Every way that the device has: what is preferred for one shape of a class is to be had for all.
    private static func all(_ shape: ProductShape, for device: DeviceProfile) -> [ProductChoice] {
        ProductFamily.all(shape, device).flatMap(\.candidates).flatMap { choice in
            [choice] + (choice.hasParts ? partCounts.map(choice.inParts) : [])
        }
    }

    /// What is chosen where nothing was measured.
    package static func byRule(_ shape: ProductShape, for device: DeviceProfile) -> ProductChoice {
        guard let choice = ProductFamily.all(shape, device).lazy.compactMap(\.preferred).first else {
            preconditionFailure("tiles in shared memory serve every product")
        }
        return choice
    }

    init(
        _ kernel: Kernel, _ shape: ProductShape, lanes: Int, tile: (rows: Int, columns: Int), subgroup: Int?,
        cut: Cut = .plain
    ) {
        self.kernel = kernel
        self.cut = cut
        self.lanes = lanes
        (tileRows, tileColumns) = tile
        groups = [
            shape.columns.dividedRoundingUp(by: tile.columns), shape.rows.dividedRoundingUp(by: tile.rows), 1,
        ]
        subgroupSize = subgroup
    }

    /// The same with its depth in parts.
    func inParts(_ parts: Int) -> ProductChoice {
        precondition(hasParts && parts <= ProductShape.mostParts, "\(name) in \(parts) parts")
        var choice = self
        choice.parts = parts
        choice.groups[2] = parts
        return choice
    }
}
