import CPerceptVulkan

extension Instance {
    /// Every device the drivers offer, one entry for a device that two drivers offer (the first is kept).
    package func physicalDevices() throws(VulkanError) -> [PhysicalDevice] {
        var devices: [PhysicalDevice] = []
        for (device, _) in try probe() { devices.append(device) }
        return devices
    }

    /// Devices with their handles, in the order of `physicalDevices()`.
    func probe() throws(VulkanError) -> [(PhysicalDevice, Handle)] {
        let raws = try faults.enumerate("vkEnumeratePhysicalDevices", of: nil as OpaquePointer?) {
            functions.enumeratePhysicalDevices(handle.raw, $0, $1)
        }
        var devices: [(PhysicalDevice, Handle)] = []
        var known: Set<String> = []
        for case let raw? in raws {
            let device = try describe(Handle(raw), index: devices.count)
            // Drivers that leave the UUID out leave it all zero.
            guard device.uuid.allSatisfy({ $0 == "0" }) || known.insert(device.uuid).inserted else { continue }
            devices.append((device, Handle(raw)))
        }
        return devices
    }

    private func describe(_ physical: Handle, index: Int) throws(VulkanError) -> PhysicalDevice {
        let extensions = Set(
            try faults.enumerate("vkEnumerateDeviceExtensionProperties", of: VkExtensionProperties()) {
                functions.enumerateDeviceExtensionProperties(physical.raw, nil, $0, $1)
            }.map { String(cBytes: $0.extensionName) })

        var basic = VkPhysicalDeviceProperties()
        functions.getPhysicalDeviceProperties(physical.raw, &basic)
        let version = Version(packed: basic.apiVersion)
        var device = PhysicalDevice(
            index: index, name: String(cBytes: basic.deviceName), kind: .init(basic.deviceType), uuid: "")
        device.vendorID = Int(basic.vendorID)
        device.deviceID = Int(basic.deviceID)
        device.apiVersion = version
        device.driverVersion = Int(basic.driverVersion)
        device.limits = DeviceLimits(basic.limits)
        addProperties(of: physical, extensions: extensions, to: &device)
        addProcessors(of: physical, extensions: extensions, to: &device)
        addMemory(of: physical, to: &device)
        addQueue(of: physical, to: &device)

        let chain = FeatureChain(version: version, extensions: extensions)
        if let head = chain.head?.assumingMemoryBound(to: VkPhysicalDeviceFeatures2.self) {
            functions.getPhysicalDeviceFeatures2(physical.raw, head)
        }
        device.features = chain.features
        let byName: [(DeviceFeatures, String)] = [
            (.memoryBudget, VK_EXT_MEMORY_BUDGET_EXTENSION_NAME),
            (.externalMemoryHost, VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME),
            (.calibratedTimestamps, VK_EXT_CALIBRATED_TIMESTAMPS_EXTENSION_NAME),
        ]
        for (feature, name) in byName where extensions.contains(name) { device.features.insert(feature) }
        if device.features.contains(.cooperativeMatrix) {
            device.cooperativeMatrixShapes = try cooperativeMatrixShapes(of: physical)
        }
        if extensions.contains(VK_NV_COOPERATIVE_MATRIX_2_EXTENSION_NAME) {
            device.flexibleMatrixShapes = try flexibleMatrixShapes(of: physical)
        }
        return device
    }

