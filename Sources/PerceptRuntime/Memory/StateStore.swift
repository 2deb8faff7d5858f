package import PerceptGraph
import PerceptNumbers
import PerceptVulkan

/// Device memory that outlives single runs, shared by the programs of one model: keys and values, tokens at hand, media.
package final class StateStore {
    private let gpu: OpenDevice
    private var slots: [StateSlot: (tensor: (shape: [Int], format: WeightType), buffer: Buffer)] = [:]

    package init(on gpu: OpenDevice) { self.gpu = gpu }

    /// Bytes held.
    package var byteCount: Int { slots.values.reduce(0) { $0 + $1.buffer.size } }

    /// Allocates what `graph` asks for and the store does not hold yet, zeroed; the shapes of known slots must agree.
    package func allocate(_ graph: Graph) throws {
        for (slot, tensor) in graph.states {
            if let known = slots[slot] {
                precondition(known.tensor == (tensor.shape, tensor.format), "\(slot.name) is \(known.tensor)")
                continue
            }
            let needed = UInt64(tensor.byteCount), available = gpu.device.availableMemory()
            guard needed <= available else { throw RuntimeError.memory(needed: needed, available: available) }
            let buffer = try Buffer(
                on: gpu.device, size: max(tensor.byteCount, 256), use: slot.isHostVisible ? .readback : .device,
                label: slot.name)
            let commands = try CommandBuffer(on: gpu.device, label: "clear \(slot.name)")
            try commands.begin()
            commands.fill(buffer, offset: 0, size: buffer.size / 4 * 4, with: 0)
            commands.barrier(from: .transfer, to: [.compute, .host])
            try commands.end()
            _ = try gpu.device.queue.wait(for: gpu.device.queue.submit([commands]))
            slots[slot] = ((tensor.shape, tensor.format), buffer)
        }
    }

    /// Lets go of all states. Programs that use them must be gone.
    package func removeAll() { slots = [:] }

    package func holds(_ slot: StateSlot) -> Bool { slots[slot] != nil }

    func buffer(_ slot: StateSlot) -> Buffer {
        guard let held = slots[slot] else { preconditionFailure("state \(slot.name) was not allocated") }
        return held.buffer
    }

    /// Fills a slot: rows of `tensor.columns` f32 values or words, padded as tensors are; a quantised slot word by word.
    package func write(_ slot: StateSlot, _ values: [UInt32]) throws {
        guard let (shape, format) = slots[slot]?.tensor else {
            preconditionFailure("state \(slot.name) was not allocated")
        }
        precondition(format == .plain(.f32) || !format.isPlain, "\(slot.name) is \(format)")
        let width = shape[shape.count - 1]
        let columns = format.isPlain ? width : format.rowByteCount(columns: width) / 4
        precondition(values.count == shape.dropLast().reduce(columns, *), "\(values.count) values for \(shape)")
        try fill(slot) { row, memory in
            values[row * columns..<(row + 1) * columns].withUnsafeBytes { bytes in
                if let base = bytes.baseAddress { memory.copyMemory(from: base, byteCount: bytes.count) }
            }
        }
    }

    /// Fills a slot row by row.
    ///
    /// - Parameter row: writes the row of a number, as it is stored, into zeroed memory.
    func fill(_ slot: StateSlot, _ row: (Int, UnsafeMutableRawPointer) -> Void) throws {
        guard let held = slots[slot] else { preconditionFailure("state \(slot.name) was not allocated") }
        let (shape, format) = held.tensor
        let stride = format.rowByteCount(columns: shape[shape.count - 1])
        let rows = shape.dropLast().reduce(1, *)
        let staging = Staging(gpu)
        let band = max(1, Staging.byteCount / stride)
        for first in Swift.stride(from: 0, to: rows, by: band) {
            let count = min(band, rows - first)
            _ = try staging.write(to: held.buffer, offset: first * stride, size: count * stride) { memory in
                memory.initializeMemory(as: UInt8.self, repeating: 0)
                guard let base = memory.baseAddress else { return true }
                for index in 0..<count { row(first + index, base + index * stride) }
                return true
            }
        }
        try staging.finish()
    }

    /// A copy of what a slot holds, for tests.
    package func contents(_ slot: StateSlot) throws -> [UInt8] {
        let buffer = buffer(slot)
        let readback = try Buffer(on: gpu.device, size: buffer.size, use: .readback, label: "contents")
        let commands = try CommandBuffer(on: gpu.device, label: "contents")
        try commands.begin()
        commands.barrier(from: [.compute, .transfer], to: .transfer)
        commands.copy(from: buffer, offset: 0, to: readback, offset: 0, size: buffer.size)
        commands.barrier(from: .transfer, to: .host)
        try commands.end()
        _ = try gpu.device.queue.wait(for: gpu.device.queue.submit([commands]))
        try readback.invalidate()
        return [UInt8](UnsafeRawBufferPointer(start: readback.mapped, count: buffer.size))
    }

    /// What kernels have written to a host-visible slot, once the submission that wrote it is done.
    package func read(_ slot: StateSlot) throws -> UnsafeRawBufferPointer {
        let buffer = buffer(slot)
        try buffer.invalidate()
        guard let memory = buffer.mapped else { preconditionFailure("\(slot.name) is not visible to the host") }
        return UnsafeRawBufferPointer(start: memory, count: buffer.size)
    }
}
