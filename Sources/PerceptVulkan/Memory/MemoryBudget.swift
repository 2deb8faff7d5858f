import CPerceptVulkan
import Foundation

extension Device {
    /// Bytes of device memory that can still be allocated, as far as the driver or the system says.
    ///
    /// On a CPU device this is what the system has left, since the driver's heap does not know about other programs; else
    /// the driver's budget less what this process uses; else nine tenths of the device-local heaps less what the pool
    /// holds.
    package func availableMemory() -> UInt64 {
        if let limit = logical.faults.memoryLimit { return limit - min(limit, memoryStatistics.bytes) }
        if physical.kind == .cpu, let available = Self.hostMemoryAvailable() { return available }
        if physical.features.contains(.memoryBudget) { return budget() }
        let heaps = physical.deviceLocalBytes
        let usable = heaps - heaps / 10
        return usable - min(usable, memoryStatistics.reservedBytes)
    }

    private func budget() -> UInt64 {
        var chain = StructChain()
        let properties = chain.appendZeroed(
            VkPhysicalDeviceMemoryProperties2.self, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2)
        let budget = chain.appendZeroed(
            VkPhysicalDeviceMemoryBudgetPropertiesEXT.self,
            VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT)
        logical.instance.functions.getPhysicalDeviceMemoryProperties2(logical.physicalHandle.raw, properties)
        return withUnsafeBytes(of: budget.pointee.heapBudget) { budgets in
            withUnsafeBytes(of: budget.pointee.heapUsage) { usages in
                let budgets = budgets.assumingMemoryBound(to: UInt64.self)
                let usages = usages.assumingMemoryBound(to: UInt64.self)
                return physical.memoryHeaps.indices.filter { physical.memoryHeaps[$0].isDeviceLocal }
                    .map { budgets[$0] - min(budgets[$0], usages[$0]) }.reduce(0, +)
            }
        }
    }

    /// `MemAvailable` of `/proc/meminfo` in bytes; nil where there is no such file.
    static func hostMemoryAvailable() -> UInt64? {
        guard let text = try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8) else { return nil }
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count >= 2, words[0] == "MemAvailable:" { return UInt64(words[1]).map { $0 * 1024 } }
        }
        return nil
    }
}
