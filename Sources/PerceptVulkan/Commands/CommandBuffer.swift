import CPerceptVulkan
import Synchronization

/// A list of commands, recorded once and submitted as often as wanted.
///
/// It holds the pipelines, buffers and timestamp pools it names until it is recorded anew or goes. Recording is done by
/// one owner at a time; recording anew while a submission runs is a mistake of the caller.
package final class CommandBuffer: Sendable {
    private enum Phase {
        case initial, recording, recorded
    }

    private struct State {
        var phase = Phase.initial
        var held: [ObjectIdentifier: any AnyObject & Sendable] = [:]
        var labels = 0
    }

    let handle: Handle
    let device: LogicalDevice
    private let pool: Handle
    private let state = Mutex(State())

    init(_ logical: LogicalDevice, label: String) throws(VulkanError) {
        var info = VkCommandPoolCreateInfo()
        info.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO
        info.queueFamilyIndex = UInt32(logical.physical.computeQueueFamily ?? 0)
        // A pool for each buffer: recording needs no lock shared with other buffers.
        let pool = try logical.create("vkCreateCommandPool") {
            logical.functions.createCommandPool(logical.handle.raw, &info, nil, $0)
        }
        var allocation = VkCommandBufferAllocateInfo()
        allocation.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO
        allocation.commandPool = pool.raw
        allocation.level = VK_COMMAND_BUFFER_LEVEL_PRIMARY
        allocation.commandBufferCount = 1
        var raw: OpaquePointer?
        do throws(VulkanError) {
            try logical.check("vkAllocateCommandBuffers") {
                logical.functions.allocateCommandBuffers(logical.handle.raw, &allocation, &raw)
            }
            guard let raw else { throw VulkanError(code: VK_ERROR_UNKNOWN.rawValue, call: "vkAllocateCommandBuffers") }
            handle = Handle(raw)
        } catch {
            logical.functions.destroyCommandPool(logical.handle.raw, pool.raw, nil)
            logical.faults.destroyed()
            throw error
        }
        self.device = logical
        self.pool = pool
        logical.setName(label, of: handle, VK_OBJECT_TYPE_COMMAND_BUFFER)
    }

    deinit {
        device.functions.destroyCommandPool(device.handle.raw, pool.raw, nil)
        device.faults.destroyed()
    }

    var isRecorded: Bool { state.withLock { $0.phase == .recorded } }

    /// Starts recording and forgets what was recorded before.
    package func begin() throws(VulkanError) {
        try device.check("vkResetCommandPool") {
            device.functions.resetCommandPool(device.handle.raw, pool.raw, 0)
        }
        state.withLock { $0 = State() }
        var info = VkCommandBufferBeginInfo()
        info.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO
        try device.check("vkBeginCommandBuffer") { device.functions.beginCommandBuffer(handle.raw, &info) }
        state.withLock { $0.phase = .recording }
    }

    /// Ends recording; the buffer can be submitted.
    package func end() throws(VulkanError) {
        precondition(
            state.withLock { $0.phase == .recording && $0.labels == 0 }, "end() without begin(), or in a label")
        try device.check("vkEndCommandBuffer") { device.functions.endCommandBuffer(handle.raw) }
        state.withLock { $0.phase = .recorded }
        device.recordedCommandBuffers.wrappingAdd(1, ordering: .relaxed)
    }

    /// Holds `object` for as long as this recording: for buffers that shaders reach by an address only.
    package func keepAlive(_ object: any AnyObject & Sendable) {
        state.withLock { state in
            precondition(state.phase == .recording, "a command outside of begin() and end()")
            state.held[ObjectIdentifier(object)] = object
        }
    }

    package func bind(_ pipeline: ShaderPipeline) {
        keepAlive(pipeline)
        device.functions.cmdBindPipeline(handle.raw, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline.handle.raw)
    }

    /// Sets the first bytes of the push constants, at most 128 and a multiple of 4.
    package func push(_ bytes: UnsafeRawBufferPointer) {
        precondition(
            (4...DeviceLimits.pushConstantSize).contains(bytes.count) && bytes.count.isMultiple(of: 4),
            "\(bytes.count) bytes of push constants")
        device.functions.cmdPushConstants(
            handle.raw, device.pipelineLayout.raw, VK_SHADER_STAGE_COMPUTE_BIT.rawValue, 0, UInt32(bytes.count),
            bytes.baseAddress)
    }

    /// Sets the push constants from a struct laid out as the shader declares it.
    package func push<Constants: BitwiseCopyable>(_ constants: Constants) {
        withUnsafeBytes(of: constants) { push($0) }
    }

    /// Runs a grid of workgroups; a grid with a zero runs none.
    package func dispatch(_ x: Int, _ y: Int = 1, _ z: Int = 1) {
        let limits = device.physical.limits.maxComputeWorkGroupCount
        precondition(
            zip([x, y, z], limits).allSatisfy { $0 >= 0 && $0 <= $1 }, "a grid of \(x) × \(y) × \(z) workgroups")
        device.functions.cmdDispatch(handle.raw, UInt32(x), UInt32(y), UInt32(z))
    }

    /// Runs the part of a grid that starts at `base`: workgroup ids count from there.
    package func dispatch(base: [Int], groups: [Int]) {
        let limits = device.physical.limits.maxComputeWorkGroupCount
        precondition(
            (0..<3).allSatisfy { base[$0] >= 0 && groups[$0] >= 0 && base[$0] + groups[$0] <= limits[$0] },
            "a grid of \(groups) workgroups at \(base)")
        device.functions.cmdDispatchBase(
            handle.raw, UInt32(base[0]), UInt32(base[1]), UInt32(base[2]), UInt32(groups[0]), UInt32(groups[1]),
            UInt32(groups[2]))
    }

    /// Lets the commands that follow, as far as they are in `destination`, see what those before wrote in `source`.
    ///
    /// One global memory barrier. Before the host reads, `to: .host`; the host's writes before `submit` need none.
    package func barrier(from source: PipelineStages = .compute, to destination: PipelineStages = .compute) {
        var barrier = VkMemoryBarrier2()
        barrier.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER_2
        barrier.srcStageMask = source.mask
        barrier.srcAccessMask = source.writes
        barrier.dstStageMask = destination.mask
        barrier.dstAccessMask = destination.accesses
        withUnsafePointer(to: barrier) { barrier in
            var info = VkDependencyInfo()
            info.sType = VK_STRUCTURE_TYPE_DEPENDENCY_INFO
            info.memoryBarrierCount = 1
            info.pMemoryBarriers = barrier
            device.functions.cmdPipelineBarrier2(handle.raw, &info)
        }
    }

    /// Copies `size` bytes; the ranges lie inside their buffers and do not overlap.
    package func copy(
        from source: Buffer, offset sourceOffset: Int = 0, to destination: Buffer, offset destinationOffset: Int = 0,
        size: Int
    ) {
        source.checkRange(sourceOffset, size)
        destination.checkRange(destinationOffset, size)
        keepAlive(source)
        keepAlive(destination)
        var region = VkBufferCopy()
        region.srcOffset = UInt64(sourceOffset)
        region.dstOffset = UInt64(destinationOffset)
        region.size = UInt64(size)
        device.functions.cmdCopyBuffer(handle.raw, source.handle.raw, destination.handle.raw, 1, &region)
    }

    /// Fills `size` bytes with a word; offset and size are multiples of 4.
    package func fill(_ buffer: Buffer, offset: Int = 0, size: Int, with word: UInt32) {
        buffer.checkRange(offset, size)
        precondition(offset.isMultiple(of: 4) && size.isMultiple(of: 4), "a fill of \(size) bytes at \(offset)")
        keepAlive(buffer)
        device.functions.cmdFillBuffer(handle.raw, buffer.handle.raw, UInt64(offset), UInt64(size), word)
    }
}

