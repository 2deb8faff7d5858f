import CPerceptVulkan

/// Why host memory could not become a buffer; the way on is to copy it.
package enum ImportError: Error, Hashable, Sendable {
    /// The device does not offer `VK_EXT_external_memory_host`.
    case notOffered
    /// Pointer and size have to be multiples of `alignment` bytes.
    case misaligned(alignment: Int)
    /// The driver refused, or has no memory type for this pointer (`VK_ERROR_INVALID_EXTERNAL_HANDLE`).
    case refused(VulkanError)
}

extension Buffer {
    /// A buffer over memory of the host, without a copy.
    ///
    /// The memory must stay where it is until the buffer is gone. Drivers often refuse read-only file mappings.
    ///
    /// - Parameters:
    ///   - hostPointer: a multiple of `minImportedHostPointerAlignment`.
    ///   - size: bytes, a multiple of the same.
    package static func importing(
        hostPointer: UnsafeMutableRawPointer, size: Int, on device: Device, label: String = ""
    ) throws(ImportError) -> Buffer {
        let logical = device.logical
        let alignment = logical.physical.limits.minImportedHostPointerAlignment
        guard logical.physical.features.contains(.externalMemoryHost), alignment > 0,
            let getProperties = logical.functions.getMemoryHostPointerProperties
        else { throw .notOffered }
        guard size > 0, size.isMultiple(of: alignment), Int(bitPattern: hostPointer).isMultiple(of: alignment) else {
            throw .misaligned(alignment: alignment)
        }
        let kind = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT
        do throws(VulkanError) {
            var properties = VkMemoryHostPointerPropertiesEXT()
            properties.sType = VK_STRUCTURE_TYPE_MEMORY_HOST_POINTER_PROPERTIES_EXT
            try logical.check("vkGetMemoryHostPointerPropertiesEXT") {
                getProperties(logical.handle.raw, kind, hostPointer, &properties)
            }
            let handle = try create(logical, size, externalMemory: kind)
            var imported: Handle?
            do throws(VulkanError) {
                var needs = VkMemoryRequirements()
                logical.functions.getBufferMemoryRequirements(logical.handle.raw, handle.raw, &needs)
                let allowed = properties.memoryTypeBits & needs.memoryTypeBits
                guard allowed != 0, needs.size <= UInt64(size) else {
                    throw VulkanError(
                        code: VulkanError.invalidExternalHandle, call: "vkGetMemoryHostPointerPropertiesEXT")
                }
                let type = allowed.trailingZeroBitCount
                let memory = try importMemory(hostPointer, size, type, kind, logical)
                imported = memory
                try logical.check("vkBindBufferMemory") {
                    logical.functions.bindBufferMemory(logical.handle.raw, handle.raw, memory.raw, 0)
                }
                return Buffer(
                    importing: MemoryPool.Memory(handle: memory, type: type, mapped: hostPointer), handle, size,
                    logical,
                    label)
            } catch {
                logical.functions.destroyBuffer(logical.handle.raw, handle.raw, nil)
                logical.faults.destroyed()
                if let imported {
                    logical.functions.freeMemory(logical.handle.raw, imported.raw, nil)
                    logical.faults.destroyed()
                }
                throw error
            }
        } catch {
            throw .refused(error)
        }
    }

    private static func importMemory(
        _ pointer: UnsafeMutableRawPointer, _ size: Int, _ type: Int, _ kind: VkExternalMemoryHandleTypeFlagBits,
        _ device: LogicalDevice
    ) throws(VulkanError) -> Handle {
        var chain = StructChain()
        var host = VkImportMemoryHostPointerInfoEXT()
        host.sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT
        host.handleType = kind
        host.pHostPointer = pointer
        chain.append(host)
        var flags = VkMemoryAllocateFlagsInfo()
        flags.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO
        flags.flags = VK_MEMORY_ALLOCATE_DEVICE_ADDRESS_BIT.rawValue
        chain.append(flags)
        var info = VkMemoryAllocateInfo()
        info.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO
        info.pNext = UnsafeRawPointer(chain.head)
        info.allocationSize = UInt64(size)
        info.memoryTypeIndex = UInt32(type)
        return try device.create("vkAllocateMemory") {
            device.functions.allocateMemory(device.handle.raw, &info, nil, $0)
        }
    }
}
