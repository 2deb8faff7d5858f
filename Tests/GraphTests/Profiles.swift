import PerceptGraph
import PerceptShaders

extension DeviceProfile {
    /// A device as tests imagine it.
    static func imagined(
        _ style: Style, subgroup: Int, supports: KernelRequirements = [.subgroupShuffle, .subgroupArithmetic],
        readsUniformsOnce: Bool = false, flopsPerSecond: Double = 1e13
    ) -> DeviceProfile {
        DeviceProfile(
            style: style, subgroupSize: subgroup, supports: supports, readsUniformsOnce: readsUniformsOnce,
            largestGroupCount: [65535, 65535, 65535], largestWorkgroup: 1024, sharedMemoryBytes: 32768,
            flopsPerSecond: flopsPerSecond)
    }

    /// The same with products and attention on matrix units.
    func with(_ units: MatrixUnits) -> DeviceProfile {
        var profile = self
        profile.matrixUnits = units
        profile.supports.formUnion([.cooperativeMatrix, .subgroupVote])
        return profile
    }

    static let uniform8 = imagined(.cpu, subgroup: 8, supports: .uniform, readsUniformsOnce: true)
    static let cpu8 = imagined(.cpu, subgroup: 8)
    static let gpu32 = imagined(.gpu, subgroup: 32)
}

extension KernelRequirements {
    /// What the uniform kernels need.
    static let uniform: KernelRequirements = [.subgroupShuffle, .subgroupArithmetic, .int64]
}

extension ProductChoice {
    var tiledTile: TiledTile? { if case .tiled(let tile) = cut { tile } else { nil } }
    var matrixTile: MatrixTile? { if case .matrix(let tile) = cut { tile } else { nil } }
    var workgroupMatrixTile: WorkgroupMatrixTile? { if case .workgroupMatrix(let tile) = cut { tile } else { nil } }
}
