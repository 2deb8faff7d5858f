/// The limits and properties kernels are chosen by. Sizes are in bytes.
package struct DeviceLimits: Hashable, Sendable {
    package var maxComputeWorkGroupCount: [Int] = [65535, 65535, 65535]
    package var maxComputeWorkGroupSize: [Int] = [128, 128, 64]
    package var maxComputeWorkGroupInvocations = 128
    package var maxComputeSharedMemorySize = 16384
    package var maxPushConstantsSize = 128
    /// Bytes of push constants that every pipeline takes: what every device offers.
    package static let pushConstantSize = 128
    package var maxMemoryAllocationSize: UInt64 = 1 << 30
    package var maxMemoryAllocationCount = 4096
    package var maxBufferSize: UInt64 = 1 << 30
    package var nonCoherentAtomSize = 64
    /// Nanoseconds per timestamp tick.
    package var timestampPeriod: Double = 1
    /// Bits of a timestamp that count; 0 where the compute queue has none.
    package var timestampValidBits = 0
    package var subgroupSize = 1
    package var minSubgroupSize = 1
    package var maxSubgroupSize = 1
    /// Compute pipelines may require a subgroup size between the two limits.
    package var canRequireSubgroupSize = false
    /// Whether a pipeline's subgroup size is sure: required, or the only one there is (NVK has one, and requires none).
    package var knowsSubgroupSize: Bool { canRequireSubgroupSize || minSubgroupSize == maxSubgroupSize }
    package var subgroupOperations: SubgroupOperations = []
    /// Alignment of pointer and size for imported host memory; 0 where that is not offered.
    package var minImportedHostPointerAlignment = 0
    /// Packed 4×8-bit signed dot products have hardware of their own.
    package var integerDotProductAccelerated = false
    /// Of workgroups with matrices of their own: the most threads, the longest side, and the shared memory that the driver
    /// keeps for itself. Zero without `VK_NV_cooperative_matrix2`.
    package var maxMatrixWorkgroup = 0
    package var maxMatrixDimension = 0
    package var reservedMatrixSharedMemory = 0
    /// Multiprocessors, compute units or cores that workgroups are spread over; nil where no extension tells.
    package var processors: Int?

    package init() {}
}

/// Subgroup operations that compute shaders may use.
package struct SubgroupOperations: OptionSet, Hashable, Sendable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) { self.rawValue = rawValue }

    // Those bits of VkSubgroupFeatureFlagBits that kernels ask for.
    package static let basic = SubgroupOperations(rawValue: 1 << 0)
    package static let vote = SubgroupOperations(rawValue: 1 << 1)
    package static let arithmetic = SubgroupOperations(rawValue: 1 << 2)
    package static let shuffle = SubgroupOperations(rawValue: 1 << 4)

    /// The names of all members, as GLSL's extensions spell them, in the order of the bits.
    package var names: [String] {
        ["basic", "vote", "arithmetic", "ballot", "shuffle", "shuffle_relative", "clustered", "quad"].enumerated()
            .filter { rawValue >> $0.offset & 1 == 1 }.map(\.element)
    }
}
