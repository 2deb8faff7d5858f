import CPerceptVulkan
import Synchronization

/// What a buffer's memory is for.
package enum MemoryUse: Hashable, Sendable, CaseIterable {
    /// Read and written by shaders; not promised to be visible to the host.
    case device
    /// Written by the host in order, read by the device: coherent, and device-local where all of that memory is visible.
    case upload
    /// Written by the device, read by the host: cached.
    case readback
}

/// What a device's memory pool holds.
package struct MemoryStatistics: Hashable, Sendable {
    /// Buffers alive.
    package var allocations = 0
    /// Bytes of the buffers alive.
    package var bytes: UInt64 = 0
    /// The most `bytes` has been.
    package var peakBytes: UInt64 = 0
    /// Bytes of the memory objects held, buffers or not.
    package var reservedBytes: UInt64 = 0
    /// Calls of `vkAllocateMemory` that succeeded.
    package var memoryAllocations = 0
}

/// Sub-allocates buffers from blocks of device memory.
///
/// Blocks of one memory type grow from 16 MiB to 1 GiB; a request larger than the next block would be gets memory of its
/// own. A block is released when its last buffer goes.
final class MemoryPool: Sendable {
    /// A `VkDeviceMemory`, mapped for as long as it lives where the host can see it.
    struct Memory: @unchecked Sendable {
        // The mapping is plain memory; who writes where is up to the buffers' owners.
        let handle: Handle
        let type: Int
        let mapped: UnsafeMutableRawPointer?
    }

    /// A range of a block.
    struct Allocation: Sendable {
        let block: Int
        let memory: Memory
        let offset: UInt64
        let size: UInt64
    }

    private struct Block {
        let memory: Memory
        var free: FreeList
    }

    private struct State {
        var blocks: [Int: Block] = [:]
        var nextBlock = 0
        var statistics = MemoryStatistics()
    }

    private let device: LogicalDevice
    private let state = Mutex(State())

    private static let smallestBlock: UInt64 = 16 << 20
    private static let largestBlock: UInt64 = 1 << 30

    init(_ device: LogicalDevice) { self.device = device }

    var statistics: MemoryStatistics { state.withLock { $0.statistics } }

    /// - Parameters:
    ///   - typeBits: the memory types allowed, from `VkMemoryRequirements`.
    /// - Throws: `VK_ERROR_OUT_OF_DEVICE_MEMORY` also for what the driver would refuse by its limits.
    func allocate(
        _ size: UInt64, alignment: UInt64, typeBits: UInt32, for use: MemoryUse
    ) throws(VulkanError) -> Allocation {
        let types = device.physical.memoryTypes(for: use).filter { typeBits >> UInt32($0) & 1 == 1 }
        var failure = VulkanError(code: VulkanError.outOfDeviceMemory, call: "vkAllocateMemory")
        for type in types {
            do throws(VulkanError) {
                return try allocate(size, alignment: alignment, type: type)
            } catch {
                guard error.isOutOfMemory else { throw error }
                failure = error
            }
        }
        throw failure
    }

    func free(_ allocation: Allocation) {
        state.withLock { state in
            state.statistics.allocations -= 1
            state.statistics.bytes -= allocation.size
            state.blocks[allocation.block]?.free.free(allocation.offset, allocation.size)
            guard let block = state.blocks[allocation.block], block.free.isEmpty else { return }
            state.blocks[allocation.block] = nil
            state.statistics.reservedBytes -= block.free.capacity
            // Freeing unmaps.
            device.functions.freeMemory(device.handle.raw, block.memory.handle.raw, nil)
            device.faults.destroyed()
        }
    }

    private func allocate(_ size: UInt64, alignment: UInt64, type: Int) throws(VulkanError) -> Allocation {
        try state.withLock { state throws(VulkanError) in
            for (number, block) in state.blocks where block.memory.type == type {
                var free = block.free
                guard let offset = free.allocate(size, alignment: alignment) else { continue }
                state.blocks[number]?.free = free
                return Self.note(Allocation(block: number, memory: block.memory, offset: offset, size: size), &state)
            }
            let capacity = try blockSize(for: size, type: type, state.blocks.values)
            let memory: Memory
            let granted: UInt64
            do throws(VulkanError) {
                memory = try allocateMemory(capacity, type: type)
                granted = capacity
            } catch {
                // What is left may hold the request though not a whole block.
                guard error.isOutOfMemory, capacity > size else { throw error }
                memory = try allocateMemory(size, type: type)
                granted = size
            }
            var free = FreeList(capacity: granted)
            guard let offset = free.allocate(size, alignment: alignment) else {
                preconditionFailure("a new block holds the request it was made for")
            }
            let number = state.nextBlock
            state.nextBlock += 1
            state.blocks[number] = Block(memory: memory, free: free)
            state.statistics.memoryAllocations += 1
            state.statistics.reservedBytes += granted
            return Self.note(Allocation(block: number, memory: memory, offset: offset, size: size), &state)
        }
    }