extension CommandBuffer {
    /// Forgets the times in `pool`; needed before it is written in each run of the commands.
    package func resetTimestamps(_ pool: TimestampPool) {
        keepAlive(pool)
        device.functions.cmdResetQueryPool(handle.raw, pool.handle.raw, 0, UInt32(pool.count))
    }

    /// Writes the time at which all commands before are done.
    package func writeTimestamp(_ index: Int, in pool: TimestampPool) {
        precondition((0..<pool.count).contains(index), "timestamp \(index) of \(pool.count)")
        keepAlive(pool)
        device.functions.cmdWriteTimestamp2(
            handle.raw, VK_PIPELINE_STAGE_2_ALL_COMMANDS_BIT, pool.handle.raw, UInt32(index))
    }

    /// Opens a group that capture tools show by its name; nothing where debug utils are absent.
    package func beginLabel(_ name: String) {
        state.withLock { $0.labels += 1 }
        guard let beginLabel = device.functions.cmdBeginLabel else { return }
        name.withCString { name in
            var label = VkDebugUtilsLabelEXT()
            label.sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_LABEL_EXT
            label.pLabelName = name
            beginLabel(handle.raw, &label)
        }
    }

    package func endLabel() {
        state.withLock { state in
            precondition(state.labels > 0, "endLabel() without beginLabel(_:)")
            state.labels -= 1
        }
        device.functions.cmdEndLabel?(handle.raw)
    }
}
