import CPerceptVulkan
package import PerceptFiles

/// A Vulkan call that failed: its result code and its name.
package struct VulkanError: KnownFault, Hashable, Sendable {
    /// The `VkResult`.
    package let code: Int32
    /// The C function, such as `vkAllocateMemory`.
    package let call: String

    package init(code: Int32, call: String) {
        self.code = code
        self.call = call
    }

    package static let outOfHostMemory: Int32 = VK_ERROR_OUT_OF_HOST_MEMORY.rawValue
    package static let outOfDeviceMemory: Int32 = VK_ERROR_OUT_OF_DEVICE_MEMORY.rawValue
    package static let invalidExternalHandle: Int32 = VK_ERROR_INVALID_EXTERNAL_HANDLE.rawValue
    package static let deviceLost: Int32 = VK_ERROR_DEVICE_LOST.rawValue

    /// The device stopped answering; everything made from it has to be made again.
    package var isDeviceLost: Bool { code == Self.deviceLost }

    /// Device or host memory ran out, or no memory object is left.
    package var isOutOfMemory: Bool {
        code == Self.outOfHostMemory || code == Self.outOfDeviceMemory || code == VK_ERROR_TOO_MANY_OBJECTS.rawValue
    }

    package var kind: FaultKind { isOutOfMemory ? .temporary : .internalFault }

    package var description: String {
        "\(call) failed: \(Self.names[code] ?? "VkResult") (\(code))"
            + (isDeviceLost ? "; the device stopped answering and has to be opened anew" : "")
    }

    private static let names: [Int32: String] = [
        VK_ERROR_OUT_OF_HOST_MEMORY.rawValue: "VK_ERROR_OUT_OF_HOST_MEMORY",
        VK_ERROR_OUT_OF_DEVICE_MEMORY.rawValue: "VK_ERROR_OUT_OF_DEVICE_MEMORY",
        VK_ERROR_INITIALIZATION_FAILED.rawValue: "VK_ERROR_INITIALIZATION_FAILED",
        VK_ERROR_DEVICE_LOST.rawValue: "VK_ERROR_DEVICE_LOST",
        VK_ERROR_MEMORY_MAP_FAILED.rawValue: "VK_ERROR_MEMORY_MAP_FAILED",
        VK_ERROR_LAYER_NOT_PRESENT.rawValue: "VK_ERROR_LAYER_NOT_PRESENT",
        VK_ERROR_EXTENSION_NOT_PRESENT.rawValue: "VK_ERROR_EXTENSION_NOT_PRESENT",
        VK_ERROR_FEATURE_NOT_PRESENT.rawValue: "VK_ERROR_FEATURE_NOT_PRESENT",
        VK_ERROR_INCOMPATIBLE_DRIVER.rawValue: "VK_ERROR_INCOMPATIBLE_DRIVER",
        VK_ERROR_TOO_MANY_OBJECTS.rawValue: "VK_ERROR_TOO_MANY_OBJECTS",
        VK_ERROR_FORMAT_NOT_SUPPORTED.rawValue: "VK_ERROR_FORMAT_NOT_SUPPORTED",
        VK_ERROR_FRAGMENTED_POOL.rawValue: "VK_ERROR_FRAGMENTED_POOL",
        VK_ERROR_UNKNOWN.rawValue: "VK_ERROR_UNKNOWN",
        VK_ERROR_OUT_OF_POOL_MEMORY.rawValue: "VK_ERROR_OUT_OF_POOL_MEMORY",
        VK_ERROR_INVALID_EXTERNAL_HANDLE.rawValue: "VK_ERROR_INVALID_EXTERNAL_HANDLE",
        VK_ERROR_INVALID_OPAQUE_CAPTURE_ADDRESS.rawValue: "VK_ERROR_INVALID_OPAQUE_CAPTURE_ADDRESS",
        VK_ERROR_INVALID_SHADER_NV.rawValue: "VK_ERROR_INVALID_SHADER_NV",
        VK_ERROR_NOT_PERMITTED_KHR.rawValue: "VK_ERROR_NOT_PERMITTED_KHR",
    ]
}