    private func addProperties(of physical: Handle, extensions: Set<String>, to device: inout PhysicalDevice) {
        guard device.apiVersion >= Version(1, 2) else { return }
        let isCore13 = device.apiVersion >= Version(1, 3)
        var chain = StructChain()
        let head = chain.appendZeroed(
            VkPhysicalDeviceProperties2.self, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2)
        let core11 = chain.appendZeroed(
            VkPhysicalDeviceVulkan11Properties.self, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_PROPERTIES)
        let core12 = chain.appendZeroed(
            VkPhysicalDeviceVulkan12Properties.self, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_PROPERTIES)
        var sizeControl: UnsafeMutablePointer<VkPhysicalDeviceSubgroupSizeControlProperties>?
        if isCore13 || extensions.contains(VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME) {
            sizeControl = chain.appendZeroed(
                VkPhysicalDeviceSubgroupSizeControlProperties.self,
                VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES)
        }
        var dotProduct: UnsafeMutablePointer<VkPhysicalDeviceShaderIntegerDotProductProperties>?
        if isCore13 || extensions.contains(VK_KHR_SHADER_INTEGER_DOT_PRODUCT_EXTENSION_NAME) {
            dotProduct = chain.appendZeroed(
                VkPhysicalDeviceShaderIntegerDotProductProperties.self,
                VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_PROPERTIES)
        }
        var maintenance4: UnsafeMutablePointer<VkPhysicalDeviceMaintenance4Properties>?
        if isCore13 || extensions.contains(VK_KHR_MAINTENANCE_4_EXTENSION_NAME) {
            maintenance4 = chain.appendZeroed(
                VkPhysicalDeviceMaintenance4Properties.self,
                VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_4_PROPERTIES)
        }
        var hostImport: UnsafeMutablePointer<VkPhysicalDeviceExternalMemoryHostPropertiesEXT>?
        if extensions.contains(VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME) {
            hostImport = chain.appendZeroed(
                VkPhysicalDeviceExternalMemoryHostPropertiesEXT.self,
                VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_MEMORY_HOST_PROPERTIES_EXT)
        }
        var matrix2: UnsafeMutablePointer<VkPhysicalDeviceCooperativeMatrix2PropertiesNV>?
        if extensions.contains(VK_NV_COOPERATIVE_MATRIX_2_EXTENSION_NAME) {
            matrix2 = chain.appendZeroed(
                VkPhysicalDeviceCooperativeMatrix2PropertiesNV.self,
                VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_2_PROPERTIES_NV)
        }
        var bus: UnsafeMutablePointer<VkPhysicalDevicePCIBusInfoPropertiesEXT>?
        if extensions.contains(VK_EXT_PCI_BUS_INFO_EXTENSION_NAME) {
            bus = chain.appendZeroed(
                VkPhysicalDevicePCIBusInfoPropertiesEXT.self,
                VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PCI_BUS_INFO_PROPERTIES_EXT)
        }
        functions.getPhysicalDeviceProperties2(physical.raw, head)

        device.pciAddress = bus.map { PhysicalDevice.pciAddress($0.pointee) }
        device.uuid = withUnsafeBytes(of: core11.pointee.deviceUUID) { bytes in
            bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        }
        device.driverName = String(cBytes: core12.pointee.driverName)
        device.driverInfo = String(cBytes: core12.pointee.driverInfo)
        let compute = VK_SHADER_STAGE_COMPUTE_BIT.rawValue
        device.limits.maxMemoryAllocationSize = core11.pointee.maxMemoryAllocationSize
        device.limits.subgroupSize = Int(core11.pointee.subgroupSize)
        device.limits.minSubgroupSize = device.limits.subgroupSize
        device.limits.maxSubgroupSize = device.limits.subgroupSize
        if core11.pointee.subgroupSupportedStages & compute != 0 {
            device.limits.subgroupOperations = .init(rawValue: core11.pointee.subgroupSupportedOperations)
        }
        if let sizeControl = sizeControl?.pointee, sizeControl.minSubgroupSize > 0 {
            device.limits.minSubgroupSize = Int(sizeControl.minSubgroupSize)
            device.limits.maxSubgroupSize = Int(sizeControl.maxSubgroupSize)
            device.limits.canRequireSubgroupSize = sizeControl.requiredSubgroupSizeStages & compute != 0
        }
        device.limits.integerDotProductAccelerated =
            dotProduct?.pointee.integerDotProduct4x8BitPackedSignedAccelerated == VkBool32(VK_TRUE)
        device.limits.maxBufferSize = maintenance4?.pointee.maxBufferSize ?? device.limits.maxMemoryAllocationSize
        if let matrix2 = matrix2?.pointee {
            device.limits.maxMatrixWorkgroup = Int(matrix2.cooperativeMatrixWorkgroupScopeMaxWorkgroupSize)
            device.limits.maxMatrixDimension = Int(matrix2.cooperativeMatrixFlexibleDimensionsMaxDimension)
            device.limits.reservedMatrixSharedMemory = Int(matrix2.cooperativeMatrixWorkgroupScopeReservedSharedMemory)
        }
        device.limits.minImportedHostPointerAlignment = Int(hostImport?.pointee.minImportedHostPointerAlignment ?? 0)
    }

