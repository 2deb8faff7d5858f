import PerceptVulkan

extension PhysicalDevice {
    /// The name of a file about this device with this driver, in the cache directory.
    func cacheFileName(_ kind: String, of part: String? = nil) -> String {
        "\(uuid)-\(String(driverVersion, radix: 16))\(part.map { "-\($0)" } ?? "").\(kind)"
    }
}