    private static func note(_ allocation: Allocation, _ state: inout State) -> Allocation {
        state.statistics.allocations += 1
        state.statistics.bytes += allocation.size
        state.statistics.peakBytes = max(state.statistics.peakBytes, state.statistics.bytes)
        return allocation
    }

    private func blockSize(
        for size: UInt64, type: Int, _ blocks: Dictionary<Int, Block>.Values
    ) throws(VulkanError) -> UInt64 {
        let limit = device.physical.limits.maxMemoryAllocationSize
        let heap = device.physical.memoryHeaps[device.physical.memoryTypes[type].heap].size
        guard size <= min(limit, heap) else {
            throw VulkanError(code: VulkanError.outOfDeviceMemory, call: "vkAllocateMemory")
        }
        let largest = blocks.filter { $0.memory.type == type }.map(\.free.capacity).max() ?? 0
        let next = min(max(Self.smallestBlock, largest * 2), Self.largestBlock, heap / 8, limit)
        return max(size, next)
    }

    private func allocateMemory(_ size: UInt64, type: Int) throws(VulkanError) -> Memory {
        var flags = VkMemoryAllocateFlagsInfo()
        flags.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO
        flags.flags = VK_MEMORY_ALLOCATE_DEVICE_ADDRESS_BIT.rawValue
        let handle = try withUnsafePointer(to: flags) { flags throws(VulkanError) in
            var info = VkMemoryAllocateInfo()
            info.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO
            info.pNext = UnsafeRawPointer(flags)
            info.allocationSize = size
            info.memoryTypeIndex = UInt32(type)
            return try device.create("vkAllocateMemory") {
                device.functions.allocateMemory(device.handle.raw, &info, nil, $0)
            }
        }
        guard device.physical.memoryTypes[type].properties.contains(.hostVisible) else {
            return Memory(handle: handle, type: type, mapped: nil)
        }
        do throws(VulkanError) {
            var mapped: UnsafeMutableRawPointer?
            try device.check("vkMapMemory") {
                device.functions.mapMemory(device.handle.raw, handle.raw, 0, VK_WHOLE_SIZE, 0, &mapped)
            }
            return Memory(handle: handle, type: type, mapped: mapped)
        } catch {
            device.functions.freeMemory(device.handle.raw, handle.raw, nil)
            device.faults.destroyed()
            throw error
        }
    }
}

extension PhysicalDevice {
    /// The indices of memory types that serve `use`, best first.
    package func memoryTypes(for use: MemoryUse) -> [Int] {
        let largestLocal = memoryHeaps.filter(\.isDeviceLocal).map(\.size).max() ?? 0
        func rank(_ type: MemoryType) -> Int? {
            let properties = type.properties
            guard properties.isDisjoint(with: [.lazilyAllocated, .protected, .deviceCoherent, .deviceUncached]) else {
                return nil
            }
            let isVisible = properties.isSuperset(of: [.hostVisible, .hostCoherent])
            switch use {
            case .device:
                guard properties.contains(.deviceLocal) else { return nil }
                // The small window of a card without resizable BAR is left to uploads.
                return memoryHeaps[type.heap].size == largestLocal ? 0 : 1
            case .upload:
                guard isVisible else { return nil }
                // A device-local window counts when it is (nearly) the whole memory: resizable BAR or shared memory.
                let isLarge = memoryHeaps[type.heap].size >= largestLocal / 2
                if properties.contains(.deviceLocal) { return isLarge ? 0 : 3 }
                return properties.contains(.hostCached) ? 2 : 1
            case .readback:
                guard properties.contains(.hostVisible) else { return nil }
                if properties.contains(.hostCached) { return properties.contains(.hostCoherent) ? 0 : 1 }
                return isVisible ? 2 : nil
            }
        }
        return memoryTypes.indices.compactMap { index in rank(memoryTypes[index]).map { (index, $0) } }
            .sorted { ($0.1, $0.0) < ($1.1, $1.0) }.map(\.0)
    }
}
