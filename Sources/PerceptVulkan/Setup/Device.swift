import Synchronization

/// An opened device: one compute queue, a memory pool, and what pipelines and command buffers are made from.
///
/// Dropping a device waits until the queue is idle; objects made from it may outlive it, and can then no longer be
/// submitted.
package final class Device: Sendable {
    package struct Statistics: Hashable, Sendable {
        /// How many command buffers have been recorded to their end.
        package var recordedCommandBuffers: Int
        /// How many command batches went to the driver.
        package var submissions: Int
        /// Vulkan objects alive in the instance, its own included.
        package var liveObjects: Int
    }

    package let physical: PhysicalDevice
    package let queue: Queue
    let logical: LogicalDevice
    let memory: MemoryPool

    package init(_ instance: Instance, _ physical: PhysicalDevice) throws(VulkanSetupError) {
        logical = try LogicalDevice(instance, physical)
        do { queue = try Queue(logical) } catch { throw .failed(error) }
        memory = MemoryPool(logical)
        self.physical = physical
    }

    deinit { queue.drain() }

    package var statistics: Statistics {
        Statistics(
            recordedCommandBuffers: logical.recordedCommandBuffers.load(ordering: .relaxed),
            submissions: queue.submissions, liveObjects: logical.faults.liveObjects)
    }

    package var memoryStatistics: MemoryStatistics { memory.statistics }
}
