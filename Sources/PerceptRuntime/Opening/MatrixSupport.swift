package import PerceptGraph
import PerceptNumbers
package import PerceptShaders
package import PerceptVulkan

extension MatrixUnits {
    /// Features without which the matrix kernels' modules may not be created, whatever shapes there are.
    private static let needed: DeviceFeatures = [
        .cooperativeMatrix, .vulkanMemoryModel, .shaderFloat16, .subgroupSizeControl, .computeFullSubgroups,
    ]

    /// What a device offers to kernels that are there; nil if nothing.
    ///
    /// - Parameters:
    ///   - isAvailable: whether the kernel's module is part of this build.
    ///   - parked: also counts kernels that no driver has been seen to run, where their modules are: for tests.
    package init?(
        _ physical: PhysicalDevice, parked: Bool = false, isAvailable: (Kernel) -> Bool = ShaderSource.has
    ) {
        guard physical.features.isSuperset(of: Self.needed), physical.limits.knowsSubgroupSize,
            physical.limits.subgroupOperations.contains(.basic)
        else { return nil }
        var requirements: KernelRequirements = [.cooperativeMatrix]
        if physical.limits.subgroupOperations.contains(.shuffle) { requirements.insert(.subgroupShuffle) }
        if physical.limits.subgroupOperations.contains(.vote) { requirements.insert(.subgroupVote) }
        var shapes: [StorageType: Shape] = [:]
        shapes[.f16] = Self.largest(of: .float16, in: physical.cooperativeMatrixShapes)
        if physical.features.isSuperset(of: [.shaderBfloat16, .bfloat16CooperativeMatrix]) {
            requirements.insert(.bfloat16Matrix)
            shapes[.bf16] = Self.largest(of: .bfloat16, in: physical.cooperativeMatrixShapes)
        }
        let workgroups = Self.workgroups(physical)
        if !workgroups.isEmpty { requirements.insert(.workgroupMatrix) }
        let kernels = Catalog.all.filter {
            !$0.requires.isDisjoint(with: [.cooperativeMatrix, .bfloat16Matrix, .workgroupMatrix])
                && $0.requires.isSubset(of: requirements) && (!$0.isParked || parked) && isAvailable($0)
        }
        guard !shapes.isEmpty, !kernels.isEmpty else { return nil }
        self.init(shapes: shapes, subgroupSize: Self.subgroupSize(physical), kernels: Set(kernels))
        self.workgroups = workgroups
        reservedSharedMemory = physical.limits.reservedMatrixSharedMemory
    }

    /// Matrices of whole workgroups with f32 sums; empty where the device lacks a part of what their kernels use.
    private static func workgroups(_ physical: PhysicalDevice) -> [Workgroup] {
        guard physical.apiVersion >= Version(1, 3),
            physical.features.isSuperset(of: [.cooperativeMatrix2, .maintenance4, .storageBuffer16Bit])
        else { return [] }
        return physical.flexibleMatrixShapes.compactMap { shape in
            guard let threads = shape.workgroupInvocations, threads <= physical.limits.maxMatrixWorkgroup,
                shape.scope == .workgroup, !shape.saturating, shape.a == shape.b, shape.c == .float32,
                shape.result == .float32, shape.a == .float16 || shape.a == .bfloat16
            else { return nil }
            return Workgroup(
                elements: shape.a == .float16 ? .f16 : .bf16, threads: threads,
                step: Shape(rows: shape.m, columns: shape.n, depth: shape.k),
                longest: physical.limits.maxMatrixDimension)
        }
    }

    /// The shape that does most at once, among those with f32 sums that the kernels' tiles are made of.
    private static func largest(
        of component: CooperativeMatrixShape.Component, in shapes: [CooperativeMatrixShape]
    ) -> Shape? {
        shapes.filter {
            $0.scope == .subgroup && !$0.saturating && $0.a == component && $0.b == component && $0.c == .float32
                && $0.result == .float32
        }
        .map { Shape(rows: $0.m, columns: $0.n, depth: $0.k) }
        .filter(MatrixTile.serves)
        .max { $0.rows * $0.columns * $0.depth < $1.rows * $1.columns * $1.depth }
    }

    /// Intel's matrix instructions are made for its narrowest subgroups, while 32 is what its drivers name first.
    private static func subgroupSize(_ physical: PhysicalDevice) -> Int {
        physical.isIntel ? physical.limits.minSubgroupSize : physical.limits.subgroupSize
    }
}

extension DeviceProfile {
    /// The same device with products and attention on matrix units.
    package func using(_ units: MatrixUnits) -> DeviceProfile {
        var profile = self
        profile.matrixUnits = units
        for kernel in units.kernels { profile.supports.formUnion(kernel.requires) }
        return profile
    }
}
