import PerceptNumbers
import PerceptShaders

/// Kernels of one kind: the cuts they may have for a shape, and the one to start from.
struct ProductFamily {
    var candidates: [ProductChoice]
    /// Nil where another kind is to be preferred.
    var preferred: ProductChoice?

    /// In the order of preference; a new kind of kernel has its place here and nowhere else.
    static func all(_ shape: ProductShape, _ device: DeviceProfile) -> [ProductFamily] {
        // Where it cannot run, the plan says so.
        if shape.quantizes { return [.matvec(shape, device)] }
        let onUnits: [ProductFamily] = [.workgroupMatrix(shape, device), .matrix(shape, device)]
        // Matrices of whole workgroups are too tall for few rows.
        return [.matvec(shape, device)] + (shape.isSkinny ? onUnits.reversed() : onUnits) + [
            .dot(shape, device), .uniform(shape, device), .shuffled(shape, device), .tiled(shape, device),
        ]
    }

    private static let none = ProductFamily(candidates: [], preferred: nil)
}

extension ProductFamily {
    private static func matvec(_ shape: ProductShape, _ device: DeviceProfile) -> ProductFamily {
        let isAble = !shape.isGathered && device.supports.contains(.subgroupArithmetic)
        guard shape.rows <= ProductShape.mostMatvecRows, isAble || shape.quantizes else { return .none }
        let kernel = Catalog.matvec[device.style == .gpu ? .ahead : device.loadsWide ? .wide : .plain]
        func choice(_ subgroups: Int) -> ProductChoice {
            ProductChoice(
                kernel, shape, lanes: subgroups * device.subgroupSize, tile: (shape.rows, 4 * subgroups),
                subgroup: device.subgroupSize)
        }
        let most = max(1, device.largestWorkgroup / device.subgroupSize)
        let usual = device.preferences.matvecSubgroups ?? device.rowsPerWorkgroup
        let counts = Set([1, 2, 4, 8, 16, usual].map { min($0, most) })
        return ProductFamily(
            candidates: counts.sorted().map(choice),
            preferred: shape.rows <= device.preferences.matvecRows || shape.quantizes
                ? choice(min(usual, most)) : nil)
    }

    private static func workgroupMatrix(_ shape: ProductShape, _ device: DeviceProfile) -> ProductFamily {
        guard let elements = shape.elements, let kernel = WorkgroupMatrixTile.kernel(elements) else { return .none }
        return onMatrixUnits(WorkgroupMatrixTile.fitting(elements, device), shape, device) { tile in
            ProductChoice(
                kernel, shape, lanes: tile.lanes, tile: (tile.rows, tile.columns), subgroup: nil,
                cut: .workgroupMatrix(tile))
        }
    }

    private static func matrix(_ shape: ProductShape, _ device: DeviceProfile) -> ProductFamily {
        guard let elements = shape.elements, let kernel = MatrixTile.kernel(elements) else { return .none }
        func choice(_ tile: MatrixTile) -> ProductChoice {
            ProductChoice(
                kernel, shape, lanes: tile.lanes, tile: (tile.rows, tile.columns), subgroup: tile.subgroupSize,
                cut: .matrix(tile))
        }
        var family = onMatrixUnits(
            MatrixTile.fitting(elements, rows: shape.rows, device), shape, device, choice)
        family.candidates += MatrixTile.fittingOthers(elements, rows: shape.rows, device).map(choice)
        return family
    }

    /// Of tiles, the largest first, the one that fills the device; none is taller than the rows ask for.
    private static func onMatrixUnits<Tile>(
        _ tiles: [Tile], _ shape: ProductShape, _ device: DeviceProfile, _ choice: (Tile) -> ProductChoice
    ) -> ProductFamily {
        let candidates = tiles.map(choice)
        let longest = device.preferences.longestMatrixTile
        let allowed = candidates.filter { max($0.tileRows, $0.tileColumns) <= longest }
        let height = allowed.map(\.tileRows).filter { $0 >= shape.rows }.min() ?? .max
        let preferred = filling(allowed.filter { $0.tileRows <= height }, shape, device)
        return ProductFamily(candidates: candidates, preferred: preferred ?? candidates.last)
    }

