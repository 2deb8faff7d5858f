import CPerceptVulkan

/// One moment on two clocks: puts what the device and the host did on one time line.
package struct ClockCalibration: Hashable, Sendable {
    /// The device's timestamp, of which only the valid bits count.
    package let ticks: UInt64
    /// `HostClock` at that moment, nanoseconds.
    package let host: UInt64
    /// How far the two readings may be apart, nanoseconds.
    package let deviation: UInt64
    private let limits: DeviceLimits

    /// `HostClock` at a timestamp up to half an overflow of the valid bits before or after the calibration.
    package func hostTime(of ticks: UInt64) -> Double {
        let mask = limits.timestampMask
        let after = (ticks &- self.ticks) & mask
        let before = (self.ticks &- ticks) & mask
        let ticksApart = after <= before ? Double(after) : -Double(before)
        return Double(host) + ticksApart * limits.timestampPeriod
    }

    init(ticks: UInt64, host: UInt64, deviation: UInt64, limits: DeviceLimits) {
        self.ticks = ticks & limits.timestampMask
        self.host = host
        self.deviation = deviation
        self.limits = limits
    }
}

extension Device {
    /// Reads both clocks: through the driver where it offers that, else around the submission of a timestamp.
    ///
    /// - Returns: nil on devices without timestamps.
    package func calibrateClocks() throws(VulkanError) -> ClockCalibration? {
        guard physical.limits.timestampValidBits > 0 else { return nil }
        // The driver says how far apart its readings were; of a few, the closest.
        var best: ClockCalibration?
        for _ in 0..<8 {
            let read = try calibrated()
            guard let found = read == nil ? try submitted() : read else { return best }
            if found.deviation < best?.deviation ?? .max { best = found }
        }
        return best
    }

    private func calibrated() throws(VulkanError) -> ClockCalibration? {
        guard physical.features.contains(.calibratedTimestamps), try logical.calibratesHostClock(),
            let getTimestamps = logical.functions.getCalibratedTimestamps
        else { return nil }
        let infos = [VK_TIME_DOMAIN_DEVICE_EXT, VK_TIME_DOMAIN_CLOCK_MONOTONIC_EXT].map { domain in
            var info = VkCalibratedTimestampInfoEXT()
            info.sType = VK_STRUCTURE_TYPE_CALIBRATED_TIMESTAMP_INFO_EXT
            info.timeDomain = domain
            return info
        }
        var times: [UInt64] = [0, 0]
        var deviation: UInt64 = 0
        try logical.check("vkGetCalibratedTimestampsEXT") {
            getTimestamps(logical.handle.raw, UInt32(infos.count), infos, &times, &deviation)
        }
        return ClockCalibration(ticks: times[0], host: times[1], deviation: deviation, limits: physical.limits)
    }

    private func submitted() throws(VulkanError) -> ClockCalibration? {
        let pool = try TimestampPool(on: self, count: 1)
        let commands = try CommandBuffer(on: self, label: "clock")
        try commands.begin()
        commands.resetTimestamps(pool)
        commands.writeTimestamp(0, in: pool)
        try commands.end()
        let before = HostClock.now
        _ = try queue.wait(for: try queue.submit([commands]))
        let after = HostClock.now
        guard let ticks = try pool.ticks()[0] else { return nil }
        let half = (after - before) / 2
        return ClockCalibration(ticks: ticks, host: before + half, deviation: half, limits: physical.limits)
    }
}

extension LogicalDevice {
    /// Whether the driver reads `CLOCK_MONOTONIC` and its own clock together.
    fileprivate func calibratesHostClock() throws(VulkanError) -> Bool {
        guard let getDomains = instance.functions.getCalibrateableTimeDomains else { return false }
        let domains = try faults.enumerate(
            "vkGetPhysicalDeviceCalibrateableTimeDomainsEXT", of: VkTimeDomainEXT(rawValue: 0)
        ) { getDomains(physicalHandle.raw, $0, $1) }
        return [VK_TIME_DOMAIN_DEVICE_EXT, VK_TIME_DOMAIN_CLOCK_MONOTONIC_EXT].allSatisfy(domains.contains)
    }
}
