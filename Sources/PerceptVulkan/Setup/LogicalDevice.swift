import CPerceptVulkan
import Synchronization

/// The `VkDevice` with its function table and the one pipeline layout; everything made on the device holds it.
final class LogicalDevice: Sendable {
    let instance: Instance
    let physical: PhysicalDevice
    let physicalHandle: Handle
    let handle: Handle
    let functions: DeviceFunctions
    let faults: FaultInjection
    let pipelineLayout: Handle
    let recordedCommandBuffers = Atomic<Int>(0)

    init(_ instance: Instance, _ physical: PhysicalDevice) throws(VulkanSetupError) {
        let missing = physical.missingBaseline
        guard missing.isEmpty, let family = physical.computeQueueFamily else {
            throw .missingFeatures(device: physical.name, missing)
        }
        let faults = instance.faults
        let found = try VulkanSetupError.wrapping { () throws(VulkanError) in try instance.probe() }
        // Names and order can change while a program runs, the UUID does not.
        guard let (_, physicalHandle) = found.first(where: { $0.0.uuid == physical.uuid && $0.0.name == physical.name })
        else { throw .deviceNotFound(request: physical.uuid, available: found.map(\.0.uuid)) }
        let handle = try VulkanSetupError.wrapping { () throws(VulkanError) in
            try Self.create(instance, physical, physicalHandle, family)
        }
        do throws(VulkanSetupError) {
            let functions = try DeviceFunctions(
                instance.functions.getDeviceProcAddr, handle, coreSynchronization2: physical.apiVersion >= Version(1, 3)
            )
            pipelineLayout = try VulkanSetupError.wrapping { () throws(VulkanError) in
                try Self.createPipelineLayout(handle, functions, faults)
            }
            self.functions = functions
        } catch {
            // The table may be what is missing, so the function is looked up by itself.
            if let symbol = instance.functions.getDeviceProcAddr(handle.raw, "vkDestroyDevice") {
                unsafeBitCast(symbol, to: PFN_vkDestroyDevice.self)(handle.raw, nil)
                faults.destroyed()
            }
            throw error
        }
        self.physicalHandle = physicalHandle
        self.handle = handle
        self.instance = instance
        self.physical = physical
        self.faults = faults
    }

    deinit {
        functions.destroyPipelineLayout(handle.raw, pipelineLayout.raw, nil)
        faults.destroyed()
        functions.destroyDevice(handle.raw, nil)
        faults.destroyed()
    }

    @discardableResult
    func check(_ call: StaticString, _ body: () -> VkResult) throws(VulkanError) -> VkResult {
        try faults.check(call, body)
    }

    func create(
        _ call: StaticString, _ body: (UnsafeMutablePointer<OpaquePointer?>) -> VkResult
    ) throws(VulkanError) -> Handle {
        try faults.create(call, body)
    }

    /// Names an object for validation messages and capture tools; without debug utils, or on failure, it stays
    /// nameless.
    func setName(_ label: String, of object: Handle, _ type: VkObjectType) {
        guard instance.hasDebugUtils, !label.isEmpty, let setObjectName = functions.setObjectName else { return }
        _ = label.withCString { label in
            var info = VkDebugUtilsObjectNameInfoEXT()
            info.sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_OBJECT_NAME_INFO_EXT
            info.objectType = type
            info.objectHandle = UInt64(UInt(bitPattern: object.raw))
            info.pObjectName = label
            return try? check("vkSetDebugUtilsObjectNameEXT") { setObjectName(handle.raw, &info) }
        }
    }

    private static func create(
        _ instance: Instance, _ physical: PhysicalDevice, _ physicalHandle: Handle, _ family: Int
    ) throws(VulkanError) -> Handle {
        let names = DeviceFeatures.extensionNames(physical.features, version: physical.apiVersion)
        var chain = FeatureChain(version: physical.apiVersion, extensions: Set(names))
        chain.features = physical.features
        let extensions = CStrings(names)
        let head = chain.head
        return try withUnsafePointer(to: Float(1)) { priority throws(VulkanError) in
            var queue = VkDeviceQueueCreateInfo()
            queue.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO
            queue.queueFamilyIndex = UInt32(family)
            queue.queueCount = 1
            queue.pQueuePriorities = priority
            return try withUnsafePointer(to: queue) { queue throws(VulkanError) in
                var info = VkDeviceCreateInfo()
                info.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO
                info.pNext = UnsafeRawPointer(head)
                info.queueCreateInfoCount = 1
                info.pQueueCreateInfos = queue
                info.enabledExtensionCount = extensions.count
                info.ppEnabledExtensionNames = extensions.pointer
                return try instance.faults.create("vkCreateDevice") {
                    instance.functions.createDevice(physicalHandle.raw, &info, nil, $0)
                }
            }
        }
    }

    /// The layout of every pipeline: no descriptor sets, 128 bytes of push constants.
    private static func createPipelineLayout(
        _ handle: Handle, _ functions: DeviceFunctions, _ faults: FaultInjection
    ) throws(VulkanError) -> Handle {
        var range = VkPushConstantRange()
        range.stageFlags = VK_SHADER_STAGE_COMPUTE_BIT.rawValue
        range.size = UInt32(DeviceLimits.pushConstantSize)
        return try withUnsafePointer(to: range) { range throws(VulkanError) in
            var info = VkPipelineLayoutCreateInfo()
            info.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO
            info.pushConstantRangeCount = 1
            info.pPushConstantRanges = range
            return try faults.create("vkCreatePipelineLayout") {
                functions.createPipelineLayout(handle.raw, &info, nil, $0)
            }
        }
    }
}
