import CPerceptVulkan

/// Times that the device writes as it reaches them.
package final class TimestampPool: Sendable {
    package let count: Int
    let handle: Handle
    private let device: LogicalDevice

    init(_ logical: LogicalDevice, count: Int) throws(VulkanError) {
        precondition(count > 0)
        var info = VkQueryPoolCreateInfo()
        info.sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO
        info.queryType = VK_QUERY_TYPE_TIMESTAMP
        info.queryCount = UInt32(count)
        handle = try logical.create("vkCreateQueryPool") {
            logical.functions.createQueryPool(logical.handle.raw, &info, nil, $0)
        }
        self.device = logical
        self.count = count
    }

    deinit {
        device.functions.destroyQueryPool(device.handle.raw, handle.raw, nil)
        device.faults.destroyed()
    }

    /// The times in ticks, of which only the valid bits count; nil for those not written since the last reset. The work
    /// that resets and writes them has been waited for.
    package func ticks() throws(VulkanError) -> [UInt64?] {
        // Pairs of a value and its availability.
        var words = [UInt64](repeating: 0, count: 2 * count)
        try words.withUnsafeMutableBufferPointer { words throws(VulkanError) in
            try read(0..<count, into: words.baseAddress)
        }
        let mask = device.physical.limits.timestampMask
        return (0..<count).map { words[2 * $0 + 1] == 0 ? nil : words[2 * $0] & mask }
    }

    /// Nanoseconds from one time to another, without the memory that all of them take; nil where either was not written.
    package func nanoseconds(from start: Int, to end: Int) throws(VulkanError) -> Double? {
        guard let start = try tick(start), let end = try tick(end) else { return nil }
        return device.physical.limits.nanoseconds(from: start, to: end)
    }

    private func tick(_ index: Int) throws(VulkanError) -> UInt64? {
        var word: (value: UInt64, available: UInt64) = (0, 0)
        try withUnsafeMutableBytes(of: &word) { bytes throws(VulkanError) in
            try read(index..<index + 1, into: bytes.baseAddress)
        }
        return word.available == 0 ? nil : word.value & device.physical.limits.timestampMask
    }

    /// - Parameter words: room for a value and its availability of each.
    private func read(_ range: Range<Int>, into words: UnsafeMutableRawPointer?) throws(VulkanError) {
        _ = try device.check("vkGetQueryPoolResults") {
            device.functions.getQueryPoolResults(
                device.handle.raw, handle.raw, UInt32(range.lowerBound), UInt32(range.count), range.count * 16, words,
                16,
                VK_QUERY_RESULT_64_BIT.rawValue | VK_QUERY_RESULT_WITH_AVAILABILITY_BIT.rawValue)
        }
    }

    /// The times in nanoseconds after the first one written; nil for those not written.
    package func nanoseconds() throws(VulkanError) -> [Double?] {
        let ticks = try ticks()
        guard let first = ticks.compactMap({ $0 }).first else { return ticks.map { _ in nil } }
        return ticks.map { $0.map { device.physical.limits.nanoseconds(from: first, to: $0) } }
    }
}

extension DeviceLimits {
    var timestampMask: UInt64 { timestampValidBits >= 64 ? .max : 1 << UInt64(timestampValidBits) - 1 }

    /// The time between two readings less than one overflow of the valid bits apart.
    package func nanoseconds(from start: UInt64, to end: UInt64) -> Double {
        Double((end &- start) & timestampMask) * timestampPeriod
    }
}
