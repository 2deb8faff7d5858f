package final class DeviceThread: Sendable { package init(name: String) {} }
extension Device { package func availableMemory() throws(VulkanError) -> UInt64 { 8 << 30 } }