    /// By the extensions of NVIDIA, AMD and Arm, each of which counts what a workgroup runs on.
    private func addProcessors(of physical: Handle, extensions: Set<String>, to device: inout PhysicalDevice) {
        guard device.apiVersion >= Version(1, 2) else { return }
        var chain = StructChain()
        let head = chain.appendZeroed(
            VkPhysicalDeviceProperties2.self, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2)
        let count: () -> UInt32
        if extensions.contains(VK_NV_SHADER_SM_BUILTINS_EXTENSION_NAME) {
            let found = chain.appendZeroed(
                VkPhysicalDeviceShaderSMBuiltinsPropertiesNV.self,
                VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_SM_BUILTINS_PROPERTIES_NV)
            count = { found.pointee.shaderSMCount }
        } else if extensions.contains(VK_AMD_SHADER_CORE_PROPERTIES_2_EXTENSION_NAME) {
            let found = chain.appendZeroed(
                VkPhysicalDeviceShaderCoreProperties2AMD.self,
                VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_CORE_PROPERTIES_2_AMD)
            count = { found.pointee.activeComputeUnitCount }
        } else if extensions.contains(VK_ARM_SHADER_CORE_BUILTINS_EXTENSION_NAME) {
            let found = chain.appendZeroed(
                VkPhysicalDeviceShaderCoreBuiltinsPropertiesARM.self,
                VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_CORE_BUILTINS_PROPERTIES_ARM)
            count = { found.pointee.shaderCoreCount }
        } else {
            return
        }
        functions.getPhysicalDeviceProperties2(physical.raw, head)
        if count() > 0 { device.limits.processors = Int(count()) }
    }

    private func addMemory(of physical: Handle, to device: inout PhysicalDevice) {
        var properties = VkPhysicalDeviceMemoryProperties2()
        properties.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2
        functions.getPhysicalDeviceMemoryProperties2(physical.raw, &properties)
        let memory = properties.memoryProperties
        device.memoryHeaps = withUnsafeBytes(of: memory.memoryHeaps) { bytes in
            bytes.assumingMemoryBound(to: VkMemoryHeap.self).prefix(Int(memory.memoryHeapCount)).map {
                MemoryHeap(size: $0.size, isDeviceLocal: $0.flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT.rawValue != 0)
            }
        }
        device.memoryTypes = withUnsafeBytes(of: memory.memoryTypes) { bytes in
            bytes.assumingMemoryBound(to: VkMemoryType.self).prefix(Int(memory.memoryTypeCount)).map {
                MemoryType(heap: Int($0.heapIndex), properties: .init(rawValue: $0.propertyFlags))
            }
        }
    }

    /// Takes the first family that computes and does graphics too, since that is the main queue of a GPU; else the
    /// first that computes.
    private func addQueue(of physical: Handle, to device: inout PhysicalDevice) {
        var count: UInt32 = 0
        functions.getPhysicalDeviceQueueFamilyProperties(physical.raw, &count, nil)
        var families = [VkQueueFamilyProperties](repeating: VkQueueFamilyProperties(), count: Int(count))
        functions.getPhysicalDeviceQueueFamilyProperties(physical.raw, &count, &families)
        func first(with bits: UInt32) -> Int? {
            families.firstIndex { $0.queueFlags & bits == bits && $0.queueCount > 0 }
        }
        let compute = VK_QUEUE_COMPUTE_BIT.rawValue
        guard let family = first(with: compute | VK_QUEUE_GRAPHICS_BIT.rawValue) ?? first(with: compute) else { return }
        device.computeQueueFamily = family
        device.limits.timestampValidBits = Int(families[family].timestampValidBits)
    }

    private func cooperativeMatrixShapes(of physical: Handle) throws(VulkanError) -> [CooperativeMatrixShape] {
        guard let getProperties = functions.getCooperativeMatrixProperties else { return [] }
        var template = VkCooperativeMatrixPropertiesKHR()
        template.sType = VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_PROPERTIES_KHR
        return try faults.enumerate("vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR", of: template) {
            getProperties(physical.raw, $0, $1)
        }.map { CooperativeMatrixShape($0) }
    }
}

