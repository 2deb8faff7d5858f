import PerceptVulkan
import Testing

extension VulkanRoom {
    @Suite struct ClockTests {
        /// A timestamp lies between the host's times around its submission, on the clock that both are put on.
        @Test func timestampsLieWhereTheHostWaited() throws {
            let device = try SharedDevice.device
            guard device.physical.limits.timestampValidBits > 0 else { return }
            let pool = try TimestampPool(on: device, count: 1)
            let commands = try CommandBuffer(on: device)
            try commands.begin()
            commands.resetTimestamps(pool)
            commands.writeTimestamp(0, in: pool)
            try commands.end()
            for _ in 0..<3 {
                let start = HostClock.now
                _ = try device.queue.wait(for: device.queue.submit([commands]))
                let end = HostClock.now
                let clocks = try #require(try device.calibrateClocks())
                let time = clocks.hostTime(of: try #require(try pool.ticks()[0]))
                let slack = Double(clocks.deviation) + 2 * device.physical.limits.timestampPeriod
                #expect(time >= Double(start) - slack && time <= Double(end) + slack)
            }
        }

        /// Before and after the calibration, and across an overflow of the valid bits.
        @Test func hostTimes() throws {
            let device = try SharedDevice.device
            guard device.physical.limits.timestampValidBits > 0 else { return }
            let clocks = try #require(try device.calibrateClocks())
            let period = device.physical.limits.timestampPeriod
            for ticks in [-1000, 0, 1000] {
                let time = clocks.hostTime(of: clocks.ticks &+ UInt64(bitPattern: Int64(ticks)))
                // Doubles of nanoseconds since the start of the machine have a grain.
                #expect(abs(time - Double(clocks.host) - Double(ticks) * period) <= 4)
            }
        }
    }
}
