/// What a device can do, as far as kernels and the runtime care.
package struct DeviceFeatures: OptionSet, Hashable, Sendable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) { self.rawValue = rawValue }

    // The baseline.
    package static let bufferDeviceAddress = DeviceFeatures(rawValue: 1 << 0)
    package static let timelineSemaphore = DeviceFeatures(rawValue: 1 << 1)
    package static let synchronization2 = DeviceFeatures(rawValue: 1 << 2)
    package static let scalarBlockLayout = DeviceFeatures(rawValue: 1 << 3)

    // Used where present.
    package static let subgroupSizeControl = DeviceFeatures(rawValue: 1 << 4)
    package static let computeFullSubgroups = DeviceFeatures(rawValue: 1 << 5)
    package static let shaderFloat16 = DeviceFeatures(rawValue: 1 << 6)
    package static let storageBuffer16Bit = DeviceFeatures(rawValue: 1 << 7)
    package static let shaderInt8 = DeviceFeatures(rawValue: 1 << 8)
    package static let storageBuffer8Bit = DeviceFeatures(rawValue: 1 << 9)
    package static let shaderInt16 = DeviceFeatures(rawValue: 1 << 10)
    package static let shaderInt64 = DeviceFeatures(rawValue: 1 << 11)
    package static let integerDotProduct = DeviceFeatures(rawValue: 1 << 12)
    package static let vulkanMemoryModel = DeviceFeatures(rawValue: 1 << 13)
    package static let cooperativeMatrix = DeviceFeatures(rawValue: 1 << 14)
    /// `VK_NV_cooperative_matrix2` with all its parts: workgroup scope, flexible dimensions, reductions, conversions,
    /// per-element operations, tensor addressing and block loads.
    package static let cooperativeMatrix2 = DeviceFeatures(rawValue: 1 << 15)
    package static let shaderBfloat16 = DeviceFeatures(rawValue: 1 << 16)
    package static let bfloat16CooperativeMatrix = DeviceFeatures(rawValue: 1 << 17)
    /// SPIR-V 1.6 modules may take their workgroup size from specialisation constants (`LocalSizeId`).
    package static let maintenance4 = DeviceFeatures(rawValue: 1 << 18)
    package static let memoryBudget = DeviceFeatures(rawValue: 1 << 19)
    package static let externalMemoryHost = DeviceFeatures(rawValue: 1 << 20)
    package static let calibratedTimestamps = DeviceFeatures(rawValue: 1 << 21)
    package static let pipelineExecutableProperties = DeviceFeatures(rawValue: 1 << 22)
    package static let deviceFault = DeviceFeatures(rawValue: 1 << 23)

    package static let baseline: DeviceFeatures = [
        .bufferDeviceAddress, .timelineSemaphore, .synchronization2, .scalarBlockLayout,
    ]

    private static let table: [(feature: DeviceFeatures, name: String)] = [
        (.bufferDeviceAddress, "bufferDeviceAddress"), (.timelineSemaphore, "timelineSemaphore"),
        (.synchronization2, "synchronization2"), (.scalarBlockLayout, "scalarBlockLayout"),
        (.subgroupSizeControl, "subgroupSizeControl"), (.computeFullSubgroups, "computeFullSubgroups"),
        (.shaderFloat16, "shaderFloat16"), (.storageBuffer16Bit, "storageBuffer16BitAccess"),
        (.shaderInt8, "shaderInt8"), (.storageBuffer8Bit, "storageBuffer8BitAccess"),
        (.shaderInt16, "shaderInt16"), (.shaderInt64, "shaderInt64"),
        (.integerDotProduct, "shaderIntegerDotProduct"), (.vulkanMemoryModel, "vulkanMemoryModel"),
        (.cooperativeMatrix, "VK_KHR_cooperative_matrix"), (.cooperativeMatrix2, "VK_NV_cooperative_matrix2"),
        (.shaderBfloat16, "VK_KHR_shader_bfloat16"),
        (.bfloat16CooperativeMatrix, "shaderBFloat16CooperativeMatrix"), (.maintenance4, "maintenance4"),
        (.memoryBudget, "VK_EXT_memory_budget"), (.externalMemoryHost, "VK_EXT_external_memory_host"),
        (.calibratedTimestamps, "VK_EXT_calibrated_timestamps"),
        (.pipelineExecutableProperties, "VK_KHR_pipeline_executable_properties"),
        (.deviceFault, "VK_EXT_device_fault"),
    ]

    /// The names of the members, as the specification spells the feature or its extension.
    package var names: [String] { Self.table.filter { contains($0.feature) }.map(\.name) }

    /// Every feature there is a name for.
    package static let all = DeviceFeatures(table.map(\.feature))
}
