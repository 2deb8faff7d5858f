import PerceptVulkan
import Testing

extension VulkanRoom {
    @Suite struct QueueTests {
        @Test(arguments: [false, true])
        func recordedOnceRunsOften(separately: Bool) throws {
            let device = try SharedDevice.device
            let before = device.statistics
            let pipeline = try ShaderPipeline.triple(on: device, factor: 3, offset: 1)
            let buffer = try Buffer(on: device, size: 400, use: .readback)
            try buffer.fillWords(100) { UInt32($0) }
            let buffers = try (0..<2).map { _ in try CommandBuffer(on: device) }
            for commands in buffers {
                try commands.begin()
                commands.barrier()
                commands.bind(pipeline)
                commands.triple(from: buffer, to: buffer, count: 100)
                commands.barrier(to: .host)
                try commands.end()
            }
            let first = try device.queue.submit(buffers, separately: separately)
            #expect(try device.queue.wait(for: first, timeout: .seconds(60)))
            let second = try device.queue.submit([buffers[0]])
            #expect(first < second)
            #expect(try device.queue.wait(for: second, timeout: .seconds(60)))
            #expect(try device.queue.completedValue() == second)
            // x → 3x + 1, three times.
            #expect(try buffer.words(100) == (0..<100).map { UInt32($0) * 27 + 13 })
            #expect(device.statistics.recordedCommandBuffers == before.recordedCommandBuffers + 2)
            #expect(device.statistics.submissions == before.submissions + (separately ? 3 : 2))
        }

        @Test func waitingForWhatNeverCameTimesOut() throws {
            let device = try SharedDevice.device
            let commands = try CommandBuffer(on: device)
            try commands.begin()
            try commands.end()
            let last = try device.queue.submit([commands])
            #expect(try device.queue.wait(for: last))
            let other = try SharedDevice.open(messages: SharedDevice.messages)
            #expect(try other.queue.wait(for: last, timeout: .milliseconds(5)) == false)
        }

        @Test func nothingDiesWhileItRuns() throws {
            let messages = MessageLog()
            let faults = FaultInjection()
            do {
                let device = try SharedDevice.open(messages: messages, faults: faults)
                let pipeline = try ShaderPipeline.triple(on: device, factor: 5)
                let commands = try CommandBuffer(on: device)
                try commands.begin()
                commands.bind(pipeline)
                let count = 1 << 20
                let buffer = try Buffer(on: device, size: count * 4, use: .device)
                commands.triple(from: buffer, to: buffer, count: count)
                try commands.end()
                _ = try device.queue.submit([commands])
                // Everything is dropped here, unwaited for.
            }
            #expect(faults.liveObjects == 0)
            #expect(messages.take().isEmpty)
        }

        @Test(.enabled(if: (try? SharedDevice.device.physical.limits.timestampValidBits) ?? 0 > 0))
        func timestampsGrow() throws {
            let device = try SharedDevice.device
            let pool = try TimestampPool(on: device, count: 3)
            let buffer = try Buffer(on: device, size: 1 << 20, use: .device)
            let commands = try CommandBuffer(on: device)
            try commands.begin()
            commands.resetTimestamps(pool)
            commands.writeTimestamp(0, in: pool)
            commands.fill(buffer, size: 1 << 20, with: 1)
            commands.writeTimestamp(2, in: pool)
            try commands.end()
            #expect(try device.queue.wait(for: device.queue.submit([commands])))
            let times = try pool.nanoseconds()
            #expect(times[0] == 0 && times[1] == nil)
            #expect(try #require(times[2]) >= 0)
        }

        @Test func readingsSurviveAnOverflow() {
            var limits = DeviceLimits()
            limits.timestampValidBits = 36
            limits.timestampPeriod = 2
            #expect(limits.nanoseconds(from: (1 << 36) - 5, to: 7) == 24)
        }
    }
}
