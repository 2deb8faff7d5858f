import Foundation
import PerceptVulkan
import Testing

extension VulkanRoom {
    @Suite struct FaultInjectionTests {
        /// Calls whose failure is nobody's business: names for tools, and the wait before everything is destroyed.
        static let silent: Set<String> = ["vkSetDebugUtilsObjectNameEXT", "vkDeviceWaitIdle"]

        /// Fails each occurrence of each call of a whole session: the error arrives with its type, nothing leaks, and
        /// the next session works.
        @Test func everyFailureIsReportedAndCleanedUp() throws {
            let faults = FaultInjection()
            try session(faults)
            #expect(faults.liveObjects == 0)
            let calls = faults.callsMade
            #expect(calls.count > 25, "\(calls.keys.sorted())")
            for (call, count) in calls.sorted(by: { $0.key < $1.key }) {
                // The first and the last are the interesting ones of many.
                for occurrence in Set([1, min(2, count), count]) {
                    faults.fail(call, occurrence: occurrence, with: VulkanError.deviceLost)
                    let error = #expect(throws: (any Error).self, "\(call) \(occurrence)") {
                        try session(faults)
                        if Self.silent.contains(call) { throw VulkanError(code: VulkanError.deviceLost, call: call) }
                    }
                    #expect(error.flatMap(Self.cause) == VulkanError(code: VulkanError.deviceLost, call: call))
                    #expect(faults.liveObjects == 0, "after \(call) \(occurrence)")
                }
                #expect(throws: Never.self, "after \(call)") { try session(faults) }
                #expect(faults.liveObjects == 0)
            }
        }

        @Test func fallsBackToWhatMemoryIsLeft() throws {
            let faults = FaultInjection()
            let device = try SharedDevice.open(messages: SharedDevice.messages, faults: faults, validation: false)
            faults.fail("vkAllocateMemory", with: VulkanError.outOfDeviceMemory)
            let buffer = try Buffer(on: device, size: 1000, use: .device)
            #expect(buffer.size == 1000 && device.memoryStatistics.reservedBytes < 1 << 20)
        }

        private static func cause(_ error: any Error) -> VulkanError? {
            switch error {
            case let error as VulkanError: error
            case VulkanSetupError.failed(let error): error
            case ImportError.refused(let error): error
            default: nil
            }
        }

        /// Opens a device, uses every part of the room once, and lets go of everything.
        private func session(_ faults: FaultInjection) throws {
            let directory = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
            defer { try? FileManager.default.removeItem(at: directory) }
            let device = try SharedDevice.open(messages: SharedDevice.messages, faults: faults, validation: false)
            let cache = try PipelineCache(on: device, directory: directory.path)
            let pipeline = try ShaderPipeline.triple(on: device, factor: 2, cache: cache)
            if let error = cache.save() { throw error }
            let source = try Buffer(on: device, size: 64, use: .upload)
            let destination = try Buffer(on: device, size: 64, use: .readback, label: "destination")
            try source.fillWords(16) { UInt32($0) }
            let timestamps = try TimestampPool(on: device, count: 2)
            let commands = try CommandBuffer(on: device)
            try commands.begin()
            commands.resetTimestamps(timestamps)
            commands.writeTimestamp(0, in: timestamps)
            commands.bind(pipeline)
            commands.triple(from: source, to: destination, count: 16)
            commands.barrier(to: .host)
            commands.writeTimestamp(1, in: timestamps)
            try commands.end()
            let submission = try device.queue.submit([commands])
            #expect(try device.queue.wait(for: submission))
            #expect(try device.queue.completedValue() >= submission)
            #expect(try destination.words(16) == (0..<16).map { $0 * 2 })
            #expect(try timestamps.nanoseconds().allSatisfy { $0 != nil })
            if device.physical.features.contains(.externalMemoryHost) {
                let alignment = device.physical.limits.minImportedHostPointerAlignment
                let memory = UnsafeMutableRawPointer.allocate(byteCount: alignment, alignment: alignment)
                defer { memory.deallocate() }
                _ = try Buffer.importing(hostPointer: memory, size: alignment, on: device)
            }
        }
    }
}
