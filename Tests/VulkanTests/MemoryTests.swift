import Foundation
import PerceptVulkan
import Testing

extension VulkanRoom {
    @Suite struct MemoryTests {
        @Test func buffersShareBlocksAndGiveThemBack() throws {
            let device = try SharedDevice.open(messages: SharedDevice.messages)
            #expect(device.memoryStatistics.memoryAllocations == 0)
            var buffers: [Buffer] = []
            for size in [1, 3, 255, 4096, 100_001] { buffers.append(try Buffer(on: device, size: size, use: .device)) }
            var statistics = device.memoryStatistics
            #expect(statistics.allocations == 5 && statistics.memoryAllocations == 1)
            #expect(statistics.bytes >= 104_356 && statistics.bytes <= statistics.reservedBytes)
            #expect(Set(buffers.map(\.address)).count == 5 && !buffers.map(\.address).contains(0))
            // Larger than any block: memory of its own.
            buffers.append(try Buffer(on: device, size: 300 << 20, use: .device))
            #expect(device.memoryStatistics.memoryAllocations == 2)
            buffers = []
            statistics = device.memoryStatistics
            #expect(statistics.allocations == 0 && statistics.bytes == 0 && statistics.reservedBytes == 0)
            #expect(statistics.peakBytes >= 300 << 20)
        }

        @Test func whatCannotBeIsAnError() throws {
            let device = try SharedDevice.device
            let error = #expect(throws: VulkanError.self) { try Buffer(on: device, size: 1 << 50, use: .device) }
            #expect(error?.isOutOfMemory == true)
        }

        @Test func hostSeesUploadAndReadback() throws {
            let device = try SharedDevice.device
            for use in [MemoryUse.upload, .readback] {
                #expect(try Buffer(on: device, size: 10, use: use).mapped != nil)
            }
            #expect(device.availableMemory() > 1 << 20)
        }

        @Test(.enabled(if: (try? SharedDevice.device.physical.features.contains(.externalMemoryHost)) == true))
        func hostMemoryIsUsedInPlace() throws {
            let device = try SharedDevice.device
            let alignment = device.physical.limits.minImportedHostPointerAlignment
            let memory = UnsafeMutableRawPointer.allocate(byteCount: 2 * alignment, alignment: alignment)
            defer { memory.deallocate() }
            #expect(throws: ImportError.misaligned(alignment: alignment)) {
                try Buffer.importing(hostPointer: memory + 4, size: alignment, on: device)
            }
            #expect(throws: ImportError.misaligned(alignment: alignment)) {
                try Buffer.importing(hostPointer: memory, size: alignment + 1, on: device)
            }
            let buffer = try Buffer.importing(hostPointer: memory, size: 2 * alignment, on: device)
            let commands = try CommandBuffer(on: device)
            try commands.begin()
            commands.fill(buffer, offset: alignment, size: alignment, with: 0xDEAD_BEEF)
            commands.barrier(from: .transfer, to: .host)
            try commands.end()
            #expect(try device.queue.wait(for: device.queue.submit([commands])))
            #expect(memory.load(fromByteOffset: 2 * alignment - 4, as: UInt32.self) == 0xDEAD_BEEF)
        }
    }
}
