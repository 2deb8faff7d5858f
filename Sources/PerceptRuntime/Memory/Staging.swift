import PerceptVulkan

/// Two slots of host-visible memory: one is filled while the device copies from the other.
///
/// Where the host sees a buffer's memory itself, it is written in place and nothing is copied.
final class Staging {
    static let byteCount = 32 << 20

    private struct Slot {
        var buffer: Buffer
        var commands: CommandBuffer
        var pending: SubmissionID?
    }
    private let gpu: OpenDevice
    private var slots: [Slot] = []
    private var next = 0

    init(_ gpu: OpenDevice) { self.gpu = gpu }

    func write(
        to target: Buffer, offset: Int, size: Int, _ fill: (UnsafeMutableRawBufferPointer) throws -> Bool
    ) throws -> Bool {
        if let mapped = target.mapped {
            let fits = try fill(UnsafeMutableRawBufferPointer(start: mapped + offset, count: size))
            try target.flush()
            return fits
        }
        if slots.count < 2 {
            slots.append(
                Slot(
                    buffer: try Buffer(
                        on: gpu.device, size: max(Self.byteCount, size), use: .upload, label: "staging"),
                    commands: try CommandBuffer(on: gpu.device, label: "staging"), pending: nil))
            next = slots.count - 1
        }
        if let pending = slots[next].pending { _ = try gpu.device.queue.wait(for: pending) }
        slots[next].pending = nil
        if slots[next].buffer.size < size {
            slots[next].buffer = try Buffer(on: gpu.device, size: size, use: .upload, label: "staging")
        }
        let slot = slots[next]
        guard let memory = slot.buffer.mapped else {
            throw VulkanError(code: VulkanError.outOfHostMemory, call: "vkMapMemory")
        }
        let fits = try fill(UnsafeMutableRawBufferPointer(start: memory, count: size))
        try slot.buffer.flush()
        try slot.commands.begin()
        // The target may be written a second time, when f16 did not hold it.
        slot.commands.barrier(from: .transfer, to: .transfer)
        slot.commands.copy(from: slot.buffer, offset: 0, to: target, offset: offset, size: size)
        try slot.commands.end()
        slots[next].pending = try gpu.device.queue.submit([slot.commands])
        next = (next + 1) % slots.count
        return fits
    }

    /// Waits for the copies; programs that read the target start with a barrier.
    func finish() throws {
        for slot in slots {
            if let pending = slot.pending { _ = try gpu.device.queue.wait(for: pending) }
        }
    }
}
