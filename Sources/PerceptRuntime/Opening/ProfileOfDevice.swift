package import PerceptGraph
import PerceptShaders
package import PerceptVulkan

extension DeviceProfile {
    /// Until a device has been measured: a rate at which no submission of an ordinary card runs long.
    private static func assumedRate(_ kind: PhysicalDevice.Kind) -> Double {
        switch kind {
        case .discrete: 2e12
        case .integrated, .virtual, .other: 2e11
        case .cpu: 1e10
        }
    }

    /// What the driver names first, but Intel's narrowest: its registers are a subgroup's, and 32 lanes have a quarter of what
    /// 8 have. Mesa 26.2 spills `matvec` for Xe-LP and Arc A770M with 32, attention with 16.
    private static func subgroupSize(_ physical: PhysicalDevice) -> Int {
        let limits = physical.limits
        return physical.isIntel && limits.canRequireSubgroupSize ? limits.minSubgroupSize : limits.subgroupSize
    }

    package init(_ physical: PhysicalDevice, flopsPerSecond: Double? = nil) {
        let limits = physical.limits
        var supports: KernelRequirements = []
        if limits.subgroupOperations.contains(.arithmetic) { supports.insert(.subgroupArithmetic) }
        // A shuffle's code depends on the subgroup's size, so it must be known.
        if limits.subgroupOperations.contains(.shuffle) && (limits.knowsSubgroupSize || physical.kind == .cpu) {
            supports.insert(.subgroupShuffle)
        }
        if physical.features.contains(.shaderInt64) { supports.insert(.int64) }
        if physical.features.contains(.integerDotProduct), ShaderSource.has(Catalog.matmulDot) {
            supports.insert(.integerDot)
        }
        self.init(
            style: physical.kind == .cpu ? .cpu : .gpu, subgroupSize: Self.subgroupSize(physical), supports: supports,
            readsUniformsOnce: physical.readsUniformsOnce,
            largestGroupCount: limits.maxComputeWorkGroupCount,
            largestWorkgroup: min(limits.maxComputeWorkGroupInvocations, limits.maxComputeWorkGroupSize[0]),
            sharedMemoryBytes: limits.maxComputeSharedMemorySize,
            flopsPerSecond: flopsPerSecond ?? Self.assumedRate(physical.kind), family: DeviceClass(physical))
        preferences.adopt(physical)
    }
}
