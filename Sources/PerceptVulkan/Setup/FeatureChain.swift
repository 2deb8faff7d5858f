import CPerceptVulkan

/// The feature structs of a device: asked with, read from, and passed on to create a device.
///
/// Each feature is one or more `VkBool32` fields, listed once here for both directions.
struct FeatureChain: ~Copyable {
    private var chain = StructChain()
    private var switches: [(feature: DeviceFeatures, field: UnsafeMutablePointer<VkBool32>)] = []

    /// The structs that a device of `version` with `extensions` understands; all fields are off.
    init(version: Version, extensions: Set<String>) {
        let isCore13 = version >= Version(1, 3)
        add(
            VkPhysicalDeviceFeatures2.self, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
            (.shaderInt16, \.features.shaderInt16), (.shaderInt64, \.features.shaderInt64))
        guard version >= Version(1, 2) else { return }
        add(
            VkPhysicalDeviceVulkan11Features.self, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES,
            (.storageBuffer16Bit, \.storageBuffer16BitAccess))
        add(
            VkPhysicalDeviceVulkan12Features.self, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
            (.bufferDeviceAddress, \.bufferDeviceAddress), (.timelineSemaphore, \.timelineSemaphore),
            (.scalarBlockLayout, \.scalarBlockLayout), (.shaderFloat16, \.shaderFloat16),
            (.shaderInt8, \.shaderInt8), (.storageBuffer8Bit, \.storageBuffer8BitAccess),
            (.vulkanMemoryModel, \.vulkanMemoryModel), (.vulkanMemoryModel, \.vulkanMemoryModelDeviceScope))
        if isCore13 || extensions.contains(VK_KHR_SYNCHRONIZATION_2_EXTENSION_NAME) {
            add(
                VkPhysicalDeviceSynchronization2Features.self,
                VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SYNCHRONIZATION_2_FEATURES,
                (.synchronization2, \.synchronization2))
        }
        if isCore13 || extensions.contains(VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME) {
            add(
                VkPhysicalDeviceSubgroupSizeControlFeatures.self,
                VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES,
                (.subgroupSizeControl, \.subgroupSizeControl), (.computeFullSubgroups, \.computeFullSubgroups))
        }
        if isCore13 || extensions.contains(VK_KHR_SHADER_INTEGER_DOT_PRODUCT_EXTENSION_NAME) {
            add(
                VkPhysicalDeviceShaderIntegerDotProductFeatures.self,
                VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_FEATURES,
                (.integerDotProduct, \.shaderIntegerDotProduct))
        }
        if isCore13 || extensions.contains(VK_KHR_MAINTENANCE_4_EXTENSION_NAME) {
            add(
                VkPhysicalDeviceMaintenance4Features.self,
                VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_4_FEATURES, (.maintenance4, \.maintenance4))
        }
        if extensions.contains(VK_KHR_PIPELINE_EXECUTABLE_PROPERTIES_EXTENSION_NAME) {
            add(
                VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR.self,
                VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_EXECUTABLE_PROPERTIES_FEATURES_KHR,
                (.pipelineExecutableProperties, \.pipelineExecutableInfo))
        }
        if extensions.contains(VK_EXT_DEVICE_FAULT_EXTENSION_NAME) {
            add(
                VkPhysicalDeviceFaultFeaturesEXT.self, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FAULT_FEATURES_EXT,
                (.deviceFault, \.deviceFault))
        }
        if extensions.contains(VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME) {
            add(
                VkPhysicalDeviceCooperativeMatrixFeaturesKHR.self,
                VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR,
                (.cooperativeMatrix, \.cooperativeMatrix))
        }
        if extensions.contains(VK_NV_COOPERATIVE_MATRIX_2_EXTENSION_NAME) {
            add(
                VkPhysicalDeviceCooperativeMatrix2FeaturesNV.self,
                VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_2_FEATURES_NV,
                (.cooperativeMatrix2, \.cooperativeMatrixWorkgroupScope),
                (.cooperativeMatrix2, \.cooperativeMatrixFlexibleDimensions),
                (.cooperativeMatrix2, \.cooperativeMatrixReductions),
                (.cooperativeMatrix2, \.cooperativeMatrixConversions),
                (.cooperativeMatrix2, \.cooperativeMatrixPerElementOperations),
                (.cooperativeMatrix2, \.cooperativeMatrixTensorAddressing),
                (.cooperativeMatrix2, \.cooperativeMatrixBlockLoads))
        }
        if extensions.contains(VK_KHR_SHADER_BFLOAT16_EXTENSION_NAME) {
            add(
                VkPhysicalDeviceShaderBfloat16FeaturesKHR.self,
                VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_BFLOAT16_FEATURES_KHR,
                (.shaderBfloat16, \.shaderBFloat16Type),
                (.bfloat16CooperativeMatrix, \.shaderBFloat16CooperativeMatrix))
        }
    }

    /// The `VkPhysicalDeviceFeatures2` that leads the chain.
    var head: UnsafeMutableRawPointer? { chain.head }

    /// The features whose fields are all on; setting turns on exactly their fields.
    var features: DeviceFeatures {
        get {
            var present = DeviceFeatures(switches.map(\.feature))
            for item in switches where item.field.pointee == VkBool32(VK_FALSE) { present.remove(item.feature) }
            return present
        }
        set {
            for item in switches { item.field.pointee = VkBool32(newValue.contains(item.feature) ? VK_TRUE : VK_FALSE) }
        }
    }

    private mutating func add<S: BitwiseCopyable>(
        _ type: S.Type, _ structureType: VkStructureType,
        _ fields: (feature: DeviceFeatures, path: WritableKeyPath<S, VkBool32>)...
    ) {
        let link = chain.appendZeroed(type, structureType)
        for field in fields {
            guard let offset = MemoryLayout<S>.offset(of: field.path) else { continue }
            let address = UnsafeMutableRawPointer(link).advanced(by: offset)
            switches.append((field.feature, address.assumingMemoryBound(to: VkBool32.self)))
        }
    }
}

extension DeviceFeatures {
    /// The extensions that bring features, where the API version does not.
    static func extensionNames(_ features: DeviceFeatures, version: Version) -> [String] {
        let always: [(DeviceFeatures, String)] = [
            (.cooperativeMatrix, VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME),
            (.cooperativeMatrix2, VK_NV_COOPERATIVE_MATRIX_2_EXTENSION_NAME),
            (.shaderBfloat16, VK_KHR_SHADER_BFLOAT16_EXTENSION_NAME),
            (.memoryBudget, VK_EXT_MEMORY_BUDGET_EXTENSION_NAME),
            (.externalMemoryHost, VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME),
            (.calibratedTimestamps, VK_EXT_CALIBRATED_TIMESTAMPS_EXTENSION_NAME),
            (.pipelineExecutableProperties, VK_KHR_PIPELINE_EXECUTABLE_PROPERTIES_EXTENSION_NAME),
            (.deviceFault, VK_EXT_DEVICE_FAULT_EXTENSION_NAME),
        ]
        let before13: [(DeviceFeatures, String)] = [
            (.synchronization2, VK_KHR_SYNCHRONIZATION_2_EXTENSION_NAME),
            (.subgroupSizeControl, VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME),
            (.integerDotProduct, VK_KHR_SHADER_INTEGER_DOT_PRODUCT_EXTENSION_NAME),
            (.maintenance4, VK_KHR_MAINTENANCE_4_EXTENSION_NAME),
        ]
        let rows = version >= Version(1, 3) ? always : always + before13
        return rows.filter { features.contains($0.0) }.map(\.1)
    }
}
