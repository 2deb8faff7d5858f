import CPerceptVulkan

/// A range of memory that shaders reach by its device address.
///
/// The memory goes with the last reference. Command buffers hold the buffers they name and the queue holds command
/// buffers that run; a buffer reached only by an address inside push constants has to be held by its owner, or by
/// `CommandBuffer.keepAlive`, until the work is done.
package final class Buffer: Sendable {
    /// In bytes.
    package let size: Int
    /// Where shaders find the first byte; a multiple of 256 but for imported memory.
    package let address: UInt64
    /// Where the host finds the first byte; nil for memory it does not see.
    package var mapped: UnsafeMutableRawPointer? {
        backing.memory.mapped.map { $0 + Int(backing.offset) }
    }

    let handle: Handle
    private let device: LogicalDevice
    private let backing: Backing

    private enum Backing: Sendable {
        case pooled(MemoryPool, MemoryPool.Allocation)
        case imported(MemoryPool.Memory)

        var memory: MemoryPool.Memory {
            switch self {
            case .pooled(_, let allocation): allocation.memory
            case .imported(let memory): memory
            }
        }

        var offset: UInt64 {
            switch self {
            case .pooled(_, let allocation): allocation.offset
            case .imported: 0
            }
        }
    }

    init(_ logical: LogicalDevice, _ pool: MemoryPool, size: Int, use: MemoryUse, label: String) throws(VulkanError) {
        precondition(size > 0, "a buffer of \(size) bytes")
        guard UInt64(size) <= logical.physical.limits.maxBufferSize else {
            throw VulkanError(code: VulkanError.outOfDeviceMemory, call: "vkCreateBuffer")
        }
        let handle = try Self.create(logical, size, externalMemory: nil)
        do throws(VulkanError) {
            var needs = VkMemoryRequirements()
            logical.functions.getBufferMemoryRequirements(logical.handle.raw, handle.raw, &needs)
            let atom = UInt64(logical.physical.limits.nonCoherentAtomSize)
            let alignment = max(needs.alignment, atom, 256)
            let allocation = try pool.allocate(
                (needs.size + atom - 1) / atom * atom, alignment: alignment, typeBits: needs.memoryTypeBits, for: use)
            do throws(VulkanError) {
                try logical.check("vkBindBufferMemory") {
                    logical.functions.bindBufferMemory(
                        logical.handle.raw, handle.raw, allocation.memory.handle.raw, allocation.offset)
                }
            } catch {
                pool.free(allocation)
                throw error
            }
            backing = .pooled(pool, allocation)
        } catch {
            logical.functions.destroyBuffer(logical.handle.raw, handle.raw, nil)
            logical.faults.destroyed()
            throw error
        }
        self.size = size
        self.handle = handle
        self.device = logical
        address = Self.address(of: handle, logical)
        logical.setName(label, of: handle, VK_OBJECT_TYPE_BUFFER)
    }

    /// Takes over `handle`, bound to imported `memory`.
    init(
        importing memory: MemoryPool.Memory, _ handle: Handle, _ size: Int, _ device: LogicalDevice, _ label: String
    ) {
        backing = .imported(memory)
        self.size = size
        self.handle = handle
        self.device = device
        address = Self.address(of: handle, device)
        device.setName(label, of: handle, VK_OBJECT_TYPE_BUFFER)
    }

    deinit {
        device.functions.destroyBuffer(device.handle.raw, handle.raw, nil)
        device.faults.destroyed()
        switch backing {
        case .pooled(let pool, let allocation):
            pool.free(allocation)
        case .imported(let memory):
            device.functions.freeMemory(device.handle.raw, memory.handle.raw, nil)
            device.faults.destroyed()
        }
    }

    static func create(
        _ device: LogicalDevice, _ size: Int, externalMemory: VkExternalMemoryHandleTypeFlagBits?
    ) throws(VulkanError) -> Handle {
        var external = VkExternalMemoryBufferCreateInfo()
        external.sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO
        external.handleTypes = externalMemory?.rawValue ?? 0
        return try withUnsafePointer(to: external) { external throws(VulkanError) in
            var info = VkBufferCreateInfo()
            info.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO
            if externalMemory != nil { info.pNext = UnsafeRawPointer(external) }
            info.size = UInt64(size)
            info.usage =
                VK_BUFFER_USAGE_STORAGE_BUFFER_BIT.rawValue | VK_BUFFER_USAGE_TRANSFER_SRC_BIT.rawValue
                | VK_BUFFER_USAGE_TRANSFER_DST_BIT.rawValue | VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT.rawValue
            info.sharingMode = VK_SHARING_MODE_EXCLUSIVE
            return try device.create("vkCreateBuffer") {
                device.functions.createBuffer(device.handle.raw, &info, nil, $0)
            }
        }
    }

    private static func address(of handle: Handle, _ device: LogicalDevice) -> UInt64 {
        var info = VkBufferDeviceAddressInfo()
        info.sType = VK_STRUCTURE_TYPE_BUFFER_DEVICE_ADDRESS_INFO
        info.buffer = handle.raw
        return device.functions.getBufferDeviceAddress(device.handle.raw, &info)
    }
}

extension Buffer {
    /// Makes what the host wrote visible to the device; nothing to do for coherent memory.
    package func flush() throws(VulkanError) {
        guard let range = nonCoherentRange else { return }
        try withUnsafePointer(to: range) { range throws(VulkanError) in
            _ = try device.check("vkFlushMappedMemoryRanges") {
                device.functions.flushMappedMemoryRanges(device.handle.raw, 1, range)
            }
        }
    }

    /// Makes what the device wrote visible to the host; nothing to do for coherent memory.
    package func invalidate() throws(VulkanError) {
        guard let range = nonCoherentRange else { return }
        try withUnsafePointer(to: range) { range throws(VulkanError) in
            _ = try device.check("vkInvalidateMappedMemoryRanges") {
                device.functions.invalidateMappedMemoryRanges(device.handle.raw, 1, range)
            }
        }
    }

    /// The buffer's memory, whole atoms of it; nil where host and device agree by themselves.
    private var nonCoherentRange: VkMappedMemoryRange? {
        guard case .pooled(_, let allocation) = backing, allocation.memory.mapped != nil,
            !device.physical.memoryTypes[allocation.memory.type].properties.contains(.hostCoherent)
        else { return nil }
        var range = VkMappedMemoryRange()
        range.sType = VK_STRUCTURE_TYPE_MAPPED_MEMORY_RANGE
        range.memory = allocation.memory.handle.raw
        range.offset = allocation.offset
        range.size = allocation.size
        return range
    }
}

extension Buffer {
    func checkRange(_ offset: Int, _ count: Int) {
        precondition(
            offset >= 0 && count > 0 && offset <= size && count <= size - offset,
            "bytes \(offset) to \(offset) + \(count) of a buffer of \(size)")
    }
}
