import CPerceptVulkan
import Synchronization

/// Names a submission; later ones compare greater.
package struct SubmissionID: Comparable, Hashable, Sendable {
    /// The value the timeline semaphore reaches when the work is done.
    package let value: UInt64

    /// Before the first: it has always been done.
    package static let none = SubmissionID(value: 0)

    package static func < (a: SubmissionID, b: SubmissionID) -> Bool { a.value < b.value }
}

/// The compute queue and the timeline semaphore that counts its submissions.
///
/// Submissions run in the order of `submit`. They do not see one another's writes by that alone: a barrier at the start
/// of the later command buffer, or at the end of the earlier one, is needed as inside a command buffer.
///
/// A lock around each submission keeps Vulkan's rule of one caller at a time for a queue, yet calls are meant to come
/// from the one thread that owns the device, since `wait` blocks.
package final class Queue: Sendable {
    private struct State {
        var submitted: UInt64 = 0
        var submissions = 0
        /// What runs on the device must not be freed: command buffers by the value that ends their use.
        var inFlight: [(value: UInt64, buffers: ArraySlice<CommandBuffer>)] = []
    }

    private let device: LogicalDevice
    private let handle: Handle
    private let timeline: Handle
    private let state = Mutex(State())

    init(_ device: LogicalDevice) throws(VulkanError) {
        var raw: OpaquePointer?
        device.functions.getDeviceQueue(device.handle.raw, UInt32(device.physical.computeQueueFamily ?? 0), 0, &raw)
        guard let raw else { throw VulkanError(code: VK_ERROR_UNKNOWN.rawValue, call: "vkGetDeviceQueue") }
        var type = VkSemaphoreTypeCreateInfo()
        type.sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO
        type.semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE
        timeline = try withUnsafePointer(to: type) { type throws(VulkanError) in
            var info = VkSemaphoreCreateInfo()
            info.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO
            info.pNext = UnsafeRawPointer(type)
            return try device.create("vkCreateSemaphore") {
                device.functions.createSemaphore(device.handle.raw, &info, nil, $0)
            }
        }
        handle = Handle(raw)
        self.device = device
    }

    deinit {
        device.functions.destroySemaphore(device.handle.raw, timeline.raw, nil)
        device.faults.destroyed()
    }

    /// How many command batches went to the driver.
    package var submissions: Int { state.withLock { $0.submissions } }

    /// Hands recorded command buffers to the device, to run in order.
    ///
    /// - Parameter separately: one submission for each command buffer, so that no single one runs long; drivers reset a
    ///   device whose submission exceeds their time limit.
    /// - Returns: the name of the last one, to wait for.
    package func submit(_ buffers: [CommandBuffer], separately: Bool = false) throws(VulkanError) -> SubmissionID {
        try submit(buffers[...], separately: separately)
    }

    /// Hands a slice of a program's command buffers to the device, as the others; nothing is allocated for it.
    package func submit(
        _ buffers: ArraySlice<CommandBuffer>, separately: Bool = false
    ) throws(VulkanError) -> SubmissionID {
        precondition(!buffers.isEmpty, "nothing to submit")
        precondition(buffers.allSatisfy { $0.isRecorded }, "a command buffer was submitted before its end()")
        _ = try completedValue()
        let step = separately ? 1 : buffers.count
        return try state.withLock { state throws(VulkanError) in
            // Slices of the caller's array: a program that is replayed allocates nothing here.
            for start in stride(from: buffers.startIndex, to: buffers.endIndex, by: step) {
                try submit(buffers[start..<start + step], &state)
            }
            return SubmissionID(value: state.submitted)
        }
    }

    private func submit(_ batch: ArraySlice<CommandBuffer>, _ state: inout State) throws(VulkanError) {
        let value = state.submitted + 1
        var signal = VkSemaphoreSubmitInfo()
        signal.sType = VK_STRUCTURE_TYPE_SEMAPHORE_SUBMIT_INFO
        signal.semaphore = timeline.raw
        signal.value = value
        signal.stageMask = VK_PIPELINE_STAGE_2_ALL_COMMANDS_BIT
        // The temporary memory's function knows no typed errors.
        let result: Result<Void, VulkanError> = withUnsafeTemporaryAllocation(
            of: VkCommandBufferSubmitInfo.self, capacity: batch.count
        ) { commands in
            for (place, buffer) in zip(commands.indices, batch) {
                var info = VkCommandBufferSubmitInfo()
                info.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_SUBMIT_INFO
                info.commandBuffer = buffer.handle.raw
                commands.initializeElement(at: place, to: info)
            }
            return withUnsafePointer(to: signal) { signal in
                var info = VkSubmitInfo2()
                info.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO_2
                info.commandBufferInfoCount = UInt32(commands.count)
                info.pCommandBufferInfos = UnsafePointer(commands.baseAddress)
                info.signalSemaphoreInfoCount = 1
                info.pSignalSemaphoreInfos = signal
                do throws(VulkanError) {
                    try device.check("vkQueueSubmit2") { device.functions.queueSubmit2(handle.raw, 1, &info, nil) }
                    return .success(())
                } catch { return .failure(error) }
            }
        }
        try result.get()
        state.submitted = value
        state.submissions += 1
        state.inFlight.append((value, batch))
    }

    /// Blocks until `submission` is done or `timeout` has passed; nil waits for ever.
    ///
    /// - Returns: false when time ran out.
    package func wait(for submission: SubmissionID, timeout: Duration? = nil) throws(VulkanError) -> Bool {
        guard try block(until: submission, timeout) else { return false }
        release(through: submission.value)
        return true
    }

    /// Blocks until `submission` is done, on a thread that does not own the device: what ran is not let go of there.
    package func watch(_ submission: SubmissionID) throws(VulkanError) { _ = try block(until: submission, nil) }

    private func block(until submission: SubmissionID, _ timeout: Duration?) throws(VulkanError) -> Bool {
        let nanoseconds = timeout.map(\.nanoseconds) ?? .max
        let result = try withUnsafePointer(to: timeline.raw as OpaquePointer?) { semaphore throws(VulkanError) in
            try withUnsafePointer(to: submission.value) { value throws(VulkanError) in
                var info = VkSemaphoreWaitInfo()
                info.sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO
                info.semaphoreCount = 1
                info.pSemaphores = semaphore
                info.pValues = value
                return try device.check("vkWaitSemaphores") {
                    device.functions.waitSemaphores(device.handle.raw, &info, nanoseconds)
                }
            }
        }
        return result != VK_TIMEOUT
    }

    /// The last submission that is done, without waiting; everything up to it is done too.
    package func completedValue() throws(VulkanError) -> SubmissionID {
        var value: UInt64 = 0
        try device.check("vkGetSemaphoreCounterValue") {
            device.functions.getSemaphoreCounterValue(device.handle.raw, timeline.raw, &value)
        }
        release(through: value)
        return SubmissionID(value: value)
    }

    /// Waits for everything and lets go of it. A lost device has nothing left to wait for.
    package func drain() {
        // Vulkan wants no submission beside this wait.
        state.withLock { _ in
            _ = try? device.check("vkDeviceWaitIdle") { device.functions.deviceWaitIdle(device.handle.raw) }
        }
        release(through: .max)
    }

    private func release(through value: UInt64) {
        // In the order of their values, each let go of outside of the lock, where its buffers may be destroyed.
        while true {
            let done = state.withLock { state in
                state.inFlight.first.map { $0.value <= value } == true ? state.inFlight.removeFirst() : nil
            }
            if done == nil { return }
        }
    }
}

extension Duration {
    /// Whole nanoseconds, at least 0 and as many as fit.
    fileprivate var nanoseconds: UInt64 {
        let (seconds, attoseconds) = components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        let (product, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? .max : product &+ UInt64(attoseconds / 1_000_000_000)
    }
}