extension Instance {
    private func flexibleMatrixShapes(of physical: Handle) throws(VulkanError) -> [CooperativeMatrixShape] {
        guard let getProperties = functions.getFlexibleMatrixProperties else { return [] }
        var template = VkCooperativeMatrixFlexibleDimensionsPropertiesNV()
        template.sType = VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_FLEXIBLE_DIMENSIONS_PROPERTIES_NV
        return try faults.enumerate(
            "vkGetPhysicalDeviceCooperativeMatrixFlexibleDimensionsPropertiesNV", of: template
        ) {
            getProperties(physical.raw, $0, $1)
        }.map {
            CooperativeMatrixShape(
                m: Int($0.MGranularity), n: Int($0.NGranularity), k: Int($0.KGranularity), a: .init($0.AType),
                b: .init($0.BType), c: .init($0.CType), result: .init($0.ResultType),
                saturating: $0.saturatingAccumulation != 0, scope: .init($0.scope),
                workgroupInvocations: Int($0.workgroupInvocations))
        }
    }
}

extension PhysicalDevice {
    static func pciAddress(_ bus: VkPhysicalDevicePCIBusInfoPropertiesEXT) -> String {
        func hexadecimal(_ value: UInt32, digits: Int) -> String {
            let text = String(value, radix: 16)
            return String(repeating: "0", count: max(digits - text.count, 0)) + text
        }
        return hexadecimal(bus.pciDomain, digits: 4) + ":" + hexadecimal(bus.pciBus, digits: 2) + ":"
            + hexadecimal(bus.pciDevice, digits: 2) + "." + hexadecimal(bus.pciFunction, digits: 1)
    }
}

extension PhysicalDevice.Kind {
    init(_ type: VkPhysicalDeviceType) {
        switch type {
        case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU: self = .discrete
        case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU: self = .integrated
        case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU: self = .virtual
        case VK_PHYSICAL_DEVICE_TYPE_CPU: self = .cpu
        default: self = .other
        }
    }
}

extension DeviceLimits {
    init(_ limits: VkPhysicalDeviceLimits) {
        let (count, size) = (limits.maxComputeWorkGroupCount, limits.maxComputeWorkGroupSize)
        maxComputeWorkGroupCount = [Int(count.0), Int(count.1), Int(count.2)]
        maxComputeWorkGroupSize = [Int(size.0), Int(size.1), Int(size.2)]
        maxComputeWorkGroupInvocations = Int(limits.maxComputeWorkGroupInvocations)
        maxComputeSharedMemorySize = Int(limits.maxComputeSharedMemorySize)
        maxPushConstantsSize = Int(limits.maxPushConstantsSize)
        maxMemoryAllocationCount = Int(limits.maxMemoryAllocationCount)
        nonCoherentAtomSize = Int(limits.nonCoherentAtomSize)
        timestampPeriod = Double(limits.timestampPeriod)
    }
}

extension CooperativeMatrixShape {
    init(_ properties: VkCooperativeMatrixPropertiesKHR) {
        self.init(
            m: Int(properties.MSize), n: Int(properties.NSize), k: Int(properties.KSize),
            a: Component(properties.AType), b: Component(properties.BType), c: Component(properties.CType),
            result: Component(properties.ResultType), saturating: properties.saturatingAccumulation != 0,
            scope: Scope(properties.scope))
    }
}

extension CooperativeMatrixShape.Component {
    init(_ type: VkComponentTypeKHR) {
        // The values of VkComponentTypeKHR.
        let known: [UInt32: Self] = [
            0: .float16, 1: .float32, 2: .float64, 3: .int8, 4: .int16, 5: .int32, 6: .int64, 7: .uint8, 8: .uint16,
            9: .uint32, 10: .uint64, 1_000_141_000: .bfloat16,
        ]
        self = known[type.rawValue] ?? .other(type.rawValue)
    }
}

extension CooperativeMatrixShape.Scope {
    init(_ scope: VkScopeKHR) {
        // The values of VkScopeKHR.
        switch scope.rawValue {
        case 2: self = .workgroup
        case 3: self = .subgroup
        default: self = .other(scope.rawValue)
        }
    }
}