    /// Of tiles, the largest first, the first that gives every processor a workgroup, else the first that does so with the
    /// depth in parts, else the smallest.
    private static func filling(
        _ choices: [ProductChoice], _ shape: ProductShape, _ device: DeviceProfile
    ) -> ProductChoice? {
        let enough = device.preferences.enoughWorkgroups
        if let whole = choices.first(where: { $0.workgroups >= enough }) { return whole }
        let split = choices.map { $0.filling(device, depth: shape.depth) }
        return split.first { $0.workgroups >= enough } ?? split.last
    }

    /// Of A, scalars that all lanes read at one address.
    private static func uniform(_ shape: ProductShape, _ device: DeviceProfile) -> ProductFamily {
        guard device.readsUniformly(shape.type), !shape.isGathered else { return .none }
        let lanes = device.subgroupSize
        return tall(shape, step: 8) {
            ProductChoice(Catalog.matmul[.uniform], shape, lanes: lanes, tile: ($0, 2 * lanes), subgroup: lanes)
        }
    }

    /// Of A, rows that are spread over the lanes and passed round by shuffles.
    private static func shuffled(_ shape: ProductShape, _ device: DeviceProfile) -> ProductFamily {
        guard device.shuffles else { return .none }
        let lanes = device.subgroupSize
        let kernel = shape.isGathered ? Catalog.patchEmbed[.plain] : Catalog.matmul[device.loadsWide ? .wide : .plain]
        return tall(shape, step: max(lanes, 8)) {
            ProductChoice(kernel, shape, lanes: lanes, tile: ($0, 4 * lanes), subgroup: lanes)
        }
    }

    /// Packed bytes: of A too, which is quantised on the way.
    private static func dot(_ shape: ProductShape, _ device: DeviceProfile) -> ProductFamily {
        guard device.preferences.dotsPackedBytes, device.supports.contains(.integerDot),
            shape.format.hasWholeCodes, !shape.isGathered, device.largestWorkgroup >= 256
        else { return .none }
        let candidates = [64, 32, 16].map {
            ProductChoice(Catalog.matmulDot, shape, lanes: 256, tile: ($0, 64), subgroup: nil)
        }
        return ProductFamily(
            candidates: candidates, preferred: candidates.last { shape.rows <= $0.tileRows } ?? candidates[0])
    }

    /// Tiles of A and B in shared memory.
    private static func tiled(_ shape: ProductShape, _ device: DeviceProfile) -> ProductFamily {
        let candidates = TiledTile.candidates.filter { $0.fits(device) }.map { tile in
            ProductChoice(
                shape.isGathered ? Catalog.patchEmbed[.tiled] : Catalog.matmul[.tiled], shape, lanes: tile.lanes,
                tile: (tile.rows, tile.columns), subgroup: nil, cut: .tiled(tile))
        }
        let large = candidates.filter { $0.tileRows > 64 && $0.tileRows <= device.preferences.tiledRows }
        let small = candidates.filter { $0.tileRows <= 64 && $0.tileColumns <= 64 }
        let height = small.last { shape.rows <= $0.tileRows }?.tileRows
        // On CPU drivers wide ones are untried.
        let lone = candidates.filter { $0.tileRows == height && (device.style == .gpu || $0.tileColumns <= 64) }
        let preferred = filling(shape.rows > 64 ? large + small.prefix(1) : lone, shape, device)
        // Where lanes shuffle, shared memory is slow beyond doubt.
        return ProductFamily(candidates: device.shuffles ? [] : candidates, preferred: preferred ?? candidates.last)
    }

    /// Tall tiles share each load of B among more rows, and their last one makes more rows that nobody wants; taller than 48,
    /// drivers take seconds to compile them.
    ///
    /// The load of B costs as much as 7 rows: measured on llvmpipe, where 16 rows took 1.18 times as long a row as 32
    /// (`matmul`, Mesa 22.3) and 1.28 times as long as 48 (`matmul_uniform`, Mesa 26.2).
    private static func tall(_ shape: ProductShape, step: Int, _ choice: (Int) -> ProductChoice) -> ProductFamily {
        let heights = Array(stride(from: step, through: max(step, 48), by: step))
        func cost(_ tile: Int) -> Double { Double(shape.rows.roundedUp(to: tile)) * (1 + 7 / Double(tile)) }
        let preferred = heights.min { cost($0) < cost($1) } ?? step
        return ProductFamily(candidates: heights.map(choice), preferred: choice(preferred))
    }
}
