package import PerceptFiles

/// Why no device could be opened, with what a person needs to put it right.
package enum VulkanSetupError: Error, Hashable, Sendable {
    /// None of these shared libraries could be opened.
    case loaderMissing(tried: [String])
    /// The loader offers an older API than 1.2.
    case loaderTooOld(version: String)
    /// A function that the API version promises is not there.
    case functionMissing(String)
    /// Validation was asked for and the layer is not installed.
    case validationLayerMissing
    /// The loader found no driver at all.
    case noDriver
    /// Drivers are there, devices are not.
    case noDevices
    /// No device answers to `request`, an index, a UUID or a part of a name.
    case deviceNotFound(request: String, available: [String])
    /// More than one device answers to `request`.
    case ambiguousDevice(request: String, matching: [String])
    /// The device lacks parts of the baseline.
    case missingFeatures(device: String, [String])
    /// A Vulkan call failed.
    case failed(VulkanError)

    /// Runs `body` and wraps its error.
    static func wrapping<Value>(_ body: () throws(VulkanError) -> Value) throws(VulkanSetupError) -> Value {
        do { return try body() } catch { throw .failed(error) }
    }
}

extension VulkanSetupError: KnownFault {
    package var kind: FaultKind { .unavailable }

    package var isDeviceLost: Bool {
        if case .failed(let error) = self { error.isDeviceLost } else { false }
    }
}

extension VulkanSetupError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .loaderMissing(let tried):
            "no Vulkan loader: could not open \(tried.joined(separator: " or "))"
        case .loaderTooOld(let version):
            "the Vulkan loader offers version \(version); 1.2 or newer is needed"
        case .functionMissing(let name):
            "the Vulkan driver does not offer \(name)"
        case .validationLayerMissing:
            "the layer VK_LAYER_KHRONOS_validation is not installed"
        case .noDriver:
            "the Vulkan loader found no driver that works"
        case .noDevices:
            "no Vulkan device"
        case .deviceNotFound(let request, let available):
            "no Vulkan device matches “\(request)”; there is \(available.joined(separator: ", "))"
        case .ambiguousDevice(let request, let matching):
            "“\(request)” matches more than one Vulkan device: \(matching.joined(separator: ", "))"
        case .missingFeatures(let device, let names):
            "\(device) lacks \(names.joined(separator: ", "))"
        case .failed(let error):
            error.description
        }
    }
}
