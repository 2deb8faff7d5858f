/// What a device must offer, beyond the Vulkan baseline, before a module may be created on it.
///
/// Every SPIR-V capability that a module declares is gated by one of these or belongs to the baseline; a test
/// compares the two, since a driver that offers everything would not show a missing gate.
package struct KernelRequirements: OptionSet, Sendable, Hashable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Subgroup shuffles, and a subgroup size that is known when the pipeline is made.
    package static let subgroupShuffle = KernelRequirements(rawValue: 1 << 0)
    /// Subgroup reductions (`subgroupAdd`, `subgroupMax`).
    package static let subgroupArithmetic = KernelRequirements(rawValue: 1 << 1)

    /// 64-bit integers, which load twice as much at once.
    package static let int64 = KernelRequirements(rawValue: 1 << 2)
    /// Cooperative matrices of f16 with f32 sums in subgroups, with all that their modules are compiled for.
    package static let cooperativeMatrix = KernelRequirements(rawValue: 1 << 3)
    /// The same of bfloat16, which drivers at hand compile and none runs.
    package static let bfloat16Matrix = KernelRequirements(rawValue: 1 << 4)
    /// Matrices of whole workgroups with tensor layouts (`VK_NV_cooperative_matrix2`), in modules for Vulkan 1.3.
    package static let workgroupMatrix = KernelRequirements(rawValue: 1 << 5)
    /// Dot products of four packed bytes.
    package static let integerDot = KernelRequirements(rawValue: 1 << 6)
    /// Votes of a subgroup (`subgroupAny`).
    package static let subgroupVote = KernelRequirements(rawValue: 1 << 7)

    /// SPIR-V capabilities that the requirement stands for.
    package var capabilities: Set<UInt32> {
        var result: Set<UInt32> = []
        if contains(.subgroupShuffle) { result.insert(SPIRVCapability.groupNonUniformShuffle) }
        if contains(.subgroupArithmetic) { result.insert(SPIRVCapability.groupNonUniformArithmetic) }
        if contains(.subgroupVote) { result.insert(SPIRVCapability.groupNonUniformVote) }
        if contains(.int64) { result.insert(SPIRVCapability.int64) }
        if contains(.integerDot) {
            result.formUnion([SPIRVCapability.dotProductInput4x8BitPacked, SPIRVCapability.dotProduct])
        }
        if contains(.cooperativeMatrix) {
            result.formUnion([
                SPIRVCapability.float16, SPIRVCapability.vulkanMemoryModel, SPIRVCapability.cooperativeMatrix,
            ])
        }
        if contains(.bfloat16Matrix) {
            result.formUnion([
                SPIRVCapability.vulkanMemoryModel, SPIRVCapability.cooperativeMatrix, SPIRVCapability.bfloat16Type,
                SPIRVCapability.bfloat16CooperativeMatrix,
            ])
        }
        if contains(.workgroupMatrix) {
            result.formUnion([
                SPIRVCapability.float16, SPIRVCapability.storageBuffer16Bit, SPIRVCapability.vulkanMemoryModel,
                SPIRVCapability.cooperativeMatrix, SPIRVCapability.matrixReductions, SPIRVCapability.matrixConversions,
                SPIRVCapability.matrixPerElementOperations, SPIRVCapability.matrixTensorAddressing,
                SPIRVCapability.matrixBlockLoads,
                SPIRVCapability.tensorAddressing,
            ])
        }
        return result
    }
}

/// Numbers of the SPIR-V specification (unified 1.6, section 3.31) that the catalog speaks of.
package enum SPIRVCapability {
    package static let shader: UInt32 = 1
    package static let float16: UInt32 = 9
    package static let int64: UInt32 = 11
    package static let groupNonUniform: UInt32 = 61
    package static let groupNonUniformVote: UInt32 = 62
    package static let groupNonUniformArithmetic: UInt32 = 63
    package static let groupNonUniformShuffle: UInt32 = 65
    package static let storageBuffer16Bit: UInt32 = 4433
    // SPV_KHR_bfloat16, SPV_KHR_vulkan_memory_model, SPV_KHR_cooperative_matrix.
    package static let bfloat16Type: UInt32 = 5116
    package static let bfloat16CooperativeMatrix: UInt32 = 5118
    package static let vulkanMemoryModel: UInt32 = 5345
    package static let physicalStorageBufferAddresses: UInt32 = 5347
    package static let cooperativeMatrix: UInt32 = 6022
    // SPV_KHR_integer_dot_product.
    package static let dotProductInput4x8BitPacked: UInt32 = 6018
    package static let dotProduct: UInt32 = 6019
    // SPV_NV_cooperative_matrix2, SPV_NV_tensor_addressing.
    package static let matrixReductions: UInt32 = 5430
    package static let matrixConversions: UInt32 = 5431
    package static let matrixPerElementOperations: UInt32 = 5432
    package static let matrixTensorAddressing: UInt32 = 5433
    package static let matrixBlockLoads: UInt32 = 5434
    package static let tensorAddressing: UInt32 = 5439

    /// What every device of the baseline has.
    package static let baseline: Set<UInt32> = [shader, groupNonUniform, physicalStorageBufferAddresses]
}

/// One field of a kernel's push-constant block.
package struct PushField: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        /// A 64-bit device address.
        case address
        case uint
        case float

        package var byteCount: Int { self == .address ? 8 : 4 }
    }
    package let name: String
    package let kind: Kind

    package static func address(_ name: String) -> PushField { PushField(name: name, kind: .address) }
    package static func uint(_ name: String) -> PushField { PushField(name: name, kind: .uint) }
    package static func float(_ name: String) -> PushField { PushField(name: name, kind: .float) }
}

/// One SPIR-V module: a `.comp` file, the defines it is compiled with, and the interface it must then have.
package struct Kernel: Hashable, Sendable {
    /// Name of the module, unique in the catalog.
    package let name: String
    /// File in `Shaders/`.
    package let file: String
    /// Preprocessor defines: they change the shape of the code.
    package let defines: [String]
    /// Names of the specialisation constants, by id from 0: numbers that a driver folds.
    package let constants: [String]
    /// The push-constant block, in order; addresses come first, so that no field needs padding.
    package let push: [PushField]
    package let requires: KernelRequirements
    /// Carried as SPIR-V in `Shaders/prebuilt/`, because compilers that distributions ship do not know its extensions.
    package internal(set) var isPrebuilt = false
    /// The environment that it is compiled for, as compilers name it.
    package var target: String { requires.contains(.workgroupMatrix) ? "vulkan1.3" : "vulkan1.2" }
    /// No device has been seen to run it and compute what it should: the binary does not carry its module and no device
    /// selects it. Tests and `percept-bench check` do, where `PERCEPT_SHADER_DIR` names a folder that has the module.
    package internal(set) var isParked = false

    /// Bytes of the push-constant block; at most 128, the least that Vulkan guarantees.
    package var pushByteCount: Int { push.reduce(0) { $0 + $1.kind.byteCount } }
}
